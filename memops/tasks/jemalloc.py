"""jemalloc with profiling, under ``/opt/memops``, and nothing else touched."""

from __future__ import annotations

import re
from dataclasses import replace
from typing import TYPE_CHECKING

from memops.errors import HostError, UsageError
from memops.facts import jemalloc as facts
from memops.facts.file import entry
from memops.facts.os import platform, version_key
from memops.model.action import Dir, File, Link, Recipe, Run
from memops.model.step import Change, Step
from memops.tasks.entries import ensure, ensure_parents

if TYPE_CHECKING:
    from collections.abc import Generator, Mapping

    from memops.facts.os import Platform
    from memops.model.step import Probe

VERSION = "5.3.0"
UNWINDERS = ("libgcc", "libunwind")

PINS = {"5.3.0": "2db82d1e7119df3e71b7640219b6dfe84789bc0537983c3b7ac4f7189aecfeaa"}
"""The sha256 of upstream's release tarballs; Debian's ``.orig.tar.bz2`` of 5.3.0 is the same file."""

_ROOM = 4 << 20  # bytes: the library is 0.9 MB, and lies there twice while it is renamed
_OLDEST = "2.17"
_PATHS = (facts.path_of, facts.manifest_path)


def jemalloc(
    probe: Probe,
    *,
    version: str = VERSION,
    sha256: str = "",
    unwinder: str = "libgcc",
    malloc_conf: str = "",
    prefix: str = facts.PREFIX,
) -> Generator[Step, None, Mapping[str, object]]:
    """The library of *version* is installed below *prefix*, verified, and accepts *malloc_conf*.

    *unwinder* ``libunwind`` walks on where a JVM keeps frame pointers, so that the stacks have its Java
    callers; ``libgcc`` ends at the first Java frame. *sha256* is the pin of the release's tarball, needed where memops does not know the version.
    *version* ``distro`` links the distribution's own library instead. Raises `UsageError` for a
    version without a pin, `HostError` for a host that cannot have the library. Registers its
    ``path``: the file itself, as ``/proc/PID/maps`` has it.
    """
    pin = "" if version == "distro" else _pin(version, sha256)
    if unwinder not in UNWINDERS:
        raise UsageError("--unwinder", f"{unwinder!r} is none", f"say {' or '.join(UNWINDERS)}")
    path, manifest = (where(version, unwinder, prefix) for where in _PATHS)
    probe.prefetch(
        platform(path), entry(path, digest=True), facts.libunwind(),
        *((facts.installed(path), facts.manifest(manifest)) if pin else (facts.distro(),)),
        *((facts.complaint(path, malloc_conf),) if malloc_conf else ()),
    )  # fmt: skip
    host = probe(platform(path))
    if version == "distro":
        link = _distro(probe, unwinder)
        wanted: tuple[tuple[str, File | Link], ...] = ((path, link),)
        installed, used = _linked(probe, path, link), link.target
    else:
        _refuse(host)
        _refuse_unwinder(probe, unwinder)
        wanted = _files(host, version, pin, unwinder, prefix)
        installed, used = _installed(probe, host, wanted, pin), path
    if installed:
        _refuse_options(probe, path, malloc_conf)
        return {"path": used}
    _refuse_room(host)
    yield from ensure_parents(probe, path, Dir(0o755, *_owner(host)))
    put = False
    for place, what in wanted:
        for step in ensure(probe, place, what):
            put = True
            yield _readable(step, what)
    if put:
        yield verified(path, malloc_conf)
    return {"path": used}


def _pin(version: str, sha256: str) -> str:
    if not re.fullmatch(r"\d+(\.\d+)+", version):
        raise UsageError("--jemalloc", f"{version!r} is no version", "write 5.3.0, or distro")
    pin = (sha256 or PINS.get(version, "")).lower()
    if not pin:
        raise UsageError(
            "--jemalloc", f"memops has no checksum of jemalloc {version}",
            "say --jemalloc-sha256 with that of its release tarball",
        )  # fmt: skip
    if not re.fullmatch(r"[0-9a-f]{64}", pin):
        raise UsageError("--jemalloc-sha256", "not 64 hexadecimal digits", "run sha256sum on it")
    return pin


def _refuse(host: Platform) -> None:
    """Refuse a host on which no build of ours can run."""
    if host.libc == "musl":
        raise HostError(
            "jemalloc",
            f"this host's C library is musl {host.libc_version}: a preloaded glibc library stops"
            " every program from starting",
            "leave the host out, or link jemalloc into the app's own image",
        )
    if host.libc != "glibc" or not host.libc_version:
        raise HostError(
            "jemalloc", "this host's C library is not known to be glibc", "leave the host out"
        )
    if version_key(host.libc_version) < version_key(_OLDEST):
        raise HostError(
            "jemalloc", f"glibc {host.libc_version} is older than {_OLDEST}", "leave the host out"
        )


def _refuse_unwinder(probe: Probe, unwinder: str) -> None:
    if unwinder == "libunwind" and not probe(facts.libunwind()):
        raise HostError(
            "jemalloc",
            "this host has no libunwind.so.8: with the library preloaded no program would start",
            "install libunwind8 (Debian) or libunwind (Red Hat) there, or say --unwinder libgcc",
        )


def _refuse_room(host: Platform) -> None:
    if host.read_only:
        raise HostError(host.place, "it is mounted read-only", "remount it, or name another prefix")
    if not host.writable:
        raise HostError(host.place, "only another user may write there", "say --become")
    if host.free < _ROOM:
        raise HostError(
            host.place, f"{host.free >> 10} KiB are free, 4 MiB are needed", "make room"
        )


def _owner(host: Platform) -> tuple[str, str] | tuple[None, None]:
    """Root owns what root installs; anybody else can only own it themselves."""
    return ("root", "root") if host.euid == 0 else (None, None)


def _files(
    host: Platform, version: str, sha256: str, unwinder: str, prefix: str
) -> tuple[tuple[str, File], tuple[str, File]]:
    params = (
        ("version", version), ("variant", unwinder), ("sha256", sha256), ("arch", host.arch),
        ("libc_version", host.libc_version), ("page_size", str(host.page_size)),
        ("compiler", "yes" if host.compiler else "no"),
    )  # fmt: skip
    library, manifest = (where(version, unwinder, prefix) for where in _PATHS)
    owner = _owner(host)
    return (
        (library, File(Recipe("jemalloc", params), 0o755, *owner)),
        (manifest, File(Recipe("jemalloc-manifest", params), 0o644, *owner)),
    )


def _readable(step: Step, what: File | Link) -> Step:
    """*step*, told in the words of people where it puts what has yet to be made."""
    match what:
        case File(Recipe(params=params)):
            said = dict(params)
            after = "jemalloc {version} with profiling, for {arch} with glibc {libc_version}"
            after += ", unwinds with libunwind" * (said["variant"] == "libunwind")
            change = replace(step.change, after=after.format_map(said))
            return replace(step, change=change)
        case _:
            return step


def _distro(probe: Probe, unwinder: str) -> Link:
    found = probe(facts.distro())
    if found is None:
        raise HostError(
            "jemalloc", "the distribution's libjemalloc2 is not installed on this host",
            "type apt-get install libjemalloc2 (or jemalloc) there, or leave out --jemalloc distro",
        )  # fmt: skip
    if found.refusal:
        raise HostError(found.path, found.refusal, "leave out --jemalloc distro")
    if unwinder == "libunwind" and found.unwinder != unwinder:
        what = f"its unwinder is {found.unwinder}, not libunwind"
        raise HostError(found.path, what, "leave out --jemalloc distro, or --unwinder")
    return Link(found.path)


def _linked(probe: Probe, path: str, link: Link) -> bool:
    """Whether the distribution's library is linked there already."""
    now = probe(entry(path, digest=True))
    return now is not None and now.kind == "link" and now.target == link.target


def _installed(
    probe: Probe, host: Platform, wanted: tuple[tuple[str, File], tuple[str, File]], pin: str
) -> bool:
    """Whether the very library is there: by its digest in the manifest, and by its own word."""
    (path, file), (manifest, _) = wanted
    now, said = probe(entry(path, digest=True)), probe(facts.manifest(manifest))
    if now is None or said is None or (said.sha256, said.source_sha256) != (now.sha256, pin):
        return False
    if now.mode != file.mode or now.uid != host.euid:
        return False
    loaded = probe(facts.installed(path))
    if loaded is None or loaded.refusal:
        why = loaded.refusal if loaded else "it vanished"
        raise HostError(path, why, "roll it back and build it on the host itself")
    return True


def _refuse_options(probe: Probe, path: str, malloc_conf: str) -> None:
    if malloc_conf and (complaint := probe(facts.complaint(path, malloc_conf))):
        raise HostError(path, f"it refuses the options: {complaint}", "correct them")


def verified(path: str, malloc_conf: str) -> Step:
    """The library *path* loads into ``/bin/true``, profiles, unwinds, and accepts *malloc_conf*.

    Nothing is left to undo; the step is yielded where something was put, so that a library or
    options which would not work fail before any app is restarted.
    """
    verify = Run(("sh", "-c", facts.VERIFY, "memops-verify", path, malloc_conf))
    return Step(
        Change(f"library {path}", None, "loads, with profiling and a sound unwinder"),
        do=verify,
        undo=Run(("true",)),
    )
