"""An agent that is killed anywhere loses nothing: what was on disk is sent, once, and the server has the right rows."""

from __future__ import annotations

import os
import sqlite3
import subprocess
import sys
from collections.abc import Callable, Iterator
from contextlib import closing, contextmanager
from pathlib import Path

import pytest

from compliance.agent.spool import Spool
from compliance.server.storage.clock import OPEN
from tests.agent.conftest import Served

pytestmark = pytest.mark.skipif(not hasattr(os, "fork"), reason="needs fork")

Run = Callable[[Path, int], tuple[int, int]]


@contextmanager
def agent(served: Served, *kinds: str) -> Iterator[Run]:
    """`run(state, lines)` sends the kinds, and is killed after so many lines (0: never). Exit code, lines executed."""
    arguments = ["send", *kinds, "--server", served.url, "--key", served.enroll_key]
    process = subprocess.Popen(
        [sys.executable, "-m", "tests.agent.killing", *arguments],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=subprocess.DEVNULL,
        encoding="utf-8",
    )
    with process:
        assert process.stdin
        assert process.stdout

        def run(state: Path, lines: int) -> tuple[int, int]:
            print(lines, state, file=process.stdin, flush=True)
            for line in process.stdout or ():
                if line.startswith("done "):
                    _, code, executed = line.split()
                    return int(code), int(executed)
            raise AssertionError("the driver has ended")

        yield run
        process.stdin.close()


def points(executed: int, count: int) -> list[int]:
    """Spread over the run, and a few before its end: that is where the receipt is taken."""
    return sorted({max(1, executed * number // count) for number in range(1, count)} | {executed - 1, executed - 9})


def waiting(state: Path) -> int:
    with closing(Spool(state)) as spool:
        return spool.waiting()


def ever_on_disk(state: Path) -> int:
    """How many reports have been added to the spool since it was made."""
    with closing(sqlite3.connect(state / "agent.db")) as db:
        return int(db.execute("SELECT seq FROM sqlite_sequence WHERE name = 'waiting'").fetchone()[0])


def ask(served: Served, sql: str, *args: object) -> list[tuple[object, ...]]:
    with served.store.session() as db:
        return [tuple(row) for row in db.query(sql, list(args))]


def check_rows(served: Served, state: Path) -> None:
    """The newest host's open rows are those that its agent takes for accepted."""
    with closing(Spool(state)) as spool:
        assert spool.healed is None
        assert spool.waiting() == 0
        said = set(spool.accepted()["processes"])
    sql = "SELECT pid, ticks FROM process WHERE ended_at = ? AND host_id = (SELECT MAX(id) FROM host)"
    assert set(ask(served, sql, OPEN)) == said


def test_killed_anywhere_in_a_send_it_loses_no_report_and_sends_none_twice(served: Served, state: Path):
    with agent(served, "ps", "cpu") as run:
        assert run(state, 0)[0] == 0
        code, executed = run(state, 0)
        codes, left = [code], 0
        for point in points(executed, 24):
            codes.append(run(state, point)[0])
            left = max(left, waiting(state))
        assert set(codes) == {0, -9}
        assert codes.count(-9) > 15
        assert left > 1
        assert run(state, 0)[0] == 0
    check_rows(served, state)
    # Each report has one sample.
    assert ask(served, "SELECT COUNT(*) FROM cpu_sample") == [(ever_on_disk(state),)]
    assert ask(served, "SELECT forks, corrections FROM host_contact") == [(0, 0)]
    assert ask(served, "SELECT reason FROM gap WHERE kind IN ('processes', 'cpu')") == []


def test_killed_anywhere_in_its_first_contact_it_is_one_host_with_the_right_rows(served: Served, tmp_path: Path):
    with agent(served, "ps") as run:
        code, executed = run(tmp_path / "whole", 0)
        assert code == 0
        for number, point in enumerate(points(executed, 12), start=2):
            state = tmp_path / f"killed-after-{point}"
            assert run(state, point)[0] in (0, -9)
            assert run(state, 0)[0] == 0
            assert ask(served, "SELECT COUNT(*) FROM host") == [(number,)]
            check_rows(served, state)
