"""What every session must do alike: fake, local (dash, bash, busybox), and over SSH."""

from __future__ import annotations

import hashlib
import itertools
from typing import TYPE_CHECKING

import pytest

from memops.errors import StepFailed
from memops.model.action import (
    Dir,
    Fetch,
    File,
    Glob,
    Link,
    Local,
    Put,
    Read,
    Remove,
    Run,
    Saved,
    Stat,
)  # fmt: skip
from memops.model.entry import parse_glob, parse_stat
from memops.model.host import Become

if TYPE_CHECKING:
    from pathlib import Path

    from memops.model.action import Action, Output
    from memops.transport.base import Session
    from tests.transport.targets import Target

ODD_NAMES = (
    "plain", "-rf", "--", "-", "two words", " lead", "trail ", "tab\there", "new\nline", "\n", "last\n",
    "'", '"', "`id`", "$HOME", "$(id)", "a;b", "a|b", "a&b", "*", "?", "[a]", "[!a]", "\\", "\\n", "a\\", "~",
    "#x", "!!", "{a,b}", "%s", "é", "\udcff\udcfe", "\x01\x7f", "=", "A=b", ".hidden", "é\n\\'\"$*",
)  # fmt: skip
CONTENTS = (
    b"", b"x", b"no newline", b"a\n", b"\n", b"\n\n", b"\0", b"a\0b\0", bytes(range(256)),
    b"%s%d\\n\\\\'\"$x`", b"-n", b"\xff\xfe", b"x" * 8192, b"y" * 8193, bytes(range(256)) * 600,
)  # fmt: skip
_COUNT = itertools.count()


@pytest.fixture
def root(place: Target) -> str:
    """A new empty directory."""
    path = f"{place.root}/{next(_COUNT)}"
    done(place.session, Put(path, Dir()))
    return path


def done(session: Session, *actions: Action) -> None:
    outputs = session.act(actions)
    assert [output.rc for output in outputs] == [0] * len(actions), outputs


def one(session: Session, look: Stat | Read | Glob | Run) -> Output:
    return session.look([look])[0]


def refused(session: Session, action: Action) -> None:
    before = one(session, Glob(action.path.rpartition("/")[0]))  # type: ignore[union-attr]
    output = session.act([action])[0]
    assert output.rc != 0
    assert output.stderr
    assert one(session, Glob(action.path.rpartition("/")[0])) == before  # type: ignore[union-attr]


def test_a_name_is_only_a_name(place: Target, root: str) -> None:
    paths = [f"{root}/{name}" for name in ODD_NAMES]
    done(
        place.session,
        *(Put(path, File(path.encode("utf-8", "surrogateescape"), 0o600)) for path in paths),
    )
    for path, stat in zip(paths, place.session.look([Stat(path) for path in paths]), strict=True):
        entry = parse_stat(stat)
        assert entry is not None, path
        assert (entry.kind, entry.mode) == ("file", 0o600)
    for path, read in zip(paths, place.session.look([Read(path) for path in paths]), strict=True):
        assert read.text == path
    for name, glob in zip(
        ODD_NAMES, place.session.look([Glob(root, n) for n in ODD_NAMES]), strict=True
    ):
        found = parse_glob(glob)
        assert name in found
        assert len(found) == 1 or name in "*?"
    hidden = {name for name in ODD_NAMES if name.startswith(".")}
    assert set(parse_glob(one(place.session, Glob(root)))) == set(ODD_NAMES) - hidden
    assert set(parse_glob(one(place.session, Glob(root, ".h*")))) == hidden
    done(place.session, *(Remove(path) for path in paths))
    assert not parse_glob(one(place.session, Glob(root)))


def test_a_link_points_at_any_name(place: Target, root: str) -> None:
    done(place.session, *(Put(f"{root}/{n}", Link(name)) for n, name in enumerate(ODD_NAMES)))
    found = parse_glob(one(place.session, Glob(root)))
    assert [found[str(n)].target for n in range(len(ODD_NAMES))] == list(ODD_NAMES)


def test_a_digest_is_told_when_asked_for(place: Target, root: str) -> None:
    done(place.session, Put(f"{root}/f", File(b"here")), Put(f"{root}/l", Link("f")))
    looks = [
        Stat(f"{root}/f", digest=True),
        Stat(f"{root}/f"),
        Stat(f"{root}/l", digest=True),
        Stat(root, digest=True),
    ]
    sums = [entry.sha256 for entry in map(parse_stat, place.session.look(looks)) if entry]
    assert sums == [hashlib.sha256(b"here").hexdigest(), "", "", ""]


def test_bytes_arrive_as_they_are(place: Target, root: str) -> None:
    paths = [f"{root}/{n}" for n in range(len(CONTENTS))]
    done(
        place.session, *(Put(path, File(each)) for path, each in zip(paths, CONTENTS, strict=True))
    )
    reads = place.session.look([Read(path) for path in paths])
    assert [read.stdout for read in reads] == list(CONTENTS)
    stats = [parse_stat(stat) for stat in place.session.look([Stat(path) for path in paths])]
    assert [stat.size for stat in stats if stat] == [len(content) for content in CONTENTS]


def test_large_files_of_the_controller_arrive_between_other_actions(
    place: Target, root: str, tmp_path: Path
) -> None:
    content = bytes(range(256)) * 5001
    (tmp_path / "big").write_bytes(content)
    sha256 = hashlib.sha256(content).hexdigest()
    big = File(Local(str(tmp_path / "big"), sha256, len(content)), 0o755)
    done(
        place.session,
        Put(f"{root}/a", File(b"a")), Put(f"{root}/b", big), Put(f"{root}/c", File(b"c" * 100_000)),
        Put(f"{root}/d", File(b"d")),
    )  # fmt: skip
    stats = place.session.look([Stat(f"{root}/{name}", digest=True) for name in "abcd"])
    assert [parse_stat(stat).size for stat in stats] == [1, len(content), 100_000, 1]  # type: ignore[union-attr]
    assert parse_stat(stats[1]).sha256 == sha256  # type: ignore[union-attr]


def test_a_refused_payload_leaves_the_session_in_step(place: Target, root: str) -> None:
    outputs = place.session.act(
        [Put(f"{root}/nowhere/x", File(b"z" * 300_000)), Put(f"{root}/never", File(b""))]
    )
    assert [output.rc for output in outputs] == [1]
    assert one(place.session, Stat(f"{root}/never")).rc == 1
    done(place.session, Put(f"{root}/after", File(b"z" * 300_000)))


def test_a_wrong_sum_is_refused(place: Target, root: str, tmp_path: Path) -> None:
    (tmp_path / "f").write_bytes(b"other")
    done(place.session, Put(f"{root}/f", File(b"old")))
    refused(place.session, Put(f"{root}/f", File(Local(str(tmp_path / "f"), "0" * 64, 5))))
    assert one(place.session, Read(f"{root}/f")).stdout == b"old"


def test_what_is_not_there_says_so(place: Target, root: str) -> None:
    stat, read, glob = place.session.look([Stat(f"{root}/x"), Read(f"{root}/x"), Glob(f"{root}/x")])
    assert (stat.rc, read.rc, glob) == (1, 1, type(glob)(0))
    assert parse_stat(stat) is None


def test_a_glob_knows_only_stars_and_question_marks(place: Target, root: str) -> None:
    names = ["a1", "a2", "b[1]", "b1", "a\nb", "-x"]
    done(place.session, *(Put(f"{root}/{name}", File(b"")) for name in names))
    patterns = {
        "a?": {"a1", "a2"},
        "b[1]": {"b[1]"},
        "a*": {"a1", "a2", "a\nb"},
        "-*": {"-x"},
        "c*": set(),
    }
    for pattern, found in patterns.items():
        assert set(parse_glob(one(place.session, Glob(root, pattern)))) == found
    assert set(parse_glob(one(place.session, Glob(f"{root}/")))) == set(names)


def test_modes_and_owners(place: Target, root: str) -> None:
    path = f"{root}/f"
    for mode, owner, group in ((0o4755, "0", "0"), (0o000, "root", None), (0o640, None, "0")):
        done(place.session, Put(path, File(b"x", mode, owner, group)))
        entry = parse_stat(one(place.session, Stat(path)))
        assert entry is not None
        assert (entry.mode, entry.uid, entry.gid, entry.owner) == (mode, 0, 0, "root")
    done(place.session, Put(f"{root}/d", Dir(0o700, "1", "1")), Put(f"{root}/d", Dir(0o1777)))
    entry = parse_stat(one(place.session, Stat(f"{root}/d")))
    assert entry is not None
    assert (entry.kind, entry.mode, entry.uid, entry.gid) == ("dir", 0o1777, 1, 1)


def test_only_its_own_kind_is_replaced(place: Target, root: str) -> None:
    done(
        place.session,
        Put(f"{root}/file", File(b"1")), Put(f"{root}/dir", Dir()), Put(f"{root}/dir/in", File(b"")),
        Put(f"{root}/link", Link("dir")), Put(f"{root}/flink", Link("file")), Put(f"{root}/dead", Link("no")),
    )  # fmt: skip
    for name in ("dir", "link", "flink", "dead"):
        refused(place.session, Put(f"{root}/{name}", File(b"2")))
    for name in ("file", "link", "flink", "dead"):
        refused(place.session, Put(f"{root}/{name}", Dir()))
    refused(place.session, Put(f"{root}/dir", Link("x")))
    refused(place.session, Put(f"{root}/no/x", File(b"")))
    refused(place.session, Put(f"{root}/no/x", Dir()))
    assert set(parse_glob(one(place.session, Glob(f"{root}/dir")))) == {"in"}


def test_a_link_is_replaced_and_never_followed(place: Target, root: str) -> None:
    done(
        place.session,
        Put(f"{root}/dir", Dir()), Put(f"{root}/link", Link("dir")), Put(f"{root}/link", Link("other\n")),
        Put(f"{root}/file", File(b"")), Put(f"{root}/file", Link("-n")),
    )  # fmt: skip
    entries = parse_glob(one(place.session, Glob(root)))
    assert (entries["link"].target, entries["file"].target) == ("other\n", "-n")
    assert not parse_glob(one(place.session, Glob(f"{root}/dir")))


def test_removing(place: Target, root: str) -> None:
    done(
        place.session,
        Put(f"{root}/keep", Dir()), Put(f"{root}/keep/x", File(b"")), Put(f"{root}/link", Link("keep")),
        Put(f"{root}/empty", Dir()),
        Remove(f"{root}/link/"), Remove(f"{root}/nothing"), Remove(f"{root}/empty"),
    )  # fmt: skip
    assert set(parse_glob(one(place.session, Glob(root)))) == {"keep"}
    refused(place.session, Remove(f"{root}/keep"))
    done(place.session, Put(f"{root}/link", Link("keep")), Remove(f"{root}/link", tree=True))
    assert one(place.session, Stat(f"{root}/keep/x")).rc == 0
    done(place.session, Remove(f"{root}/keep", tree=True))
    assert not parse_glob(one(place.session, Glob(root)))


def test_no_action_touches_what_nobody_means(place: Target) -> None:
    for path in ("/", "", "x", "//", "/..", "/tmp/..", "/../", "/tmp/../etc", "/."):
        for action in (
            Remove(path, tree=True),
            Remove(path),
            Put(path, Dir()),
            Put(path, File(b"")),
        ):
            with pytest.raises(StepFailed):
                place.session.act([action])


def test_the_first_failure_ends_the_batch(place: Target, root: str) -> None:
    outputs = place.session.act(
        [Put(f"{root}/a", File(b"")), Put(f"{root}/no/b", File(b"")), Put(f"{root}/c", File(b""))]
    )
    assert [output.rc for output in outputs] == [0, 1]
    assert set(parse_glob(one(place.session, Glob(root)))) == {"a"}


def test_saved_bytes_come_back(place: Target, root: str) -> None:
    content = bytes(range(256)) * 40
    sha256 = hashlib.sha256(content).hexdigest()
    session = place.connection.session(
        Become() if place.name.startswith("deploy") else None,
        run_dir=f"{root}/it's a run",
    )
    done(session, Put(f"{root}/f", File(content)), session.save(f"{root}/f", sha256))
    done(session, session.save(f"{root}/f", sha256), Put(f"{root}/f", File(b"new")))
    assert session.act([session.save(f"{root}/f", sha256[::-1])])[0].rc == 1
    done(session, Put(f"{root}/f", File(Saved(sha256, len(content)), 0o600)))
    assert one(session, Read(f"{root}/f")).stdout == content
    refused(session, Put(f"{root}/f", File(Saved("0" * 64, 1))))


def test_reading_stops_at_the_limit(place: Target, root: str) -> None:
    done(place.session, Put(f"{root}/f", File(b"0123456789")), Put(f"{root}/l", Link("f")))
    assert one(place.session, Read(f"{root}/f", 4)).stdout == b"0123"
    assert one(place.session, Read(f"{root}/l")).stdout == b"0123456789"
    assert one(place.session, Read(root)).rc == 1


def test_fetching_goes_on_past_what_is_not_there(place: Target, root: str, tmp_path: Path) -> None:
    contents = {"a": b"", "b\n'": b"x" * 300_000, "-c": bytes(range(256)), "d": b"\n0123 0\n"}
    done(
        place.session,
        *(Put(f"{root}/{name}", File(content, 0)) for name, content in contents.items()),
    )
    heard: list[int] = []
    pairs = [(f"{root}/{name}", tmp_path / f"{n}") for n, name in enumerate(contents)]
    outputs = place.session.fetch(
        [*pairs[:2], (f"{root}/none", tmp_path / "none"), (root, tmp_path / "dir"), *pairs[2:]],
        heard.append,
    )
    assert [output.rc for output in outputs] == [0, 0, 1, 1, 0, 0]
    sums = [hashlib.sha256(content).hexdigest().encode() for content in contents.values()]
    assert [output.stdout for output in outputs if output.rc == 0] == sums
    assert [path.read_bytes() for _, path in pairs] == list(contents.values())
    assert {path.name for path in tmp_path.iterdir()} == {"0", "1", "2", "3"}
    assert heard[-1] == sum(map(len, contents.values()))


def test_a_fetch_among_actions(place: Target, root: str, tmp_path: Path) -> None:
    into = tmp_path / "new" / "f"
    outputs = place.session.act(
        [Put(f"{root}/f", File(b"1")), Fetch(f"{root}/f", str(into)), Remove(f"{root}/f"),
         Fetch(f"{root}/f", str(into)), Put(f"{root}/g", File(b""))]
    )  # fmt: skip
    assert [output.rc for output in outputs] == [0, 0, 0, 1]
    assert into.read_bytes() == b"1"


def test_streaming_a_file(place: Target, root: str) -> None:
    done(place.session, Put(f"{root}/f", File(b"abc" * 100_000)))
    assert b"".join(place.session.stream(Read(f"{root}/f"))) == b"abc" * 100_000
    with pytest.raises(StepFailed):
        list(place.session.stream(Read(f"{root}/none")))


def test_the_session_is_made_once(place: Target) -> None:
    assert place.session.look([]) == ()
    assert place.session.act([]) == ()
    assert place.session.host
