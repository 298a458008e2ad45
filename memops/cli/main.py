"""The ``memops`` command: finds the subcommand, and maps errors to exit codes."""

from __future__ import annotations

import importlib
import os
import sys
from typing import Any

import click

from memops import __version__
from memops.errors import Interrupted, MemopsError

# name: (module, what --help says); a module is imported only when its command is used
COMMANDS = {
    "ping": ("memops.cli.ping", "Connect to hosts and say how they answer."),
    "enable-profiling": (
        "memops.cli.enable_profiling",
        "Put jemalloc with heap profiling under an app, in health-checked waves.",
    ),
    "status": ("memops.cli.status", "What memops has changed on hosts, and how their apps run."),
    "collect": ("memops.cli.collect", "Bring heap profiles and memory maps home."),
    "analyze": ("memops.cli.analyze", "Name the functions whose memory grows."),
    "compare": ("memops.cli.compare", "Whether growth fell after a change, and how sure that is."),
    "rollback": ("memops.cli.rollback", "Undo what memops changed, byte for byte."),
    "extend": ("memops.cli.extend", "Move the time at which hosts undo by themselves."),
    "play": ("memops.cli.play", "Run a playbook."),
    "schedule": ("memops.cli.schedule", "Collect regularly, by a timer on this machine."),
    "inventory": ("memops.cli.inventory:inventory", "Show hosts, groups and variables."),
}

EXIT_STATUS = """\b
Exit status:
  0    done
  1    a bug in memops, or an error that fits nothing below
  2    bad usage, inventory, playbook or file; or a host failed
  4    a host was unreachable: network, key, host key, password
  5    the pattern matched no host
  130  interrupted
"""


class _Lazy(click.Group):
    def list_commands(self, ctx: click.Context) -> list[str]:
        return list(COMMANDS)

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:
        if cmd_name not in COMMANDS:
            return None
        module, _, name = COMMANDS[cmd_name][0].partition(":")
        command: click.Command = getattr(importlib.import_module(module), name or "command")
        return command

    def format_commands(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:
        with formatter.section("Commands"):
            formatter.write_dl([(name, told) for name, (_, told) in COMMANDS.items()])

    def resolve_command(
        self, ctx: click.Context, args: list[str]
    ) -> tuple[str | None, click.Command | None, list[str]]:
        if args and args[0] not in COMMANDS and not args[0].startswith("-"):
            import difflib

            near = difflib.get_close_matches(args[0], COMMANDS, 1)
            hint = f"did you mean {near[0]!r}?" if near else "see memops --help"
            ctx.fail(f"no such command {args[0]!r}; {hint}")
        return super().resolve_command(ctx, args)


def _version(ctx: click.Context, _: click.Parameter, value: bool) -> None:  # noqa: FBT001 - click's callback
    if not value or ctx.resilient_parsing:
        return
    from importlib.metadata import version

    parts = [f"{name} {version(name)}" for name in ("paramiko", "fabric", "cryptography")]
    click.echo(f"memops {__version__} (Python {sys.version.split()[0]}, {', '.join(parts)})")
    ctx.exit()


@click.group(
    cls=_Lazy, epilog=EXIT_STATUS, context_settings={"help_option_names": ["-h", "--help"]}
)
@click.option(
    "--version", is_flag=True, is_eager=True, expose_value=False, callback=_version,
    help="Show the version, and those of what it stands on.",
)  # fmt: skip
def cli() -> None:
    """Find native memory leaks in production fleets over plain SSH, and leave no trace."""


def main(argv: list[str] | None = None) -> None:
    """Run the command line and exit with its code; the only place that catches `MemopsError`."""
    sys.exit(run(argv))


def run(argv: list[str] | None = None) -> int:
    """Run the command line; the exit code."""
    try:
        result: Any = cli.main(args=argv, prog_name="memops", standalone_mode=False)
    except click.exceptions.Exit as done:
        return done.exit_code
    except click.ClickException as error:
        error.show()
        return error.exit_code
    except (click.Abort, KeyboardInterrupt):
        click.echo("memops: interrupted", err=True)
        return Interrupted.exit_code
    except MemopsError as error:
        click.echo(f"memops: {error}", err=True)
        return error.exit_code
    except BrokenPipeError:  # the reader of our output went away, as `head` does
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return 0
    return result if isinstance(result, int) else 0
