"""Pure: when to look and when to send. Moments are seconds of one clock that never steps."""

from __future__ import annotations

import math
import random

BACKOFF_CAP = 300.0
"""Seconds; capped first and jittered fully after, so that a fleet does not come back all at once."""
PACE = 3
"""Reports an interval, at most, while a backlog drains."""


class Schedule:
    """Looks keep their interval whatever the server does; sending backs off, and drains a backlog paced."""

    def __init__(self, interval: float, now: float, first_look: float | None = None) -> None:
        """The first look is anywhere in the interval unless told: a fleet that starts at once does not look at once."""
        wait = random.uniform(0, interval) if first_look is None else first_look  # noqa: S311
        self.interval = interval
        self.look_at = now + wait
        self.send_at = self.look_at
        """Infinite while nothing waits."""
        self._paced = now
        """No report goes before, while the server takes them."""
        self.failures = 0

    def next(self) -> float:
        """The moment of the next step."""
        return min(self.look_at, self.send_at)

    def looked(self, now: float, every: float) -> None:
        """A report was put on disk; the next look is due `every` seconds after this one was."""
        self.look_at = max(self.look_at + every, now)
        if math.isinf(self.send_at):
            # The look after a backlog's last report may be near: the pace holds for it too.
            self.send_at = max(now, self._paced)

    def sent(self, now: float, more: bool) -> None:
        """The server took one; `more` wait."""
        self.failures = 0
        self._paced = now + self.interval / PACE
        self.send_at = self._paced if more else math.inf

    def failed(self, now: float, asked: float | None) -> float:
        """It did not, and perhaps asked for a pause. Returns the seconds until the next try."""
        self.failures += 1
        pause = backoff(self.failures, self.interval, asked)
        self.send_at = now + pause
        return pause


def backoff(failures: int, interval: float, asked: float | None) -> float:
    """Seconds to wait: what the server asked for at least, and a random part of a capped doubling."""
    capped = min(BACKOFF_CAP, interval * 2.0 ** min(failures, 16))
    return max(asked or 0.0, random.uniform(0, capped), 1.0)  # noqa: S311
