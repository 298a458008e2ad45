"""What the jemalloc task plans on hosts of many kinds, and which it refuses, and why."""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING, Any, TypeVar

import pytest

from memops.errors import HostError, MemopsError, UsageError
from memops.facts import jemalloc as facts
from memops.facts.file import content, entry
from memops.facts.os import platform
from memops.model.action import Dir, File, Link, Output, Put, Recipe, Remove, Run
from memops.model.entry import Entry, format_stat
from memops.tasks.jemalloc import PINS, jemalloc

if TYPE_CHECKING:
    from memops.model.action import Look
    from memops.model.step import Query, Step

T = TypeVar("T")

LIBRARY = facts.path_of("5.3.0")
MANIFEST = facts.manifest_path("5.3.0")
UNWINDS = facts.path_of("5.3.0", "libunwind")
OTHER = facts.path_of("5.2.1")
DISTRO = facts.path_of("distro")
APT = "/usr/lib/x86_64-linux-gnu/libjemalloc.so.2"
CONF = "prof:true,lg_prof_sample:19"
PLATFORM = {
    "arch": "x86_64",
    "euid": "0",
    "page": "4096",
    "getconf": "glibc 2.36",
    "compiler": "/usr/bin/cc",
    "place": "/opt",
    "writable": "yes",
    "free": "100000",
    "mount": "rw",
}
STATS = 'Version: "5.3.0-0-g54e"\n  config.prof: true\n  config.prof_libgcc: true\n'
BUILT = f'{{"version": "5.3.0", "variant": "libgcc", "source_sha256": "{PINS["5.3.0"]}", "sha256": "ab"}}'


@dataclass(frozen=True)
class Host:
    """A host as it answers; what is not named is not there."""

    platform: dict[str, str] = field(default_factory=dict)
    entries: dict[str, Entry] = field(default_factory=dict)
    files: dict[str, str] = field(default_factory=dict)
    stats: dict[str, str] = field(default_factory=dict)
    complaint: str = ""
    libunwind: bool = False

    def answers(self) -> dict[Look, Output]:
        lines = (PLATFORM | self.platform).items()
        said = "".join(f"{key} {value}\n" for key, value in lines if value)
        known: dict[Look, Output] = {}
        known[facts.libunwind().looks[0]] = Output(0, b"yes\n" * self.libunwind)
        for path in (LIBRARY, UNWINDS, DISTRO, OTHER):
            known[platform(path).looks[0]] = Output(0, said.encode())
        for path, there in ({"/opt": _dir()} | self.entries).items():
            for digest in (False, True):
                known[entry(path, digest=digest).looks[0]] = Output(0, format_stat(there))
        for path, text in self.files.items():
            known[content(path).looks[0]] = Output(0, text.encode())
        for path, text in self.stats.items():
            look = facts.distro() if path == APT else facts.installed(path)
            known[look.looks[0]] = Output(0, f"path {path}\n{text}".encode())
        rc = 134 if self.complaint else 0
        known[facts.complaint(LIBRARY, CONF).looks[0]] = Output(rc, self.complaint.encode())
        return known


class Probe:
    """Reads what a `Host` says; to any other look the answer is that nothing is there."""

    def __init__(self, host: Host) -> None:
        self.known = host.answers()

    def __call__(self, query: Query[T], /) -> T:
        return query.parse(
            tuple(
                self.known.get(look, Output(0 if isinstance(look, Run) else 1))
                for look in query.looks
            )
        )

    def prefetch(self, *queries: Query[Any]) -> None:
        """Nothing is saved here."""


def _dir() -> Entry:
    return Entry("dir", 0o755, 0, 0, "root", "root", 4096, 0)


def _file(sha256: str = "ab", mode: int = 0o755, uid: int = 0) -> Entry:
    return Entry("file", mode, uid, 0, "root", "root", 9, 0, "", sha256)


def plan(host: Host, **params: str) -> list[Step]:
    return list(jemalloc(Probe(host), **params))


INSTALLED = Host(
    entries={LIBRARY: _file()}, files={MANIFEST: BUILT}, stats={LIBRARY: STATS}
)  # fmt: skip
LINKED = Host(
    entries={DISTRO: Entry("link", 0o777, 0, 0, "root", "root", 0, 0, APT)}, stats={APT: STATS}
)


def test_everything_is_installed_below_opt_memops_and_can_be_undone() -> None:
    steps = plan(Host())
    params = (
        ("version", "5.3.0"), ("variant", "libgcc"), ("sha256", PINS["5.3.0"]), ("arch", "x86_64"),
        ("libc_version", "2.36"), ("page_size", "4096"), ("compiler", "yes"),
    )  # fmt: skip
    top = "/opt/memops/jemalloc-5.3.0-libgcc"
    expected: list[tuple[str, Dir | File]] = [
        ("/opt/memops", Dir(0o755, "root", "root")),
        (top, Dir(0o755, "root", "root")),
        (f"{top}/lib", Dir(0o755, "root", "root")),
        (LIBRARY, File(Recipe("jemalloc", params), 0o755, "root", "root")),
        (MANIFEST, File(Recipe("jemalloc-manifest", params), 0o644, "root", "root")),
    ]
    assert [step.do for step in steps[:-1]] == [Put(path, what) for path, what in expected]
    assert [step.undo for step in steps[:-1]] == [Remove(path) for path, _ in expected]
    assert steps[3].change.after == "jemalloc 5.3.0 with profiling, for x86_64 with glibc 2.36"
    assert steps[-1].do == Run(("sh", "-c", facts.VERIFY, "memops-verify", LIBRARY, ""))


def test_a_directory_that_is_there_is_no_step() -> None:
    steps = plan(Host(entries={"/opt/memops": _dir()}))
    assert all(step.undo != Remove("/opt/memops") for step in steps)


@pytest.mark.parametrize(
    ("host", "params"),
    [(INSTALLED, {}), (INSTALLED, {"malloc_conf": CONF}), (LINKED, {"version": "distro"})],
)
def test_what_is_installed_is_left_alone(host: Host, params: dict[str, str]) -> None:
    assert plan(host, **params) == []


CHANGED = {
    "another library": {"entries": {LIBRARY: _file("cd")}},
    "another mode": {"entries": {LIBRARY: _file(mode=0o700)}},
    "another owner": {"entries": {LIBRARY: _file(uid=1000)}},
    "no manifest": {"files": {}},
    "another source": {"files": {MANIFEST: BUILT.replace(PINS["5.3.0"], "0" * 64)}},
}


@pytest.mark.parametrize("changes", CHANGED.values(), ids=CHANGED.keys())
def test_what_somebody_changed_is_installed_again(changes: dict[str, Any]) -> None:
    host = replace(INSTALLED, **changes)
    assert LIBRARY in [step.do.path for step in plan(host) if isinstance(step.do, Put)]


def test_the_distributions_library_is_linked() -> None:
    steps = plan(Host(stats={APT: STATS}), version="distro")
    assert [step.do for step in steps[-2:-1]] == [Put(DISTRO, Link(APT))]


def test_who_is_not_root_owns_what_they_install() -> None:
    steps = plan(Host(platform={"euid": "1000"}))
    owners = {
        (step.do.entry.owner, step.do.entry.group) for step in steps if isinstance(step.do, Put)
    }
    assert owners == {(None, None)}


def test_libunwind_lies_beside_the_other_and_is_told_apart() -> None:
    steps = plan(Host(libunwind=True), unwinder="libunwind")
    puts = {step.do.path: step for step in steps if isinstance(step.do, Put)}
    recipe = puts[UNWINDS].do
    assert isinstance(recipe, Put)
    assert isinstance(recipe.entry, File)
    assert isinstance(recipe.entry.content, Recipe)
    assert dict(recipe.entry.content.params)["variant"] == "libunwind"
    assert LIBRARY not in puts
    assert str(puts[UNWINDS].change.after).endswith("glibc 2.36, unwinds with libunwind")


REFUSED: dict[str, tuple[Host, dict[str, str], type[MemopsError], str]] = {
    "musl": (
        Host({"getconf": "", "ldd": "musl libc (x86_64) Version 1.2.5"}), {}, HostError,
        "jemalloc: this host's C library is musl 1.2.5: a preloaded glibc library stops every",
    ),
    "no glibc": (Host({"getconf": ""}), {}, HostError, "is not known to be glibc; leave the host out"),
    "old glibc": (Host({"getconf": "glibc 2.12"}), {}, HostError, "glibc 2.12 is older than 2.17"),
    "read-only": (
        Host({"mount": "ro,noatime"}), {}, HostError,
        "/opt: it is mounted read-only; remount it, or name another prefix",
    ),
    "not ours": (Host({"writable": "", "euid": "7"}), {}, HostError, "/opt: only another user may"),
    "no libunwind": (
        Host(), {"unwinder": "libunwind"}, HostError,
        ("jemalloc: this host has no libunwind.so.8: with the library preloaded no program would"
        " start; install libunwind8 (Debian) or libunwind (Red Hat) there, or say --unwinder libgcc"),
    ),
    "a package with another unwinder": (
        Host(stats={APT: STATS}), {"version": "distro", "unwinder": "libunwind"}, HostError,
        f"{APT}: its unwinder is libgcc, not libunwind; leave out --jemalloc distro, or --unwinder",
    ),
    "an unknown unwinder": (
        Host(), {"unwinder": "frameptr"}, UsageError,
        "--unwinder: 'frameptr' is none; say libgcc or libunwind",
    ),
    "full": (Host({"free": "12"}), {}, HostError, "/opt: 12 KiB are free, 4 MiB are needed; make room"),
    "an unknown version": (
        Host(), {"version": "5.1.0"}, UsageError,
        "--jemalloc: memops has no checksum of jemalloc 5.1.0; say --jemalloc-sha256 with",
    ),
    "no version": (Host(), {"version": "../x"}, UsageError, "'../x' is no version; write 5.3.0"),
    "no checksum": (Host(), {"sha256": "12ab"}, UsageError, "not 64 hexadecimal digits"),
    "no package": (Host(), {"version": "distro"}, HostError, "libjemalloc2 is not installed"),
    "a package without profiling": (
        Host(stats={APT: STATS.replace("prof: true", "prof: false")}), {"version": "distro"},
        HostError, f"{APT}: it was built without profiling (config.prof: false); leave out",
    ),
    "a library that does not load": (
        Host(entries=INSTALLED.entries, files=INSTALLED.files, stats={LIBRARY: "Killed\n"}),
        {}, HostError, f"{LIBRARY}: it cannot be loaded; roll it back",
    ),
    "refused options": (
        Host(entries=INSTALLED.entries, files=INSTALLED.files, stats=INSTALLED.stats,
             complaint="<jemalloc>: Invalid conf pair: x:1\nAborted\n"),
        {"malloc_conf": CONF}, HostError,
        f"{LIBRARY}: it refuses the options: <jemalloc>: Invalid conf pair: x:1; correct them",
    ),
}  # fmt: skip


@pytest.mark.parametrize(("host", "params", "kind", "said"), REFUSED.values(), ids=REFUSED.keys())
def test_a_host_is_refused(
    host: Host, params: dict[str, str], kind: type[MemopsError], said: str
) -> None:
    with pytest.raises(kind) as refused:
        plan(host, **params)
    assert said in str(refused.value)
    assert "\n" not in str(refused.value)


def test_another_version_with_its_own_checksum() -> None:
    steps = plan(Host(), version="5.2.1", sha256="AB" * 32)
    paths = [step.do.path for step in steps if isinstance(step.do, Put)]
    assert "/opt/memops/jemalloc-5.2.1-libgcc/build.json" in paths
