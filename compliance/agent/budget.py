"""The agent watches itself: past what it may use of its host it looks less often, and says so in its reports."""

from __future__ import annotations

import math
import time
from collections.abc import Callable
from pathlib import Path

CPU_PERCENT = 1.0
"""Of one processor, at a look a minute; who asks for more looks grants as much more."""
MEMORY_MB = 150.0
WINDOW = 5
"""Looks after which is judged anew."""
SLOWEST = 16
"""How many times the interval a look may be put off."""


class Budget:
    """`factor` is how many times its interval the agent waits between two looks."""

    def __init__(
        self,
        cpu_percent: float = CPU_PERCENT,
        memory_mb: float = MEMORY_MB,
        used: Callable[[], float] = time.process_time,
        now: Callable[[], float] = time.monotonic,
        resident_mb: Callable[[], float | None] = lambda: read_resident_mb(),
    ) -> None:
        self.factor = 1
        self._cpu_percent, self._memory_mb = cpu_percent, memory_mb
        self._used, self._now, self._resident_mb = used, now, resident_mb
        self._looks = 0
        self._since = (now(), used())
        self._reason: str | None = None

    def judge(self) -> str | None:
        """Called once a look. Why this agent looks less often than it was told to; None while it does as told."""
        self._looks += 1
        if self._looks >= WINDOW:
            self._looks = 0
            self._judge()
        return self._reason

    def _judge(self) -> None:
        now, used = self._now(), self._used()
        elapsed = now - self._since[0]
        percent = 100 * (used - self._since[1]) / elapsed if elapsed > 0 else 0.0
        self._since = now, used
        memory = self._resident_mb() or 0.0
        if percent > self._cpu_percent or memory > self._memory_mb:
            self.factor = min(SLOWEST, self.factor * 2)
            self._reason = (
                f"The agent used {percent:.1f}% of a processor and {memory:.0f} MB, where {self._cpu_percent:g}% and"
                f" {self._memory_mb:g} MB are its budget: it looks {self.factor} times less often."
            )
        elif self.factor > 1 and percent * 2 < self._cpu_percent and memory < self._memory_mb:
            self.factor //= 2
            self._reason = self._reason if self.factor > 1 else None


def budget_for(interval: float) -> Budget:
    """Of an agent that looks every so many seconds."""
    return Budget(CPU_PERCENT * max(1.0, 60 / interval))


def unlimited() -> Budget:
    """Of an agent that shares its process with a server: what the two use is not told apart."""
    return Budget(math.inf, math.inf)


def read_resident_mb() -> float | None:
    """What this process holds in memory; None where the platform does not say."""
    try:
        pages = int(Path("/proc/self/statm").read_text(encoding="ascii").split()[1])
    except (OSError, ValueError, IndexError):
        return None
    return pages * 4096 / 1e6
