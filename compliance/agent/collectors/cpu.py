"""How busy the processors were: since the last look, or for a short while when there was none."""

from __future__ import annotations

import math
import os
import time
from typing import Any

import psutil

from compliance.agent.collectors import boot
from compliance.agent.collectors.look import CpuTimes, Look, Memory
from compliance.wire.facts import Cpu

FIRST_LOOK = 0.2
"""Seconds that a look measures when it has no earlier one to compare with."""


def collect(memory: Memory, first_look: float = FIRST_LOOK) -> Look:
    """One row, a sample."""
    boot.remember(memory)
    before, after = memory.cpu, _read()
    if before is None or after.total <= before.total:
        before = after
        time.sleep(first_look)
        after = _read()
    memory.cpu = after
    return Look((row(percent(before, after), psutil.cpu_count() or 1, _load()),))


def parse(times: Any) -> CpuTimes:
    """From `psutil.cpu_times()`. Linux counts guests in user and nice already; waiting for a disk is idle."""
    fields = times._asdict()
    total = sum(fields.values()) - fields.get("guest", 0.0) - fields.get("guest_nice", 0.0)
    return CpuTimes(total, total - fields.get("idle", 0.0) - fields.get("iowait", 0.0))


def percent(before: CpuTimes, after: CpuTimes) -> float:
    """Between 0 and 100, whatever the counters did meanwhile: idle time has been seen to run backwards."""
    total = after.total - before.total
    share = 100 * (after.busy - before.busy) / total if total > 0 else 0.0
    return round(min(100.0, max(0.0, share)), 2) if math.isfinite(share) else 0.0


def row(busy: float, cores: int, load: tuple[float, float, float] | None) -> Cpu:
    """The load is absent where the platform has none (Windows)."""
    one, five, fifteen = (round(value, 2) for value in load) if load else (None, None, None)
    return Cpu(percent=busy, cores=cores, load_1=one, load_5=five, load_15=fifteen)


def _read() -> CpuTimes:
    return parse(psutil.cpu_times())


def _load() -> tuple[float, float, float] | None:
    try:
        return os.getloadavg()
    except (AttributeError, OSError):
        return None
