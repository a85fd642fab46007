"""How busy the processors were."""

import math
import os
from collections import namedtuple

import msgspec
import psutil
import pytest
from hypothesis import given
from hypothesis import strategies as st

from compliance.agent.collectors import Memory, boot, cpu
from compliance.agent.collectors.look import CpuTimes
from compliance.wire.facts import Cpu

Linux = namedtuple("Linux", "user nice system idle iowait irq softirq steal guest guest_nice")
Windows = namedtuple("Windows", "user system idle interrupt dpc")


def test_guests_are_counted_once_and_waiting_is_idle() -> None:
    assert cpu.parse(Linux(10, 2, 5, 70, 8, 1, 1, 3, 4, 1)) == CpuTimes(100, 22)


def test_windows_has_other_fields() -> None:
    assert cpu.parse(Windows(10, 5, 80, 1, 1)) == CpuTimes(97, 17)


@pytest.mark.parametrize(
    ("before", "after", "busy"),
    [
        ((100, 10), (200, 35), 25.0),
        ((100, 10), (103, 11), 33.33),
        ((100, 10), (100, 10), 0.0),
        ((100, 10), (90, 5), 0.0),
        ((100, 10), (110, 9), 0.0),
        ((100, 10), (110, 30), 100.0),
        ((100, 10), (math.inf, math.inf), 0.0),
    ],
)
def test_the_share_is_of_the_time_between(before: tuple[float, float], after: tuple[float, float], busy: float) -> None:
    assert cpu.percent(CpuTimes(*before), CpuTimes(*after)) == busy


@given(*[st.floats(allow_nan=True, allow_infinity=True)] * 4)
def test_whatever_the_counters_say_the_share_can_be_stored(a: float, b: float, c: float, d: float) -> None:
    row = cpu.row(cpu.percent(CpuTimes(a, b), CpuTimes(c, d)), 1, None)
    assert msgspec.json.decode(msgspec.json.encode(row), type=Cpu) == row


def test_a_first_look_measures_and_a_later_one_takes_the_time_between(monkeypatch: pytest.MonkeyPatch) -> None:
    readings = iter([CpuTimes(100, 10), CpuTimes(110, 15), CpuTimes(210, 25)])
    slept: list[float] = []
    monkeypatch.setattr(cpu, "_read", lambda: next(readings))
    monkeypatch.setattr("time.sleep", slept.append)
    memory = Memory()
    percents = [row.percent for _ in range(2) for row in cpu.collect(memory).rows if isinstance(row, Cpu)]
    assert (percents, slept) == ([50.0, 10.0], [cpu.FIRST_LOOK])


def test_counters_that_started_anew_are_measured_again(monkeypatch: pytest.MonkeyPatch) -> None:
    readings = iter([CpuTimes(50, 10), CpuTimes(60, 20)])
    monkeypatch.setattr(cpu, "_read", lambda: next(readings))
    memory = Memory()
    boot.remember(memory)
    memory.cpu = CpuTimes(100, 10)
    (row,) = cpu.collect(memory, first_look=0).rows
    assert isinstance(row, Cpu)
    assert row.percent == 100.0


def test_where_there_is_no_load_it_is_absent(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delattr(os, "getloadavg")
    (row,) = cpu.collect(Memory(), first_look=0).rows
    assert isinstance(row, Cpu)
    assert (row.load_1, row.load_5, row.load_15) == (None, None, None)
    assert row.cores == psutil.cpu_count()
