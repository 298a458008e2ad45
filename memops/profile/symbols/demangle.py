"""The names that programmers gave: C++ (Itanium ABI) and Rust symbols made readable.

C++ names go through ``__cxa_demangle`` of the system's libstdc++ or libc++abi where one is present;
without one, the nested name is read and the types of parameters are left out.
"""

from __future__ import annotations

import re
from contextlib import suppress
from functools import cache
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Callable

_RUST_HASH = re.compile(r"::h[0-9a-f]{16}$")
_RUST_ESCAPES = {
    "$LT$": "<", "$GT$": ">", "$LP$": "(", "$RP$": ")", "$C$": ",", "$RF$": "&", "$BP$": "*",
    "$SP$": "@", "$u20$": " ", "$u27$": "'", "$u5b$": "[", "$u5d$": "]", "$u7b$": "{", "$u7d$": "}",
    "$u7e$": "~", "..": "::",
}  # fmt: skip
_RUST_ESCAPE = re.compile("|".join(map(re.escape, _RUST_ESCAPES)))
_RUST_LEGACY = re.compile(r"_ZN(?:[0-9].*)17h[0-9a-f]{16}E(?:\.[\w.]+)?$")
_LIBRARIES = ("libstdc++.so.6", "libc++abi.so.1", "libc++.1.dylib")
_LENGTH_LIMIT = 4096
_PART = re.compile(r"\d{1,4}")


@cache
def demangle(symbol: str) -> str:
    """*symbol* as its author wrote it; unchanged if it is not mangled or not understood."""
    if not symbol.startswith(("_Z", "__Z", "_R")) or len(symbol) > _LENGTH_LIMIT:
        return symbol
    if symbol.startswith("_R"):
        from memops.profile.symbols.rust import rust_v0  # noqa: PLC0415 - most profiles have none

        return rust_v0(symbol) or symbol
    if _RUST_LEGACY.match(symbol):
        return _rust(symbol)
    through = _cxa_demangle()
    return (through(symbol) if through else "") or _nested(symbol) or symbol


def _rust(symbol: str) -> str:
    """A legacy Rust name: nested as in C++, with escapes and a hash (rustc's symbol mangling)."""
    plain = _RUST_HASH.sub("", _nested(symbol))
    parts = [part[part.startswith("_$") :] for part in plain.split("::")]
    return _RUST_ESCAPE.sub(lambda found: _RUST_ESCAPES[found[0]], "::".join(parts))


def _nested(symbol: str) -> str:
    """The nested name in ``_ZN...E`` or ``_Z<length><name>``, without parameters."""
    at, parts = 2, []
    nested = symbol.startswith("N", at)
    at += nested
    while found := _PART.match(symbol, at):
        start, length = found.end(), int(found[0])
        parts.append(symbol[start : start + length])
        at = start + length
        if not nested:
            break
    whole = at <= len(symbol) and (not nested or symbol.startswith("E", at))
    return "::".join(parts) if parts and whole else ""


@cache
def _cxa_demangle() -> Callable[[str], str] | None:
    """``abi::__cxa_demangle`` as a function from text to text, or None where there is none."""
    import ctypes  # noqa: PLC0415 - costs 15 ms, and most profiles of C and Java need it not

    for name in _LIBRARIES:
        with suppress(OSError, AttributeError):
            return _through(ctypes, ctypes.CDLL(name))
    return None


def _through(ctypes: Any, library: Any) -> Callable[[str], str]:
    """The demangler in *library*: its result is allocated by malloc and freed here."""
    call, free = getattr(library, "__cxa_demangle"), library.free
    call.restype, free.argtypes = ctypes.c_void_p, [ctypes.c_void_p]
    call.argtypes = [ctypes.c_char_p, ctypes.c_void_p, ctypes.c_void_p, ctypes.c_void_p]

    def through(symbol: str) -> str:
        if not (found := call(symbol.encode(), None, None, None)):
            return ""
        text: bytes = ctypes.string_at(found)
        free(found)
        return text.decode("utf-8", "replace")

    return through
