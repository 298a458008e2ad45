"""The kinds of a region of memory, and by which words others call them."""

from __future__ import annotations

ARENA, BRK, MALLOC, JEMALLOC, MIMALLOC = "glibc arena", "[heap]", "malloc", "jemalloc", "mimalloc"
JAVA_HEAP, CODE, CLASS_SPACE, METASPACE = "Java heap", "code cache", "class space", "metaspace"
CDS, GC, JVM, STACK = "CDS", "GC", "JVM", "thread stack"
GO, FILE, SHARED, KERNEL, NAMED, ANONYMOUS = (
    "Go heap", "file", "shared memory", "kernel", "named anonymous", "anonymous")  # fmt: skip

C_HEAP = frozenset((ARENA, BRK, MALLOC, JEMALLOC, MIMALLOC))
"""What malloc gives out, where it can be told by its address."""

OF_NMT = {
    "Java Heap": JAVA_HEAP, "Code": CODE, "Class": CLASS_SPACE, "Metaspace": METASPACE,
    "Thread Stack": STACK, "Thread": STACK, "GC": GC, "Shared class space": CDS,
}  # fmt: skip
"""HotSpot's ``allocation.hpp``/``memTag.hpp``: categories of NMT; the others are the JVM's own."""

OF_SYSTEM_MAP = {
    "JAVAHEAP": JAVA_HEAP, "CODE": CODE, "CLASS": CLASS_SPACE, "META": METASPACE,
    "GC": GC, "CARDTBL": GC, "CDS": CDS,
}  # fmt: skip
"""HotSpot's ``memMapPrinter.cpp``."""
