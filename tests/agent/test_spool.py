"""The agent's memory on disk: in order, whole after a crash, bounded, and honest about what it lost."""

from __future__ import annotations

import json
import os
import sqlite3
import stat
import subprocess
import sys
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path

import pytest

from compliance.agent import changes
from compliance.agent.loop import report_of
from compliance.agent.spool import SET_ASIDE, Spool
from compliance.errors import Broken
from compliance.settings import private_folder
from compliance.wire.codec import decode_report
from compliance.wire.messages import Change, Receipt, Report
from tests.agent.laidout import MINUTE, NOON, process, session, snapshot

HOST = "0" * 32


@pytest.fixture
def spool(folder: Path) -> Iterator[Spool]:
    with closing(Spool(folder)) as opened:
        yield opened


def take(spool: Spool, number: int, *rows, **looks) -> Report:
    report = report_of(snapshot(NOON + number * MINUTE, processes=rows, **looks), spool, HOST)
    spool.add(report)
    return report


def accept(spool: Spool) -> None:
    report = spool.first()
    assert report
    spool.accept(report, Receipt(outcome="applied", last=report.id))


def drained(spool: Spool) -> list[str]:
    ids = []
    while (report := spool.first()) is not None:
        ids.append(report.id)
        spool.accept(report, Receipt(outcome="applied", last=report.id))
    return ids


def test_reports_leave_in_the_order_in_which_they_came(spool: Spool):
    taken = [take(spool, number, process(number)).id for number in (5, 3, 9, 1)]  # whatever the clock did
    assert spool.waiting() == 4
    assert drained(spool) == taken
    assert spool.waiting() == 0


def test_a_report_is_read_as_it_was_taken(spool: Spool):
    report = take(spool, 1, process(1, arguments="sh -c 'é'"), sessions=[session("ana")])
    assert spool.first() == report


def test_what_was_added_is_there_for_the_next_run(folder: Path):
    with closing(Spool(folder)) as spool:
        taken = [take(spool, number, process(number)).id for number in range(3)]
        said = spool.said()
    with closing(Spool(folder)) as spool:
        assert spool.said() == said
        assert drained(spool) == taken


def test_what_is_accepted_follows_the_receipts_and_what_is_said_the_looks(spool: Spool):
    take(spool, 1, process(1))
    take(spool, 2, process(1), process(2))
    assert spool.accepted() == {}
    assert set(spool.said()["processes"]) == {(1, 7), (2, 7)}
    accept(spool)
    assert set(spool.accepted()["processes"]) == {(1, 7)}
    accept(spool)
    assert spool.accepted() == spool.said()


def test_what_is_said_is_what_is_accepted_with_all_that_waits(spool: Spool):
    for number in range(20):
        take(spool, number, *(process(pid) for pid in range(number % 7)), sessions=[session("ana", NOON + number)])
        if number % 3 == 0:
            accept(spool)
    said = spool.accepted()
    for body in _bodies(spool):
        said = changes.fold(said, decode_report(body))
    assert spool.said() == said


def _bodies(spool: Spool) -> list[bytes]:
    with closing(sqlite3.connect(spool.path)) as db:
        return [body for (body,) in db.execute("SELECT body FROM waiting ORDER BY place")]


def test_a_report_that_says_nothing_new_writes_no_rows(spool: Spool):
    take(spool, 1, process(1))
    accept(spool)
    # Whoever writes the rows again would bring back what was cut out of them here.
    with closing(sqlite3.connect(spool.path)) as db, db:
        db.execute('UPDATE said SET rows = \'[{"pid":1,"ticks":7, "name":"sh"}]\'')
        marked = db.execute("SELECT rows FROM said").fetchall()
    assert isinstance(take(spool, 2, process(1)).sections.processes, Change)
    accept(spool)
    with closing(sqlite3.connect(spool.path)) as db:
        assert db.execute("SELECT rows FROM said").fetchall() == marked


def test_a_full_spool_drops_the_oldest_counts_it_and_says_why(folder: Path):
    with closing(Spool(folder, cap=1_000)) as spool:
        taken = [take(spool, number, process(number, arguments="a" * 200)).id for number in range(10)]
        assert _size(spool) <= 1_000
        left = spool.waiting()
        assert spool.untold() == (10 - left, "the spool was full")
        assert drained(spool) == taken[-left:]


def test_what_a_dropped_report_said_is_part_of_what_is_accepted(folder: Path):
    with closing(Spool(folder, cap=1)) as spool:
        take(spool, 1, process(1), sessions=[session("ana")])
        take(spool, 2, process(1), process(2), sessions=[session("ana")])
        report = take(spool, 3, process(2), sessions=[session("ana")])
        assert spool.untold()[0] == 2
        assert set(spool.accepted()["processes"]) == {(1, 7), (2, 7)}
        whole = changes.made_whole(report, spool.accepted(), {"processes"}).sections.processes
        assert [row.pid for row in whole.rows] == [2]  # type: ignore[union-attr]


def test_a_report_larger_than_the_cap_is_kept_all_the_same(folder: Path):
    with closing(Spool(folder, cap=10)) as spool:
        report = take(spool, 1, process(1))
        assert spool.first() == report
        assert spool.untold() == (0, "")


def _size(spool: Spool) -> int:
    return sum(map(len, _bodies(spool)))


def test_a_loss_is_told_until_the_server_has_heard_of_it_and_counted_for_ever(spool: Spool):
    for number in range(3):
        take(spool, number, process(number))
    for count in (1, 2):
        report = spool.first()
        assert report
        spool.reject(report, "processes.rows[0].pid: no")
        assert spool.untold() == (count, "the server refused one: processes.rows[0].pid: no")
    accept(spool)
    assert spool.untold()[0] == 0
    assert spool.note("dropped") == spool.note("set_aside") == 2


@pytest.mark.parametrize("umask", [0, 0o777])
def test_a_refused_report_can_be_looked_at_by_its_owner_only(spool: Spool, umask: int):
    report = take(spool, 1, process(1))
    before = os.umask(umask)
    try:
        spool.reject(report, "no")
    finally:
        os.umask(before)
    kept = spool.folder / "rejected" / f"{report.id}.json"
    assert json.loads(kept.read_bytes())["id"] == report.id
    assert (stat.S_IMODE(kept.parent.stat().st_mode), stat.S_IMODE(kept.stat().st_mode)) == (0o700, 0o600)


def test_no_more_than_a_hundred_refused_reports_are_kept_and_the_newest_are(spool: Spool):
    rejected = spool.folder / "rejected"
    rejected.mkdir(mode=0o700)
    for number in range(SET_ASIDE + 5):
        (rejected / f"{number}.json").write_text("{}")
        os.utime(rejected / f"{number}.json", (number, number))
    report = take(spool, 1, process(1))
    spool.reject(report, "no")
    names = {path.stem for path in rejected.iterdir()}
    assert len(names) == SET_ASIDE
    assert {report.id, str(SET_ASIDE + 4)} <= names
    assert "0" not in names


@pytest.mark.parametrize("body", [b"", b"{}", b"\x00\xff", b'{"id": "\xff"}', b"[" * 100_000])
def test_a_report_that_cannot_be_read_any_more_is_set_aside_counted_and_blocks_nothing(spool: Spool, body: bytes):
    take(spool, 1, process(1))
    second = take(spool, 2, process(2))
    with closing(sqlite3.connect(spool.path)) as db, db:
        db.execute("UPDATE waiting SET body = ? WHERE taken_at < ?", [body, second.taken_at])
    assert spool.first() == second
    assert spool.untold() == (1, "a report on disk was damaged")
    assert [path.read_bytes() for path in (spool.folder / "rejected").iterdir()] == [body]
    assert spool.said() == spool.accepted() == {}


@pytest.mark.parametrize("rows", [b"[", b'[{"pid": -1}]', b'["\xff"]'])
def test_rows_that_cannot_be_read_any_more_are_unknown(spool: Spool, rows: bytes):
    take(spool, 1, process(1), sessions=[session("ana")])
    with closing(sqlite3.connect(spool.path)) as db, db:
        db.execute("UPDATE said SET rows = ? WHERE kind = 'processes'", [rows])
    assert set(spool.said()) == {"sessions"}


def test_a_new_identity_begins_with_nothing(spool: Spool):
    take(spool, 1, process(1))
    accept(spool)
    take(spool, 2, process(2))
    spool.forget()
    assert (spool.waiting(), spool.said(), spool.accepted(), spool.note("last")) == (0, {}, {}, None)


def test_a_new_server_gets_what_waits(spool: Spool):
    take(spool, 1, process(1))
    accept(spool)
    report = take(spool, 2, process(2))
    spool.forget_server()
    assert spool.note("last") is None
    assert spool.first() == report
    assert set(spool.accepted()["processes"]) == {(1, 7)}


def test_a_killed_writer_leaves_all_that_was_added_and_nothing_half(folder: Path):
    """The process dies with the file open, in the middle of a transaction."""
    script = """
import os, signal, sys
from pathlib import Path
from compliance.agent.spool import Spool
from tests.agent.test_spool import take
from tests.agent.laidout import process
spool = Spool(Path(sys.argv[1]))
for number in range(3):
    print(take(spool, number, process(number)).id, flush=True)
with spool._transaction() as db:
    db.execute("DELETE FROM waiting")
    db.execute("DELETE FROM said")
    os.kill(os.getpid(), signal.SIGKILL)
"""
    done = subprocess.run([sys.executable, "-c", script, folder], capture_output=True, encoding="ascii", timeout=60)
    assert done.returncode == -9, done.stderr
    with closing(Spool(folder)) as spool:
        assert spool.healed is None
        assert set(spool.said()["processes"]) == {(2, 7)}
        assert drained(spool) == done.stdout.split()


LIMITED = """
import resource, sys
from pathlib import Path
from compliance.agent.spool import Spool
from compliance.errors import Broken
from tests.agent.test_spool import take, drained
from tests.agent.laidout import process
spool = Spool(Path(sys.argv[1]))
print(take(spool, 0, process(1)).id)
resource.setrlimit(resource.RLIMIT_FSIZE, (300_000, resource.RLIM_INFINITY))
for number in range(1, 1000):
    try:
        print(take(spool, number, process(1, arguments="a" * 50_000)).id)
    except Broken as error:
        print(error, file=sys.stderr)
        break
resource.setrlimit(resource.RLIMIT_FSIZE, (resource.RLIM_INFINITY, resource.RLIM_INFINITY))
print(take(spool, number, process(2)).id)
"""


def test_a_disk_that_is_full_loses_nothing_that_was_on_it(folder: Path):
    done = subprocess.run([sys.executable, "-c", LIMITED, folder], capture_output=True, encoding="utf-8", timeout=60)
    assert done.returncode == 0, done.stderr
    assert done.stderr.startswith(f"Cannot keep the agent's state in {folder / 'agent.db'} (")
    assert done.stderr.endswith("): make room, or make it writable.\n")
    with closing(Spool(folder)) as spool:
        assert spool.healed is None
        assert set(spool.said()["processes"]) == {(2, 7)}
        taken = done.stdout.split()
        assert len(taken) > 2
        assert drained(spool) == taken


@pytest.mark.parametrize("umask", [0, 0o022, 0o077, 0o777])
def test_nobody_else_reads_it_whatever_the_umask(tmp_path: Path, umask: int):
    before = os.umask(umask)
    try:
        with closing(Spool(private_folder(tmp_path / "state"))) as spool:
            take(spool, 1, process(1))
            modes = {path.name: stat.S_IMODE(path.stat().st_mode) for path in spool.folder.iterdir()}
            assert stat.S_IMODE(spool.folder.stat().st_mode) == 0o700
    finally:
        os.umask(before)
    assert modes == {"agent.db": 0o600, "agent.db-wal": 0o600, "agent.db-shm": 0o600}


def test_a_file_of_a_newer_version_is_left_alone(folder: Path):
    Spool(folder).close()
    with closing(sqlite3.connect(folder / "agent.db")) as db:
        db.execute("PRAGMA user_version = 2")
    before = (folder / "agent.db").read_bytes()
    with pytest.raises(Broken, match=r"agent\.db was written by a newer compliance: upgrade this agent\."):
        Spool(folder)
    assert (folder / "agent.db").read_bytes() == before


def _ruin_all(path: Path) -> None:
    path.write_bytes(b"this is no database at all, but a text of some length\n" * 100)


def _ruin_header(path: Path) -> None:
    path.write_bytes(b"\0" * 100 + path.read_bytes()[100:])


def _ruin_pages(path: Path) -> None:
    content = path.read_bytes()
    path.write_bytes(content[:4096] + os.urandom(len(content) - 4096))


def _ruin_end(path: Path) -> None:
    content = path.read_bytes()
    path.write_bytes(content[: len(content) // 2])


@pytest.mark.parametrize("ruin", [_ruin_all, _ruin_header, _ruin_pages, _ruin_end])
def test_a_damaged_file_is_set_aside_and_a_new_one_begun_that_says_so(folder: Path, ruin):
    with closing(Spool(folder)) as spool:
        for number in range(30):
            take(spool, number, process(1, arguments="a" * 2_000))
    ruin(folder / "agent.db")
    ruined = (folder / "agent.db").read_bytes()
    with closing(Spool(folder)) as spool:
        aside = folder / "agent.db.damaged"
        assert (
            spool.healed == f"The spool was damaged and is set aside as {aside}; what waited is lost, and is told so."
        )
        assert aside.read_bytes() == ruined
        assert stat.S_IMODE(aside.stat().st_mode) == 0o600
        assert (spool.waiting(), spool.said()) == (0, {})
        assert spool.untold() == (1, "the spool was damaged")
        take(spool, 1, process(1))
    with closing(Spool(folder)) as spool:
        assert spool.healed is None
        assert spool.waiting() == 1


def test_a_second_damaged_file_takes_the_place_of_the_first(folder: Path):
    for text in (b"first" * 1000, b"second" * 1000):
        (folder / "agent.db").write_bytes(text)
        Spool(folder).close()
    assert (folder / "agent.db.damaged").read_bytes() == b"second" * 1000
    assert {path.name for path in folder.iterdir()} == {"agent.db", "agent.db.damaged"}


def test_a_long_backlog_makes_no_look_slower(folder: Path):
    """Counted in what SQLite has to read, which no other load of the machine can change."""
    with closing(Spool(folder)) as spool:
        steps = []
        for number in range(400):
            take(spool, number, process(number, arguments="a" * 500))
            if number in (10, 399):
                count = 0

                def step() -> int:
                    nonlocal count
                    count += 1
                    return 0

                spool._db.set_progress_handler(step, 1)
                spool.said()
                spool._db.set_progress_handler(None, 1)
                steps.append(count)
        assert steps[0] == steps[1]
