"""Processes as psutil tells them, where there is no /proc."""

import os

import msgspec
import psutil
import pytest

from compliance.agent.collectors import Memory, boot, processes, psprocesses
from compliance.wire.facts import Process


def test_psutil_tells_the_same_of_this_process_where_there_is_no_proc(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(boot, "LINUX", False)
    memory = Memory(boot_id="boot-1")
    look = processes.collect(memory)
    mine = next(row for row in look.rows if isinstance(row, Process) and row.pid == os.getpid())
    assert (mine.ppid, mine.user, mine.started_at) == (os.getppid(), psutil.Process().username(), mine.ticks)
    assert mine.exe == psutil.Process().exe()
    assert msgspec.json.decode(msgspec.json.encode(look.rows), type=tuple[Process, ...]) == look.rows
    assert next(row for row in processes.collect(memory).rows if row is mine) is mine


def test_what_psutil_may_not_read_is_blind_and_what_is_not_there_is_not() -> None:
    info: dict[str, object] = {
        "pid": 4,
        "ppid": 0,
        "create_time": 0.0,
        "username": None,
        "name": "System",
        "exe": "",
        "cmdline": [],
    }
    assert psprocesses.row(info) == Process(pid=4, ticks=0, ppid=0, name="System")
    assert psprocesses.blind(info) == 1
