"""What `status` reads of the spool: without the lock, without changing it, and a sentence for what is in the way."""

from __future__ import annotations

import os
import shutil
import sqlite3
import subprocess
import sys
from contextlib import closing
from pathlib import Path

import pytest

from compliance.agent.loop import report_of
from compliance.agent.spool import Spool
from compliance.agent.spoolfile import Standing, open_spool, read_standing
from compliance.errors import Broken
from compliance.wire.codec import encode
from compliance.wire.messages import Receipt
from tests.agent.laidout import NOON, process, snapshot

needs_root = pytest.mark.skipif(os.name != "posix" or os.geteuid() != 0, reason="only root can mount")


def fill(spool: Spool) -> int:
    """Three reports: one accepted, one refused, one waits. Its size."""
    for number in range(3):
        spool.add(report_of(snapshot(NOON + number, processes=[process(number)]), spool, "0" * 32))
    first = spool.first()
    assert first
    spool.accept(first, Receipt(outcome="applied", last=first.id))
    second = spool.first()
    assert second
    spool.reject(second, "no")
    third = spool.first()
    assert third
    return len(encode(third))


def test_the_standing_is_read_while_the_agent_has_the_spool_open(folder: Path):
    with closing(Spool(folder)) as spool:
        size = fill(spool)
        standing = read_standing(spool.path)
        assert standing == Standing(
            waiting=1,
            waiting_bytes=size,
            oldest_taken_at=NOON + 2,
            last_report=spool.note("last"),
            accepted_at=spool.note("accepted_at"),
            dropped=1,
            set_aside=1,
        )


def test_where_there_is_no_spool_none_is_made(folder: Path):
    assert read_standing(folder / "agent.db") is None
    assert list(folder.iterdir()) == []


def test_a_damaged_spool_is_told_and_left_for_the_agent_to_heal(folder: Path):
    (folder / "agent.db").write_bytes(b"no database" * 1000)
    with pytest.raises(Broken, match="is damaged: the next `compliance agent send` begins a new one"):
        read_standing(folder / "agent.db")
    assert [path.name for path in folder.iterdir()] == ["agent.db"]


def test_a_spool_of_a_newer_version_is_told(folder: Path):
    open_spool(folder / "agent.db").close()
    with closing(sqlite3.connect(folder / "agent.db")) as db:
        db.execute("PRAGMA user_version = 9")
    with pytest.raises(Broken, match="upgrade this agent"):
        read_standing(folder / "agent.db")


@needs_root
def test_a_spool_on_a_read_only_disk_can_be_read_and_not_opened(folder: Path):
    with closing(Spool(folder)) as spool:
        fill(spool)
    script = f"""
mount --bind {folder} {folder} && mount -o remount,ro,bind {folder} && exec python -c '
from pathlib import Path
from compliance.agent.spool import Spool
from compliance.agent.spoolfile import read_standing
from compliance.errors import Broken
path = Path("{folder}")
print(read_standing(path / "agent.db").waiting)
try:
    Spool(path)
except Broken as error:
    print(error)
'
"""
    told = _in_own_mounts(script)
    assert told[0] == "1"
    assert told[1].startswith(f"Cannot keep the agent's state in {folder / 'agent.db'} (")
    assert told[1].endswith(
        "Read-only file system: '" + str(folder / "agent.db") + "'): make room, or make it writable."
    )


def _in_own_mounts(script: str) -> list[str]:
    environment = {**os.environ, "PATH": f"{Path(sys.executable).parent}:{os.environ['PATH']}"}
    done = subprocess.run(
        [str(shutil.which("unshare")), "--mount", "sh", "-ec", script],
        capture_output=True,
        encoding="utf-8",
        env=environment,
        timeout=60,
    )
    assert done.returncode == 0, done.stderr
    return done.stdout.splitlines()
