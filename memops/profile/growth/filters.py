"""Which stacks of a profile are shown, and which of their functions: pprof's focus, ignore and hide.

The meanings are those of google/pprof (``doc/README.md``, ``profile/filter.go``): a pattern is looked
for anywhere in the name of a function, of its module or of its source file, with case.
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, NamedTuple, TypeVar

from memops.errors import UsageError

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Sequence

    from memops.profile.growth.naming import Call

_Key = TypeVar("_Key")
_LONGEST = 4096
"""Characters of a name that are looked at: templates of C++ grow to megabytes."""


class Filters(NamedTuple):
    """Regular expressions, each None where it was not asked for.

    Stacks without a function that matches *focus* are left out, and those with one that matches
    *ignore*. Functions that match *hide* are taken out of their stacks, and so are the callers of
    the outermost function that matches *show_from*; a stack of which nothing stays is left out.
    """

    focus: re.Pattern[str] | None = None
    ignore: re.Pattern[str] | None = None
    hide: re.Pattern[str] | None = None
    show_from: re.Pattern[str] | None = None

    def __bool__(self) -> bool:
        """Whether there is any."""
        return any(each is not None for each in self)


def pattern(text: str, name: str) -> re.Pattern[str]:
    """The regular expression *text* of the option *name*; raises `UsageError` for a wrong one."""
    try:
        return re.compile(text)
    except (re.error, RecursionError, OverflowError) as error:
        what = f"{text!r} is no regular expression: {error}"
        raise UsageError(
            name, what, "put a backslash before each of .[({*+?|^$ that is meant"
        ) from None


def matcher(wanted: re.Pattern[str]) -> Callable[[Call], bool]:
    """Whether a call has *wanted* in its function, its module or the place in its source."""

    def matches(call: Call) -> bool:
        texts = (call.function, call.module, call.source)
        return any(wanted.search(text[:_LONGEST]) for text in texts if text)

    return matches


def shaper(
    filters: Filters, calls_of: Callable[[_Key], Sequence[Call]]
) -> Callable[[tuple[_Key, ...]], tuple[_Key, ...] | None]:
    """What *filters* leave of a stack (leaf first) of keys, of which *calls_of* tells the calls.

    The function gives None for a stack that is not shown. Each key is looked at once; one of several
    calls, inlined into each other, matches if one of them does, and is hidden if all are.
    """
    focus, ignore, show_from = (
        _Matches(each, calls_of, any) for each in (filters.focus, filters.ignore, filters.show_from)
    )
    hide = _Matches(filters.hide, calls_of, all)

    def shape(stack: tuple[_Key, ...]) -> tuple[_Key, ...] | None:
        if focus.wanted and not any(map(focus.__getitem__, stack)):
            return None
        if ignore.wanted and any(map(ignore.__getitem__, stack)):
            return None
        kept = stack
        if hide.wanted:
            kept = tuple(key for key in stack if not hide[key])
        if show_from.wanted:
            found = [at for at, key in enumerate(kept, 1) if show_from[key]]
            if not found:
                return None
            kept = kept[: found[-1]]
        return kept if kept or not stack else None

    return shape


class _Matches(dict[_Key, bool]):
    """Whether each key matches *wanted*, found when it is first asked for."""

    def __init__(
        self,
        wanted: re.Pattern[str] | None,
        calls_of: Callable[[_Key], Sequence[Call]],
        many: Callable[[Iterable[bool]], bool],
    ) -> None:
        super().__init__()
        self.wanted = wanted
        self._matches = matcher(wanted) if wanted else None
        self._calls_of, self._many = calls_of, many

    def __missing__(self, key: _Key) -> bool:
        matches = self._matches
        found = self[key] = bool(matches and self._many(map(matches, self._calls_of(key))))
        return found
