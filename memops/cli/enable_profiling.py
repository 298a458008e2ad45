"""``memops enable-profiling``: the playbook of that name, with its choices as options."""

from __future__ import annotations

from typing import Any

import click

from memops.cli.options import (
    Outputs,
    Targets,
    app_options,
    output_options,
    run_options,
    take,
    target_options,
)


@click.command()
@target_options
@app_options
@click.option("--sample", metavar="SIZE", help="Bytes between two samples.  [default: 512KiB]")
@click.option(
    "--interval", metavar="SIZE", help="Allocated bytes between two profiles.  [default: 1GiB]"
)
@click.option("--malloc-options", metavar="K:V,...", help="More options of jemalloc.")
@click.option(
    "--frame-pointers",
    is_flag=True,
    default=None,
    help="Keep a JVM's frame pointers, up to 3 % CPU: Java callers, with --unwinder libunwind.",
)
@click.option(
    "--unwinder",
    type=click.Choice(["libgcc", "libunwind"]),
    help="Who walks stacks: libgcc ends at the first Java frame.  [default: libgcc]",
)
@click.option("--serial", metavar="N|N%[,...]", help="Hosts in a wave.  [default: 1,10%,50%,100%]")
@click.option("--jemalloc", metavar="VERSION|distro", help="Which jemalloc.  [default: 5.3.0]")
@click.option(
    "--jemalloc-source", metavar="FILE|URL", help="Its source archive, or a mirror of it."
)
@click.option("--jemalloc-sha256", metavar="HEX", help="What the source's sha256 must be.")
@click.option(
    "--build",
    type=click.Choice(["auto", "host", "controller", "portable"]),
    default="auto",
    show_default=True,
    help="Where it is built, once for all like hosts.",
)
@click.option(
    "--for",
    "expire_after",
    metavar="TIME",
    help="Let each host undo it by itself after 30m, 2h, ...; collecting moves the time.",
)
@run_options
@output_options
def command(**given: Any) -> int:  # fmt: skip
    """Put jemalloc with heap profiling under an app, in health-checked waves.

    Each host gets the library under /opt/memops and launch settings for the app; the app is
    restarted and must prove, from /proc and by its health checks, that it runs well with the
    profiler on. A host that does not is rolled back at once. Again, nothing changes.
    """
    from memops.cli.play import run
    from memops.cli.wiring import AppChoice
    from memops.recipes.kitchen import kitchen
    from memops.units import parse_duration

    choice, targets, outputs = (take(each, given) for each in (AppChoice, Targets, Outputs))
    where = kitchen(given.pop("jemalloc_source") or "", given.pop("build"))
    if given["expire_after"] is not None:
        given["expire_after"] = round(parse_duration(given["expire_after"], "--for"))
    variables = {
        "memops_sample": given.pop("sample"),
        "memops_interval": given.pop("interval"),
        "memops_malloc_options": given.pop("malloc_options"),
        "memops_frame_pointers": given.pop("frame_pointers"),
        "memops_unwinder": given.pop("unwinder"),
        "jemalloc": given.pop("jemalloc"),
        "jemalloc_sha256": given.pop("jemalloc_sha256"),
        "serial": _waves(given.pop("serial")),
    }
    chosen = {name: value for name, value in variables.items() if value is not None}
    return run(
        "enable-profiling.yml", choice, targets, outputs, given, where, chosen, need_apps=True
    )


def _waves(serial: str | None) -> list[int | str] | None:
    if serial is None:
        return None
    parts = [part.strip() for part in serial.split(",")]
    return [int(part) if part.isdigit() else part for part in parts]
