"""What is kept from look to look, and moments that a clock far off makes impossible."""

from __future__ import annotations

import pytest

from compliance.agent.collectors import host, procfs, psprocesses, sessions
from compliance.agent.collectors.look import Known, Memory, moment
from compliance.wire.facts import LAST_MOMENT, Process

FAR = LAST_MOMENT + 1


@pytest.mark.parametrize(
    "dumped", [b"", b"{", b"[]", b'{"boot_id": "\xff"}', b'{"boot_id": 1}', b'{"processes": [[1]]}']
)
def test_a_memory_that_cannot_be_read_is_an_empty_one(dumped: bytes):
    assert Memory.load(dumped) == Memory()


def test_a_memory_comes_back_with_the_processes_when_they_were_asked_for():
    known = Known(7, b"sh\xff", 1000, 5, 0, Process(pid=42, ticks=7, name="sh", arguments="sh"))
    memory = Memory("boot", 1, 2, None, {42: known})
    assert Memory.load(memory.dump(processes=True)) == memory
    assert Memory.load(memory.dump()) == Memory("boot", 1, 2)


@pytest.mark.parametrize(
    ("ms", "told"), [(None, None), (-1, None), (0, None), (1, 1), (LAST_MOMENT, LAST_MOMENT), (FAR, None)]
)
def test_a_moment_is_within_the_years_that_can_be_said_or_unknown(ms: int | None, told: int | None):
    assert moment(ms) == told


def test_no_row_holds_a_moment_that_could_not_be_said():
    info = {"pid": 1, "ppid": 0, "create_time": FAR / 1000, "username": "", "name": "x", "exe": "", "cmdline": []}
    seen = sessions.row("ana", None, None, FAR)
    assert seen
    assert host.row("h", None, FAR).booted_at is seen.opened_at is psprocesses.row(info).started_at is None
    stat = procfs.parse_stat(b"1 (sh) S 0 " + b"0 " * 48)
    assert procfs.row(1, stat, "root", moment(FAR), None, b"").started_at is None
