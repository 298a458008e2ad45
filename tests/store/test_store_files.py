import hashlib
import os
import sqlite3
import stat
import threading
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from memops.errors import LockedError, UsageError
from memops.store import Arrival, Place, Store, catalogue, names
from memops.store import files as store_files
from memops.store.catalogue import Catalogue

LIFE = "1234-56789-0f3a9c2e"
TAKEN = "20261123T205600.123Z"
LATER = "20261123T212600.000Z"


@pytest.fixture
def store(tmp_path: Path) -> Iterator[Store]:
    with Store.open(tmp_path / "store") as opened:
        yield opened


def arrival(
    store: Store,
    name: str = "shop.1234.0.i0.heap",
    content: bytes = b"heap_v2/1\n",
    taken: str = TAKEN,
    host: str = "web1",
) -> Arrival:
    source = f"/dumps/{name}"
    file = store.incoming(host, source, f"{len(content)}:1700000000")
    file.write_bytes(content)
    place = Place("shop", host, LIFE, taken, names.safe(name))
    digest = hashlib.sha256(content).hexdigest()
    return Arrival(file, place, host, source, len(content), 1700000000, digest)


def test_what_was_adopted_is_found_again(store: Store) -> None:
    (kept,) = store.adopt([arrival(store)])

    assert store.artifacts("shop", "web1", LIFE, "heap") == (kept,)
    assert store.path(kept).read_bytes() == b"heap_v2/1\n"
    assert store.collected("shop", "web1") == {("/dumps/shop.1234.0.i0.heap", 10, 1700000000)}
    assert store.lives() == (("shop", "web1", LIFE),)
    assert not list((store.root / "incoming").iterdir())


def test_the_same_content_takes_its_room_once(store: Store) -> None:
    one, two = store.adopt([arrival(store), arrival(store, taken=LATER)])

    assert store.path(one).samefile(store.path(two))
    assert store.latest("shop", "web1") == (two,)


def test_nobody_else_may_read_it(store: Store) -> None:
    store.adopt([arrival(store)])

    for path in [store.root, *store.root.rglob("*")]:
        assert stat.S_IMODE(path.stat().st_mode) in (0o600, 0o700), path


def test_adopting_again_changes_nothing(store: Store) -> None:
    first = store.adopt([arrival(store)])
    again = store.adopt([arrival(store)])

    assert first == again == store.artifacts()


def test_a_hostile_name_stays_inside_and_is_remembered(store: Store) -> None:
    name = "../../../x\n.heap"
    (kept,) = store.adopt([arrival(store, "x.heap")])
    place = Place("shop", "web1", LIFE, TAKEN, names.safe(name))
    file = store.incoming("web1", "/dumps/" + name, "1")
    file.write_bytes(b"2")
    sha256 = hashlib.sha256(b"2").hexdigest()
    (hostile,) = store.adopt([Arrival(file, place, "web1", f"/dumps/{name}\udcff", 1, 2, sha256)])

    assert store.path(hostile).parent == store.path(kept).parent
    assert hostile.source == f"/dumps/{name}\udcff"
    assert store.rebuild() == 2
    assert hostile in store.artifacts()


def test_a_binary_is_kept_once_for_the_fleet(store: Store) -> None:
    for host in ("web1", "web2"):
        file = store.incoming(host, "/lib/libz.so", "1")
        file.write_bytes(b"\x7fELF")
        sha256 = hashlib.sha256(b"\x7fELF").hexdigest()
        store.adopt([Arrival(file, names.elf("00ff"), host, "/lib/libz.so", 4, 5, sha256)])

    found = store.elf("00ff")
    assert found is not None
    assert found.read_bytes() == b"\x7fELF"
    assert len(store.artifacts(kind="elf")) == 1
    assert store.elf("../elf/00ff") is None
    assert store.lives() == ()


@pytest.mark.parametrize("damage", ["gone", "garbage", "older"])
def test_the_index_is_made_anew_from_the_files(tmp_path: Path, damage: str) -> None:
    with Store.open(tmp_path / "store") as store:
        kept = store.adopt([arrival(store), arrival(store, "smaps")])
    index = tmp_path / "store" / "catalogue.sqlite"
    match damage:
        case "gone":
            index.unlink()
        case "garbage":
            index.write_bytes(b"not a database, but long enough to look at" * 100)
        case _:
            with sqlite3.connect(index) as base:
                base.execute("PRAGMA user_version = 0")
            base.close()

    with Store.open(tmp_path / "store") as again:
        assert set(again.artifacts()) == set(kept)


def test_what_somebody_removed_by_hand_is_no_longer_listed(store: Store) -> None:
    gone, kept = store.adopt([arrival(store), arrival(store, "smaps")])
    store.path(gone).unlink()

    assert store.rebuild() == 1
    assert store.artifacts() == (kept,)


def test_a_line_that_was_cut_short_is_nobodys(store: Store) -> None:
    (first,) = store.adopt([arrival(store)])
    with (store.path(first).parent / ".artifacts").open("a") as lines:
        lines.write('{"path": "snapsh')
    (second,) = store.adopt([arrival(store, "smaps")])

    assert store.rebuild() == 2
    assert set(store.artifacts()) == {first, second}


def test_fifty_hosts_at_once(store: Store) -> None:
    def bring(number: int) -> None:
        host = f"web{number}"
        store.adopt([arrival(store, f"{n}.heap", b"same for all", host=host) for n in range(4)])

    with ThreadPoolExecutor(50) as pool:
        list(pool.map(bring, range(50)))

    assert len(store.artifacts()) == 200
    assert len(list((store.root / "objects").glob("*/*"))) == 1
    assert store.rebuild() == 200


def test_one_at_a_time_collects_from_a_host(store: Store) -> None:
    with (
        store.lock("web1"),
        store.lock("web2"),
        pytest.raises(LockedError, match="web1"),
        store.lock("web1"),
    ):
        pass
    with store.lock("web1"):
        pass


def test_where_there_are_no_links_it_copies(store: Store, monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(*_: object, **__: object) -> None:
        raise OSError(31, "Too many links")

    monkeypatch.setattr(os, "link", refuse)
    (kept,) = store.adopt([arrival(store)])

    assert store.path(kept).read_bytes() == b"heap_v2/1\n"
    assert stat.S_IMODE(store.path(kept).stat().st_mode) == 0o600


def test_forgotten_transfers_are_swept(store: Store) -> None:
    old, new = store.incoming("web1", "/a", "1"), store.incoming("web1", "/b", "1")
    for path in (old, new):
        path.touch()
    os.utime(old, (0, 0))

    store.sweep()

    assert [*(store.root / "incoming").iterdir()] == [new]


@pytest.mark.parametrize("where", ["file", "world"])
def test_a_root_that_cannot_be_trusted_is_refused(tmp_path: Path, where: str) -> None:
    root = tmp_path / where
    if where == "file":
        root.touch()
    else:
        root.mkdir()
        root.chmod(0o777)
    with pytest.raises(UsageError, match="--store"):
        Store.open(root)


def _operations() -> list[str]:
    """The operations of the store that reach the disk, each a place to be killed at."""
    return ["_link", "_append", "_sync", "Catalogue.write", "Catalogue.forget", "Path.unlink"]


@pytest.mark.parametrize("deadly", range(1, 15))
@pytest.mark.parametrize("moment", ["before", "after"])
def test_killed_between_any_two_operations(tmp_path: Path, deadly: int, moment: str) -> None:
    root = tmp_path / "store"
    with Store.open(root) as store:
        store.adopt([arrival(store, "before.heap", b"0")])
    pid = os.fork()
    if pid == 0:
        try:
            _adopt_until_killed(root, deadly, moment)
        finally:
            os._exit(0)
    os.waitpid(pid, 0)

    with Store.open(root) as store:
        listed = store.artifacts()
        assert all(store.path(each).is_file() for each in listed)
        assert store.rebuild() == len(listed)
        assert store.artifacts() == listed
        store.adopt([arrival(store, "one.heap", b"1"), arrival(store, "two.heap", b"2")])
        assert {each.name for each in store.artifacts()} == {"before.heap", "one.heap", "two.heap"}
        assert not list((root / "incoming").iterdir())
        for each in store.artifacts():
            assert store_files.digest(store.path(each)) == each.sha256


def _adopt_until_killed(root: Path, deadly: int, moment: str) -> None:
    count = 0

    def armed(function: Callable[..., object]) -> Callable[..., object]:
        def operate(*args: object, **kwargs: object) -> object:
            nonlocal count
            count += 1
            if count == deadly and moment == "before":
                os.kill(os.getpid(), 9)
            result = function(*args, **kwargs)
            if count == deadly:
                os.kill(os.getpid(), 9)
            return result

        return operate

    store = Store.open(root)
    brought = [arrival(store, "one.heap", b"1"), arrival(store, "two.heap", b"2")]
    for name in _operations():
        owner, _, attribute = name.rpartition(".")
        where = {"": store_files, "Catalogue": catalogue.Catalogue, "Path": Path}[owner]
        setattr(where, attribute, armed(getattr(where, attribute)))
    store.adopt(brought)


def test_who_opens_a_new_store_waits_for_another_that_is_writing_it(tmp_path: Path) -> None:
    """SQLite does not wait by itself to change the journal's mode while somebody writes."""
    path = tmp_path / "catalogue.sqlite"
    writer = sqlite3.connect(path, check_same_thread=False, isolation_level=None)
    writer.execute("CREATE TABLE t (x)")
    writer.execute("BEGIN IMMEDIATE")
    done = threading.Timer(0.5, writer.execute, ["COMMIT"])
    done.start()

    Catalogue(path).close()

    done.join()
    writer.close()
