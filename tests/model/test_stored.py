import pytest
from hypothesis import given
from hypothesis import strategies as st

from memops.errors import MemopsError
from memops.model import stored
from memops.model.action import (
    Dir,
    Fetch,
    File,
    Link,
    Local,
    Put,
    Recipe,
    Remove,
    Run,
    Saved,
)
from memops.model.step import Change, NoUndo, Step

text = st.text()
content = st.one_of(
    st.binary(),
    st.builds(Saved, text, st.integers(0)),
    st.builds(Local, text, text, st.integers(0)),
    st.builds(Recipe, text, st.lists(st.tuples(text, text)).map(tuple)),
)
entry = st.one_of(
    st.builds(File, content, st.integers(0, 0o7777), st.none() | text, st.none() | text),
    st.builds(Dir, st.integers(0, 0o7777), st.none() | text, st.none() | text),
    st.builds(Link, text),
)
run = st.builds(Run, st.lists(text).map(tuple), stdin=st.binary(), timeout=st.floats(0, 1e6))
action = st.one_of(
    run,
    st.builds(Put, text, entry),
    st.builds(Remove, text, st.booleans()),
    st.builds(Fetch, text | run, text),
)
step = st.builds(
    Step,
    st.builds(Change, text, st.none() | text, st.none() | text),
    action,
    action | st.builds(NoUndo, text),
)


@given(st.lists(step).map(tuple))
def test_steps_survive_their_stored_form(steps: tuple[Step, ...]) -> None:
    line = stored.dump(steps)

    assert stored.load_steps(line, "here") == steps
    assert "\n" not in line


@pytest.mark.parametrize(
    "line",
    ["", "{", "[1]", '{"is":"Step"}', '[{"is":"os.system"}]', "[" * 100_000, '[{"is":"Run"}]'],
)
def test_what_is_no_journal_is_refused(line: str) -> None:
    with pytest.raises(MemopsError, match="journal"):
        stored.load_steps(line, "here")
