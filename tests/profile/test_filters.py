from __future__ import annotations

import subprocess
import sys
from collections import Counter

import pytest
from hypothesis import given
from hypothesis import strategies as st

from memops.errors import UsageError
from memops.profile.growth.filters import Filters, matcher, pattern, shaper
from memops.profile.growth.naming import Call, calls_of
from memops.profile.heap.runs import read_heap
from memops.profile.study import study
from memops.report.samples import samples
from tests.corpus import read

CALLS = {
    "m": Call("malloc_like", "libc.so.6"),
    "i": Call("inflate", "libz.so.1"),
    "J": Call("com.acme.Loader.load", "[jit]"),
    "r": Call("Thread::run", "libjvm.so", "", "thread.cpp:42"),
}
NAMES = ("inlines", "jvm", "leak", "paths", "unsampled")
PATTERNS = (
    "Inflater",
    "step<[0-2]>",
    "libz",
    "main",
    "rent",
    "^_start$",
    r"\.so",
    "nothing at all",
)


def call_of(letter: str) -> list[Call]:
    return [CALLS[letter]]


def shaped(stack: str, **patterns: str) -> str | None:
    """What is left of *stack*, a letter for each call, the leaf first."""
    filters = Filters(**{name: pattern(text, name) for name, text in patterns.items()})
    found = shaper(filters, call_of)(tuple(stack))
    return None if found is None else "".join(found)


@pytest.mark.parametrize(
    ("stack", "patterns", "left"),
    [
        ("miJr", {}, "miJr"),
        ("miJr", {"focus": "inflate"}, "miJr"),
        ("miJr", {"focus": r"libz\.so"}, "miJr"),
        ("miJr", {"focus": r"thread\.cpp"}, "miJr"),
        ("miJ", {"focus": "^$"}, None),
        ("mJr", {"focus": "inflate"}, None),
        ("mJr", {"focus": "INFLATE"}, None),
        ("", {"focus": "."}, None),
        ("miJr", {"ignore": "inflate"}, None),
        ("mJr", {"ignore": "inflate"}, "mJr"),
        ("", {"ignore": "."}, ""),
        ("miJr", {"focus": "acme", "ignore": "inflate"}, None),
        ("miJr", {"hide": "libc|libjvm"}, "iJ"),
        ("miJr", {"hide": "."}, None),
        ("", {"hide": "."}, ""),
        ("miJr", {"focus": "inflate", "hide": "inflate"}, "mJr"),
        ("miJr", {"show_from": "acme"}, "miJ"),
        ("miJiJr", {"show_from": "inflate"}, "miJi"),
        ("mr", {"show_from": "acme"}, None),
        ("miJr", {"hide": "acme", "show_from": "acme"}, None),
    ],
)
def test_a_stack_is_left_as_pprof_leaves_it(
    stack: str, patterns: dict[str, str], left: str | None
) -> None:
    assert shaped(stack, **patterns) == left


@given(st.text("miJr", max_size=8), st.sampled_from(["inflate", "libc", "a", "zzz"]))
def test_focus_and_ignore_part_the_stacks(stack: str, text: str) -> None:
    focused, ignored = shaped(stack, focus=text), shaped(stack, ignore=text)

    assert (focused is None) != (ignored is None)


@pytest.mark.parametrize("name", NAMES)
@pytest.mark.parametrize("text", PATTERNS)
def test_focus_and_ignore_add_up_to_the_whole(
    name: str, text: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(read.HERE)
    wanted = pattern(text, "--focus")
    inputs = read.inputs(name, perf=True)
    whole = study(inputs)
    parts = [
        study(inputs, filters=Filters(focus=wanted)),
        study(inputs, filters=Filters(ignore=wanted)),
    ]

    for part in parts:
        assert part.process.live == whole.process.live == whole.analysis.live.bytes
        assert part.process.live - part.before == whole.analysis.growth.bytes
    for at in range(2):
        assert sum(part.analysis.growth[at] for part in parts) == whole.analysis.growth[at]
        assert sum(part.analysis.live[at] for part in parts) == whole.analysis.live[at]


@pytest.mark.parametrize("name", NAMES)
@pytest.mark.parametrize(
    "filters",
    [{"focus": "Inflater|step|rent"}, {"ignore": "libz|Walker"}, {"hide": "libz|step|serve|Shelf"}, {"hide": "open_template"},
     {"show_from": "main|init"}],
    ids=str,
)  # fmt: skip
def test_the_samples_for_pprof_are_left_out_as_in_the_analysis(
    name: str, filters: dict[str, str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(read.HERE)
    asked = Filters(**{key: pattern(text, key) for key, text in filters.items()})
    found = study(read.inputs(name, perf=True), filters=asked)
    made = samples(found)
    sums: Counter[tuple[Call, ...]] = Counter()
    for sample, count in made.counts.items():
        stack = (calls_of(frame, made.names(frame)) for frame in sample.frames)
        sums[tuple(call for calls in stack for call in calls)] += count.bytes

    assert +sums == {each.calls: each.amount.bytes for each in found.analysis.stacks
                     if each.amount.bytes > 0}  # fmt: skip


def test_no_stack_may_be_left(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(read.HERE)
    found = study(read.inputs("leak"), filters=Filters(focus=pattern("no such", "--focus")))

    assert found.analysis.stacks == ()
    assert found.analysis.live.bytes == 0
    assert found.process.live > 0


@pytest.mark.parametrize("text", ["(", "*", "[a", "(?P<x", "a{99999999999}", "(" * 500 + ")" * 500])
def test_a_wrong_pattern_is_refused_in_one_line(text: str) -> None:
    with pytest.raises(UsageError, match="is no regular expression") as refused:
        pattern(text, "--focus")
    assert str(refused.value).startswith("--focus: ")
    assert "\n" not in str(refused.value)


def test_of_a_name_without_end_only_the_beginning_is_looked_at() -> None:
    matches = matcher(pattern("end$", "--focus"))

    assert matches(Call("the end", ""))
    assert not matches(Call("x" * 10_000_000 + "end", ""))


def test_without_filters_nothing_of_them_is_imported() -> None:
    code = (
        "import sys; from memops.cli.main import main; sys.argv = ['memops', 'analyze', 'leak']\n"
        "try: main()\n"
        "except SystemExit: pass\n"
        "names = 'filters groups calltree ranking graph scope asked threads samples'.split()\n"
        "print([m for m in sys.modules if m in {'ssl', 'urllib.request'}\n"
        "       or m.startswith('memops') and m.rpartition('.')[2] in names])"
    )
    said = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, check=True, cwd=read.HERE
    )

    assert said.stdout.splitlines()[-1] == "[]"


def test_the_whole_of_a_dump_is_what_its_file_holds(monkeypatch: pytest.MonkeyPatch) -> None:
    """That the share is of the file's own sum, not of what another filter left."""
    monkeypatch.chdir(read.HERE)
    dump = read.dumps("unsampled")[0]
    found = study(read.inputs("unsampled"), filters=Filters(focus=pattern("rent", "--focus")))

    assert found.process.live == sum(count.bytes for count in read_heap(dump).live.values())
