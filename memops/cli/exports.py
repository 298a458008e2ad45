"""What ``memops analyze`` writes into files beside its report, of one process and of several hosts."""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

from memops.errors import UsageError

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence
    from pathlib import Path

    from memops.profile.fleet.lives import HostLives
    from memops.profile.growth.window import Window
    from memops.profile.study import Inputs
    from memops.report.view import View

OF_SEVERAL = frozenset(("--folded", "--pprof", "--speedscope", "--svg", "--csv", "--html"))
"""The options whose output can hold the stacks of several hosts."""


class Exports(NamedTuple):
    """The files to be *written* by format, and whether *folded* stacks take the report's place.

    With *host_frames* the host is the root of each stack.
    """

    written: Mapping[str, Path]
    folded: bool = False
    host_frames: bool = False

    def one_app_only(self, apps: Sequence[str]) -> None:
        """Raise `UsageError` if files are to be written, and there are several *apps* for them."""
        if self.written and len(apps) > 1:
            name, owners = next(iter(self.written)), ", ".join(dict.fromkeys(apps))
            raise UsageError(f"--{name}", f"one file cannot hold all of {owners}",
                             "choose one by --app and --host")  # fmt: skip

    def export(
        self,
        hosts: Sequence[HostLives],
        inputs: Sequence[Inputs],
        view: View,
        *,
        window: Window | None,
        keep_going: bool,
    ) -> str:
        """Write the stacks of the lives that are shown of *hosts* together; the folded ones, if asked."""
        if not (self.written or self.folded):
            return ""
        from memops.profile.fleet.together import studies_of, together
        from memops.profile.growth.naming import Lexicon
        from memops.report import FORMATS
        from memops.report.files import FILES, PAGES, TOGETHER

        lexicon = Lexicon()
        each = studies_of(hosts, inputs, lexicon, window=window, keep_going=keep_going)
        whole = together(each, lexicon, host_frames=self.host_frames)
        for name, path in self.written.items():
            if name in PAGES:
                content = PAGES[name]([whole, *each], view)
            elif name in TOGETHER:
                content = TOGETHER[name](each, view)
            else:
                content = FILES[name](whole, view)
            write(name, path, content)
        return FORMATS["folded"](whole, view) if self.folded else ""


def write(name: str, path: Path, content: bytes) -> None:
    """Write *content* to *path* for the option *name*; raises `UsageError` where that cannot be done."""
    try:
        path.write_bytes(content)
    except OSError as error:
        reason = error.strerror or str(error)
        raise UsageError(str(path), reason, f"give --{name} a file that can be written") from error
