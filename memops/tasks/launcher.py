"""Launch settings that put jemalloc with profiling under an app; one task, four shapes of file."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

from memops.errors import HostError, StepFailed, UsageError
from memops.facts import file as files
from memops.facts import launch
from memops.facts.jemalloc import complaint
from memops.facts.launch import END, MARK, Settings
from memops.facts.process import processes
from memops.model.action import Dir, File, Remove, Run
from memops.model.step import Change, Query, Step
from memops.tasks.entries import ensure, ensure_parents
from memops.tasks.fresh import restart
from memops.tasks.sandbox import to_be_opened
from memops.units import format_size, parse_size

if TYPE_CHECKING:
    from collections.abc import Generator, Iterator, Mapping

    from memops.facts.process import Process
    from memops.model.app import App
    from memops.model.entry import Entry
    from memops.model.step import Probe
    from memops.tasks.template import Render

_FRAME_POINTER = "-XX:+PreserveFramePointer"
_BLOCK = re.compile(rf"^{re.escape(MARK)}.*?^{re.escape(END)}\n", re.MULTILINE | re.DOTALL)


def launcher(
    probe: Probe,
    *,
    app: App,
    library: str,
    run: str,
    host: str,
    root: str = "/var/lib/memops",
    sample: str | int = "512KiB",
    interval: str | int = "1GiB",
    options: str = "",
    frame_pointers: bool = False,
    render: Render,
) -> Generator[Step, None, Mapping[str, object]]:
    """Keep *app*'s launch settings such that it runs with *library* and writes heap profiles.

    A sample is taken every *sample* allocated bytes on average, a profile is written every
    *interval* allocated bytes; both become powers of two, as jemalloc wants (``lg_prof_sample``,
    ``lg_prof_interval``, man 3 jemalloc). *options* are added to ``MALLOC_CONF`` as they stand.
    With *frame_pointers* a JVM keeps them (0-3 % CPU), along which a jemalloc with libunwind finds
    the Java callers. Values of the same
    variables that the app has already are extended, never replaced.
    """
    restart(app)  # refuses an app that nobody could restart, before anything is changed
    path = launch.launch_file(app)
    probe.prefetch(
        processes(app), launch.settings(app), files.entry(path, digest=True), files.content(path)
    )
    main, old = probe(processes(app)).main, probe(launch.settings(app))
    if main is None:
        raise StepFailed(app.name, "does not run", "start it first: its user and settings are read")
    lg_sample, lg_interval = _lg(sample), _lg(interval)
    rounded = [
        f"{name} {given} becomes {format_size(1 << lg)}"
        for name, given, lg in (("sample", sample, lg_sample), ("interval", interval, lg_interval))
        if parse_size(given) != 1 << lg
    ]
    dumps = f"{root}/dumps/{app.name}"
    was = old.opened.splitlines() if old else ()  # what was opened then looks open now
    opened = "\n".join(dict.fromkeys([*was, *to_be_opened(probe, app, main, dumps, library)]))

    def settings(run: str) -> Settings:
        prefix = f"{dumps}/{app.name}.{host}.{run}"
        conf = _malloc_conf(lg_sample, lg_interval, prefix, options)
        kept = _kept(main, old)
        java = _java_options(main, kept) if frame_pointers else ""
        return Settings(app.name, run, library, conf, java, prefix, kept, opened)

    wanted = settings(run)
    if old and settings(old.run) == old:  # the same in all but the run: nothing to restart for
        wanted = old
    _refuse_options(probe, host, wanted)
    yield from _dump_directory(probe, dumps, main)
    yield from _write(probe, app, path, wanted, render)
    return {"dumps": wanted.dumps, "path": path, "notes": rounded}


def _refuse_options(probe: Probe, host: str, wanted: Settings) -> None:
    """Ask the library itself, where it is there already: the app would only print a warning."""
    there = Query(
        (Run(("test", "-e", wanted.preload), ok=(0, 1)),), lambda outputs: outputs[0].rc == 0
    )
    if probe(there) and (said := probe(complaint(wanted.preload, wanted.malloc_conf))):
        raise HostError(
            host, f"jemalloc refuses {wanted.malloc_conf}: {said}", "see --malloc-options"
        )


def _dump_directory(probe: Probe, path: str, main: Process) -> Iterator[Step]:
    """The directory for dumps, which belongs to the app's user: else jemalloc writes nothing.

    Its undo takes the dumps too: they were brought home before.
    """
    for step in ensure(probe, path, Dir(0o700, str(main.uid), str(main.gid))):
        made = step.change.before is None
        yield Step(step.change, step.do, Remove(path, tree=True) if made else step.undo)


def _write(probe: Probe, app: App, path: str, wanted: Settings, render: Render) -> Iterator[Step]:
    now = probe(files.entry(path, digest=True))
    if app.shape == "dropin":
        variables = _joined(wanted)
        text = render("dropin.env.j2", settings=wanted, variables=variables)
        conf = f"{launch.dropin(app)}/50-memops.conf"
        yield from ensure_parents(probe, path)
        yield from ensure(probe, path, File(text.encode(), 0o600))
        dropin = render("dropin.conf.j2", env_file=path, opened=wanted.opened)
        yield from ensure(probe, conf, File(dropin.encode(), 0o644))
        return
    block = render("launch-block.sh.j2", settings=wanted)
    if app.shape == "wrapper":
        yield from _wrapper(probe, path, now, block, render)
        return
    raw = probe(files.content(path))
    if raw is None and app.shape == "script":
        raise StepFailed(path, "no such start script", "see launch_file of the app")
    text = _with_block((raw or b"").decode("utf-8", "surrogateescape"), block, app.shape)
    mode, owner, group = _attributes(now)
    content = text.encode("utf-8", "surrogateescape")
    yield from ensure(probe, path, File(content, mode, owner, group))


def _wrapper(
    probe: Probe, path: str, now: Entry | None, block: str, render: Render
) -> Iterator[Step]:
    """The wrapper takes the place of *path* and starts what stood there from beside it."""
    beside = f"{path}.memops-original"
    mode, owner, group = _attributes(now, default=0o755)
    probe.prefetch(files.entry(beside), files.content(path))
    there = probe(files.entry(beside)) is not None
    ours = MARK.encode() in (probe(files.content(path)) or b"")
    moved = now is not None and not ours
    if moved and not there:
        yield Step(
            Change(f"file {beside}", None, f"a copy of {path}"),
            do=Run(("cp", "-p", "--", path, beside)),
            undo=Remove(beside),
        )
    original = beside if there or moved else ""
    text = render("wrapper.sh.j2", block=block, original=original)
    yield from ensure(probe, path, File(text.encode(), mode, owner, group))


def _attributes(now: Entry | None, default: int = 0o644) -> tuple[int, str | None, str | None]:
    return (now.mode, str(now.uid), str(now.gid)) if now else (default, None, None)


def _with_block(text: str, block: str, shape: str) -> str:
    """*text* with *block* in place of an older one.

    Where there is none: after the first line of a script, at the end of an environment file.
    """
    if _BLOCK.search(text):
        return _BLOCK.sub(lambda _: block, text, count=1)
    if shape == "script":
        first, newline, rest = text.partition("\n")
        if first.startswith("#!"):
            return f"{first}{newline or chr(10)}{block}{rest}"
        return block + text
    return f"{text}{'' if text.endswith(chr(10)) or not text else chr(10)}{block}"


def _malloc_conf(lg_sample: int, lg_interval: int, prefix: str, options: str) -> str:
    """The options of jemalloc (man 3 jemalloc, TUNING).

    prof_final stays off because every child process would write a profile when it ends. So does
    background_thread: setpriv, which start scripts call to become the app's user, changes its
    capabilities for one thread only, and glibc aborts when a second thread then disagrees about
    setresuid (seen with util-linux 2.38 and glibc 2.36, exit code 134).
    """
    if re.search(r"[\s'\"\\]", options + prefix):
        raise UsageError(
            "options", f"{options!r} has blanks or quotes", "write key:value,key:value"
        )
    return ",".join(
        [
            "prof:true",
            "prof_active:true",
            f"lg_prof_sample:{lg_sample}",
            f"lg_prof_interval:{lg_interval}",
            "prof_sys_thread_name:true",
            f"prof_prefix:{prefix}",
            *filter(None, options.split(",")),
        ]
    )


def _kept(main: Process, old: Settings | None) -> tuple[tuple[str, str], ...]:
    """What the app had in our variables before us: as we noted it then, else as it runs now."""
    if old is not None:
        return old.kept
    environ = {} if launch.has_traces(main) else main.environ or {}
    names = ("LD_PRELOAD", "MALLOC_CONF", "JAVA_TOOL_OPTIONS")
    return tuple((name, environ[name]) for name in names if environ.get(name))


def _java_options(main: Process, kept: tuple[tuple[str, str], ...]) -> str:
    """What makes a JVM keep frame pointers; nothing where the app's own options do."""
    own = (*main.cmdline, *dict(kept).get("JAVA_TOOL_OPTIONS", "").split())
    return _FRAME_POINTER if main.is_hotspot and _FRAME_POINTER not in own else ""


def _joined(wanted: Settings) -> tuple[tuple[str, str], ...]:
    """The variables with what was kept in them: a later pair wins in ``MALLOC_CONF``."""
    kept = dict(wanted.kept)
    ours = (
        ("LD_PRELOAD", ":", wanted.preload, False),
        ("MALLOC_CONF", ",", wanted.malloc_conf, True),
        ("JAVA_TOOL_OPTIONS", " ", wanted.java_options, True),
    )
    pairs = []
    for name, comma, value, last in ours:
        parts = [kept.get(name, ""), value] if last else [value, kept.get(name, "")]
        joined = comma.join(filter(None, parts))
        if value:
            pairs.append((name, joined))
    return tuple(pairs)


def _lg(size: str | int) -> int:
    """The power of two nearest to *size* bytes, as an exponent; ``19`` itself is 2^19."""
    number = parse_size(size)
    return max(0, round_log2(number))


def round_log2(number: int) -> int:
    """The exponent of the power of two nearest to *number* (by ratio)."""
    if number < 1:
        raise UsageError("size", f"{number} is too small", "write for example 512KiB")
    low = number.bit_length() - 1
    return low if number * number <= 1 << (2 * low + 1) else low + 1
