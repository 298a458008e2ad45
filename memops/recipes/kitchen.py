"""Where and of what a recipe is made: the operator's choices, the same for all hosts."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Literal
from urllib.parse import urlsplit

from memops.errors import UsageError

Place = Literal["auto", "host", "controller", "portable"]

UPSTREAM = "https://github.com/jemalloc/jemalloc/releases/download/{version}/{file}"


@dataclass(frozen=True, slots=True)
class Kitchen:
    """The operator's choices for what has to be made.

    *cache* is a directory of the controller, kept from run to run. The sources of a tarball are
    tried in order: the local file *source*, the URL *mirror* (a directory if it ends in ``/``),
    the cache, the URL *upstream*, and with *distribution* apt's source package; an empty URL is
    skipped. *deadline* (seconds) bounds one build.
    """

    cache: Path
    source: Path | None = None
    mirror: str = ""
    place: Place = "auto"
    deadline: float = 900.0
    upstream: str = UPSTREAM
    distribution: bool = True


def kitchen(source: str = "", place: Place = "auto", cache: Path | None = None) -> Kitchen:
    """The kitchen for *source*, a FILE or an http(s) URL, in the user's cache directory."""
    if cache is None:
        from platformdirs import user_cache_path  # noqa: PLC0415  # `memops --help` needs it not

        cache = user_cache_path("memops")
    if urlsplit(source).scheme in ("http", "https"):
        return Kitchen(cache, mirror=source, place=place)
    if "://" in source:
        raise UsageError(source, "only http and https are understood", "give a file or such a URL")
    return Kitchen(cache, source=Path(source).expanduser() if source else None, place=place)
