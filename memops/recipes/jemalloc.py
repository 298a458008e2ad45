"""jemalloc with profiling, built once for each platform and kept in the controller's cache."""

from __future__ import annotations

import hashlib
import json
import shlex
import sys
import tempfile
import time
from contextlib import contextmanager
from dataclasses import asdict, dataclass, replace
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any

from memops.errors import HostError, UsageError
from memops.facts.os import version_key
from memops.model.action import Local
from memops.model.event import Note, Progress
from memops.model.host import ConnectOptions, Host
from memops.recipes import places
from memops.recipes.build import BuildFailed, brew, progress_of
from memops.recipes.elf import needs
from memops.recipes.lock import alone
from memops.recipes.places import FLOOR, TARGETS, Target
from memops.recipes.source import obtain, repack

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from memops.model.action import Recipe, Run
    from memops.model.event import Sink
    from memops.recipes.kitchen import Kitchen
    from memops.transport.base import Session

    Builder = Callable[["Wanted", places.Chosen, Session, Kitchen, Sink], bytes]

LIBRARY, MANIFEST = "libjemalloc.so.2", "build.json"

_OPTIONS = ("--enable-prof", "--disable-cxx", "--disable-static", "--disable-doc")
_MOMENT = 1.0  # seconds in which like hosts that are asked at the same time begin their build
# With these alone a library loads wherever glibc is; a missing one stops the app (exit code 127).
_EVERYWHERE = ("libc.so.6", "libm.so.6", "libgcc_s.so.1", "libpthread.so.0", "libdl.so.2")
_UNWINDERS = {"libgcc": (), "libunwind": ("--enable-prof-libunwind",)}
_LIBUNWIND = "libunwind.so.8"
_LOADERS = ("ld-linux-x86-64.so.2", "ld-linux-aarch64.so.1", "ld-linux.so.2", "ld64.so.2")


@dataclass(frozen=True, slots=True)
class Wanted:
    """A library that a host asks for: the release, its tarball's sha256, and for what platform."""

    version: str
    sha256: str
    variant: str
    target: Target
    compiler: bool = False

    @property
    def options(self) -> tuple[str, ...]:
        """What configure is given; the page size is the host's, so that no other is assumed."""
        unwinder = _UNWINDERS[self.variant]
        return (*_OPTIONS, *unwinder, f"--with-lg-page={self.target.page_size.bit_length() - 1}")

    def key(self, *, portable: bool) -> str:
        """The name of the build in the cache; like hosts ask for the same."""
        libc = f"glibc{FLOOR}-portable" if portable else f"glibc{self.target.libc_version}"
        made_of = hashlib.sha256("\0".join((self.sha256, *self.options)).encode()).hexdigest()
        name = f"jemalloc-{self.version}-{self.variant}-{self.target.arch}"
        return f"{name}-{libc}-{made_of[:12]}"


def wanted(recipe: Recipe) -> Wanted:
    """What *recipe* asks for."""
    params = dict(recipe.params)
    target = Target(params["arch"], params["libc_version"], int(params["page_size"]))
    named = (params["version"], params["sha256"], params["variant"])
    return Wanted(*named, target, compiler=params.get("compiler") == "yes")


def build(recipe: Recipe, session: Session, kitchen: Kitchen, sink: Sink) -> Local:
    """The library that *recipe* asks for, from the cache or built now."""
    return _local(built(wanted(recipe), session, kitchen, sink) / LIBRARY)


def manifest(recipe: Recipe, session: Session, kitchen: Kitchen, sink: Sink) -> Local:
    """The text that tells what that library is and how it was made."""
    return _local(built(wanted(recipe), session, kitchen, sink) / MANIFEST)


def built(
    wanted: Wanted,
    session: Session,
    kitchen: Kitchen,
    sink: Sink,
    build: Builder | None = None,
) -> Path:
    """The directory of the cache with the library and its manifest, made by *build* if need be.

    However many hosts ask at once, one build is made; a failure that would meet every like host is
    told to all who waited, and not tried again for each.
    """
    asked, build = time.time_ns(), build or _build
    if (found := _cached(wanted, kitchen)) is not None:
        return _shippable(found, wanted, session.host)

    def waiting() -> None:
        sink(Note(session.host, f"waits for jemalloc {wanted.version}, which is being built"))

    try:
        place = partial(places.choose, session.host, wanted.target, here=places.here())
        chosen = place(
            wanted=kitchen.place, compiler=wanted.compiler, libunwind=wanted.variant == "libunwind"
        )
    except HostError:
        if (found := _of_a_like_host(wanted, kitchen, waiting)) is None:
            raise
        return _shippable(found, wanted, session.host)
    directory = kitchen.cache / "builds" / wanted.key(portable=chosen == "portable")
    with alone(directory.with_name(f"{directory.name}.lock"), waiting):
        if (found := _cached(wanted, kitchen)) is None:
            with _told_to_all(directory.with_name(f"{directory.name}.failed"), asked):
                library = build(wanted, chosen, session, kitchen, sink)
                found = _keep(library, directory, wanted, chosen, session.host)
    return _shippable(found, wanted, session.host)


def _cached(wanted: Wanted, kitchen: Kitchen) -> Path | None:
    """A whole build of the cache that will do: made for the platform, or portable."""
    exact, portable = (
        kitchen.cache / "builds" / wanted.key(portable=portable) for portable in (False, True)
    )
    if kitchen.place == "portable":
        return _whole(portable)
    return _whole(exact) or (_whole(portable) if kitchen.place == "auto" else None)


def _of_a_like_host(wanted: Wanted, kitchen: Kitchen, waiting: Callable[[], None]) -> Path | None:
    """What a like host that has a compiler is just having built, or None."""
    time.sleep(_MOMENT)
    lock = kitchen.cache / "builds" / f"{wanted.key(portable=False)}.lock"
    if not lock.exists():
        return None
    with alone(lock, waiting):
        return _cached(wanted, kitchen)


def _whole(directory: Path) -> Path | None:
    try:
        said = json.loads((directory / MANIFEST).read_bytes())
        digest = hashlib.sha256((directory / LIBRARY).read_bytes()).hexdigest()
    except (OSError, ValueError):
        return None
    return directory if isinstance(said, dict) and said.get("sha256") == digest else None


def _shippable(directory: Path, wanted: Wanted, host: str) -> Path:
    """*directory*, if a process of the host would start with its library."""
    need = needs(directory / LIBRARY)
    if version_key(need.glibc) > version_key(wanted.target.libc_version):
        raise HostError(
            host,
            f"the library needs glibc {need.glibc}, the host has {wanted.target.libc_version}:"
            " the app would not start",
            "say --build host or --build portable",
        )
    return directory


def _keep(library: bytes, directory: Path, wanted: Wanted, chosen: str, host: str) -> Path:
    """Check *library* and put it into the cache, all at once."""
    directory.parent.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(dir=directory.parent, prefix=".new-") as scratch:
        fresh = Path(scratch) / directory.name
        fresh.mkdir()
        (fresh / LIBRARY).write_bytes(library)
        text = _manifest(fresh / LIBRARY, wanted, chosen, host)
        (fresh / MANIFEST).write_text(text)
        if directory.exists():  # not whole, or it would have been used
            directory.rename(Path(scratch) / "old")
        fresh.rename(directory)
    return directory


def _manifest(path: Path, wanted: Wanted, chosen: str, host: str) -> str:
    need = needs(path)
    portable = chosen == "portable"
    own = (_LIBUNWIND,) if wanted.variant == "libunwind" else ()
    extra = sorted(set(need.libraries) - {*_EVERYWHERE, *_LOADERS, *own})
    lacks = sorted(set(own) - set(need.libraries))
    wrong = (
        (need.arch != wanted.target.arch, f"a library for {need.arch} came out"),
        (not need.profiling, f"jemalloc {wanted.version} came out without profiling"),
        (bool(lacks), f"jemalloc {wanted.version} came out without libunwind"),
        (bool(extra), f"the library needs {', '.join(extra)}, which hosts may lack"),
    )
    for met, what in wrong:
        if met:
            raise BuildFailed(host, what, "say --build portable", contagious=True)
    said: dict[str, Any] = {
        "name": "jemalloc", "version": wanted.version, "variant": wanted.variant,
        "source_sha256": wanted.sha256, "options": list(wanted.options), "built": chosen,
        "needs_glibc": need.glibc, "needs_libraries": list(need.libraries),
        "sha256": hashlib.sha256(path.read_bytes()).hexdigest(), "size": path.stat().st_size,
        "target": asdict(replace(wanted.target, libc_version=FLOOR) if portable else wanted.target),
    }  # fmt: skip
    return json.dumps(said, indent=2) + "\n"


@contextmanager
def _told_to_all(note: Path, asked: int) -> Iterator[None]:
    """Raise again what failed for somebody else since *asked* (ns); keep what fails now."""
    try:
        said = json.loads(note.read_text())
    except (OSError, ValueError):
        said = {"when": 0}
    if said["when"] > asked:
        raise BuildFailed(said["where"], said["what"], said["remedy"], contagious=True)
    try:
        yield
    except (BuildFailed, UsageError) as error:
        if isinstance(error, UsageError) or error.contagious:
            kept = {"where": error.where, "what": error.what, "remedy": error.remedy}
            note.write_text(json.dumps({"when": time.time_ns(), **kept}))
        raise


def _build(
    wanted: Wanted, chosen: places.Chosen, session: Session, kitchen: Kitchen, sink: Sink
) -> bytes:
    def note(text: str) -> None:
        sink(Note(session.host, text))

    def host_apt(look: Run) -> bytes:
        return b"".join(session.stream(look))

    sink(Progress(session.host, f"getting the source of jemalloc {wanted.version}"))
    tarball = obtain(wanted.version, wanted.sha256, kitchen, note, host_apt)
    source, what = repack(tarball), f"jemalloc {wanted.version}"
    where = session.host if chosen == "host" else "controller"
    note(f"{what} is built on {where}, once for {wanted.target.arch} {_libc(wanted, chosen)}")
    hear = progress_of(sink, where, what)
    work = partial(brew, source=source, hear=hear, deadline=kitchen.deadline)
    try:
        if chosen == "host":
            return work(session, options=wanted.options)
        return _build_here(wanted, chosen, kitchen, work)
    except BuildFailed as error:
        log = kitchen.cache / "builds" / f"{wanted.key(portable=chosen == 'portable')}.log"
        log.write_text(error.log + "\n")
        remedy = error.remedy.replace("the log", str(log))
        raise BuildFailed(
            error.where, error.what, remedy, contagious=error.contagious, log=error.log
        ) from error


def _libc(wanted: Wanted, chosen: str) -> str:
    return (
        f"glibc {FLOOR} and later"
        if chosen == "portable"
        else f"glibc {wanted.target.libc_version}"
    )


def _build_here(wanted: Wanted, chosen: str, kitchen: Kitchen, work: Callable[..., bytes]) -> bytes:
    from memops.transport.local import connect  # noqa: PLC0415  # most runs build nothing

    controller = Host("controller", connection="local")
    with connect(controller, ConnectOptions()) as connection:
        if chosen == "controller":
            return work(connection.session(), options=wanted.options)
        with tempfile.TemporaryDirectory(prefix="memops-zig-") as scratch:
            compiler = _zig(Path(scratch), wanted.target.arch)
            env = (
                ("CC", str(compiler)),
                # configure's own test links without -lunwind, fails, and falls to an unwinder
                # that crashes; what it looks for is in LLVM's libunwind.
                ("ac_cv_lib_gcc__Unwind_Backtrace", "yes"),
                ("MEMOPS_LIBS", "-lunwind -lm -pthread -ldl"),
                ("ZIG_GLOBAL_CACHE_DIR", str(kitchen.cache / "zig")),
                ("ZIG_LOCAL_CACHE_DIR", scratch),
            )
            options = (*wanted.options, f"--host={TARGETS[wanted.target.arch]}")
            return work(connection.session(), options=options, env=env)


def _zig(scratch: Path, arch: str) -> Path:
    """A compiler in *scratch* for *arch* with the glibc of the floor."""
    compiler = scratch / "cc"
    python = shlex.quote(sys.executable)
    target = f"{TARGETS[arch]}.{FLOOR}"
    compiler.write_text(f'#!/bin/sh\nexec {python} -m ziglang cc -target {target} "$@"\n')
    compiler.chmod(0o700)
    return compiler


def _local(path: Path) -> Local:
    content = path.read_bytes()
    return Local(str(path), hashlib.sha256(content).hexdigest(), len(content))
