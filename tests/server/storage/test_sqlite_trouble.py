"""What goes wrong with a SQLite file, its folder and its disk; whose it is, and what a commit means."""

import asyncio
import os
import sqlite3
import stat
import subprocess
import sys
from pathlib import Path

import pytest

from compliance.errors import Broken, Unreachable
from compliance.server.storage.engine import open_store
from tests.server.storage.fixtures import Room, with_tables


def mode(path: Path) -> int:
    return stat.S_IMODE(path.stat().st_mode)


@pytest.mark.parametrize("mask", [0o000, 0o022, 0o277])
def test_the_file_is_its_owners_alone_whatever_the_umask(tmp_path: Path, mask: int) -> None:
    path = tmp_path / "a" / "b" / "it.db"
    before = os.umask(mask)
    try:
        store = with_tables(open_store(f"sqlite:///{path}"))
    finally:
        os.umask(before)
    assert {mode(file) for file in path.parent.iterdir()} == {0o600}
    assert len(list(path.parent.iterdir())) == 3
    assert (mode(path.parent), mode(path.parent.parent)) == (0o700, 0o700)
    store.close()


def test_a_folder_that_exists_keeps_its_mode(tmp_path: Path) -> None:
    tmp_path.chmod(0o755)
    open_store(f"sqlite:///{tmp_path}/it.db").close()
    assert mode(tmp_path) == 0o755


def test_a_relative_path_stays_where_it_was_when_the_working_folder_changes(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    store = open_store("sqlite:///it.db")
    monkeypatch.chdir("/")
    with store.session() as db:
        db.execute("CREATE TABLE t (a)")
    store.close()
    assert (tmp_path / "it.db").stat().st_size > 0


def test_a_path_below_a_file_is_told(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    with pytest.raises(Broken, match="cannot be made or opened"):
        open_store(f"sqlite:///{tmp_path}/file/it.db")


def test_a_folder_that_may_not_be_written_is_told(tmp_path: Path) -> None:
    """In a process of its own that is not root, for nothing is forbidden to root."""
    folder = tmp_path / "closed"
    folder.mkdir(mode=0o500)
    code = (
        "import os, sys\n"
        "from compliance.errors import Broken\n"
        "from compliance.server.storage.engine import open_store\n"
        "import compliance.server.storage.sqlite\n"
        "if os.geteuid() == 0: os.setuid(65534)\n"
        "try: open_store(sys.argv[1])\n"
        "except Broken as error: print(error)\n"
    )
    for parent in [folder, *folder.parents][: len(folder.parents) - 1]:
        if os.geteuid() == 0 and parent != folder and not mode(parent) & 0o001:
            parent.chmod(mode(parent) | 0o011)
    done = subprocess.run(
        [sys.executable, "-c", code, f"sqlite:///{folder}/it.db"],
        capture_output=True,
        text=True,
        check=True,
        timeout=60,
    )
    assert "Permission denied" in done.stdout
    assert f"{folder}/it.db cannot be made or opened" in done.stdout


def test_a_file_that_is_no_database_is_told_and_left_alone(tmp_path: Path) -> None:
    path = tmp_path / "notes.txt"
    path.write_text("groceries " * 1000)
    with pytest.raises(Broken, match="damaged or no database"):
        open_store(f"sqlite:///{path}")
    assert path.read_text() == "groceries " * 1000


def test_a_damaged_database_is_told(sqlite_url: str) -> None:
    store = with_tables(open_store(sqlite_url))
    with store.session() as db:
        db.insert_new("room", ("name", "cooled"), [("x" * 40, 1) for _ in range(5000)])
    store.close()
    path = Path(sqlite_url.removeprefix("sqlite:///"))
    data = bytearray(path.read_bytes())
    data[8192:] = b"\xff" * (len(data) - 8192)
    path.write_bytes(data)
    store = open_store(sqlite_url)
    with pytest.raises(Broken, match="damaged"):
        asyncio.run(store.rows(Room.count().where(Room.name == "a")))
    store.close()


def test_a_full_disk_is_told_and_writing_goes_on_once_there_is_room(sqlite_url: str) -> None:
    store = with_tables(open_store(sqlite_url, pool_size=1))

    async def main() -> None:
        await store.raw("PRAGMA max_page_count = 20")
        with pytest.raises(Broken, match="disk that holds .* is full"):
            async with store.transaction():
                for _ in range(1000):
                    await store.raw("INSERT INTO room (name, cooled) VALUES (?, 1)", ["x" * 4000])
        assert await store.rows(Room.count()) == 0
        await store.raw("PRAGMA max_page_count = 1000000")
        await store.raw("INSERT INTO room (name, cooled) VALUES (?, 1)", ["x" * 4000])

    asyncio.run(main())
    store.close()


def test_a_write_that_meets_another_writer_may_be_tried_again(sqlite_url: str) -> None:
    store = with_tables(open_store(sqlite_url))
    with store.session() as holder, store.session() as db:
        db.execute("PRAGMA busy_timeout = 20")
        holder.begin()
        with pytest.raises(sqlite3.OperationalError) as busy:
            db.begin()
        assert store.dialect.is_retryable(busy.value)
        assert isinstance(store.dialect.explain(busy.value), Unreachable)
        holder.rollback()
        db.begin()
    store.close()


def test_a_file_removed_under_a_running_server_is_not_made_anew(sqlite_url: str) -> None:
    store = open_store(sqlite_url, pool_size=1)
    Path(sqlite_url.removeprefix("sqlite:///")).unlink()
    with pytest.raises(Broken, match="cannot be opened"), store.session():
        pytest.fail("opened")
    assert not Path(sqlite_url.removeprefix("sqlite:///")).exists()
    store.close()


def test_commits_reach_the_disk(sqlite_url: str) -> None:
    store = open_store(sqlite_url)
    with store.session() as db:
        assert db.query("PRAGMA journal_mode") == [("wal",)]
        assert db.query("PRAGMA synchronous") == [(2,)]
        assert db.query("PRAGMA foreign_keys") == [(1,)]
    store.close()


def test_a_file_that_was_replaced_is_opened_anew_and_a_lost_one_is_told(sqlite_url: str) -> None:
    """A backup that was put in place under a running server; what the old connections wrote, nobody would read."""
    store = with_tables(open_store(sqlite_url))
    path = Path(sqlite_url.removeprefix("sqlite:///"))
    asyncio.run(store.rows(Room.insert(Room(name="old", cooled=False))))
    with store.session() as db:
        db.query("PRAGMA wal_checkpoint(TRUNCATE)")
    backup = path.read_bytes()
    path.unlink()
    with pytest.raises(Broken, match="cannot be opened"):
        asyncio.run(store.rows(Room.count()))
    for left in path.parent.glob("*.db-*"):
        left.unlink()
    path.write_bytes(backup)
    asyncio.run(store.rows(Room.insert(Room(name="new", cooled=False))))
    store.close()
    again = open_store(sqlite_url)
    assert asyncio.run(again.rows(Room.select(Room.name))) == [{"name": "old"}, {"name": "new"}]
    again.close()
