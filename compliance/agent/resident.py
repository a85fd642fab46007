"""The agent that stays: it looks every interval, and sends when it can. An outage delays reports and loses no look."""

from __future__ import annotations

import os
import signal
import threading
import time
from collections.abc import Callable, Iterable
from contextlib import closing
from pathlib import Path

from compliance.agent import loop
from compliance.agent.budget import Budget, budget_for
from compliance.agent.collectors import COLLECTORS, Memory
from compliance.agent.identity import Identity, locked
from compliance.agent.loop import Sent
from compliance.agent.schedule import Schedule
from compliance.agent.spool import Spool
from compliance.agent.transport import Transport, TryLater
from compliance.errors import ComplianceError, Refused, Unreachable
from compliance.wire.messages import Kind

ANSWERED = "answered"
"""The note in the spool that tells how often this agent was asked to look, and did."""


class Resident:
    """One host's agent. The state folder's lock is held for a look or a report only: others get their turn."""

    def __init__(
        self,
        folder: Path,
        identity: Identity,
        transport: Transport,
        say: Callable[[str], None],
        warn: Callable[[str], None],
        interval: int | None = 60,
        kinds: Iterable[Kind] = COLLECTORS,
        budget: Budget | None = None,
        enroll: Callable[[], Identity] | None = None,
        now: Callable[[], float] = time.monotonic,
    ) -> None:
        """`enroll` is asked before anything is sent, as long as no server knows the identity.

        Without an interval no next report is promised: for a single look, not for `run`.
        """
        self.identity, self.transport = identity, transport
        self.interval = interval or 0
        self.reload: Callable[[], None] | None = None
        """Set from a signal, then `wake`: called once, between two steps."""
        self._folder, self._kinds = folder, tuple(kinds)
        self._say, self._warn = say, warn
        self._budget = budget or budget_for(interval or 60)
        self._enroll, self._now = enroll, now
        self._memory: Memory | None = None
        self._asked = threading.Event()
        self._woken = threading.Event()
        self._stopping = False

    def stop(self) -> None:
        """From a signal or another thread: the step at hand is finished, and no other one begins."""
        self._stopping = True
        self.wake()

    def wake(self) -> None:
        self._woken.set()

    def ask(self) -> None:
        """From a signal or another thread: look now, and send all that waits."""
        self._asked.set()
        self.wake()

    @property
    def every(self) -> float:
        """Seconds between two looks: the interval, or more of it when the agent has to spare its host."""
        return self.interval * self._budget.factor

    def run(
        self, first_look: float | None = None, alive: Callable[[], None] = lambda: None, pulse: float = 3600.0
    ) -> None:
        """Until `stop`; `alive` is called at each step, and every `pulse` seconds while there is none."""
        schedule = Schedule(self.interval, self._now(), first_look)
        while not self._stopping:
            alive()
            if self.reload is not None:
                reload, self.reload = self.reload, None
                reload()
                schedule.interval = self.interval
            now = self._now()
            if self._asked.is_set():
                self._answer(schedule)
            elif now >= schedule.look_at:
                self.look()
                schedule.looked(self._now(), self.every)
            elif now >= schedule.send_at:
                self.send(schedule)
            else:
                self._wait(min(schedule.next() - now, pulse))

    def look(self) -> None:
        """A report of this moment, on disk when it returns."""
        with locked(self._folder), closing(Spool(self._folder)) as spool:
            if spool.healed:
                self._warn(spool.healed)
            snapshot, self._memory = loop.look(spool, self._kinds, self._memory)
            slowed = self._budget.judge()
            promised = round(self.every) or None
            spool.add(loop.report_of(snapshot, spool, self.identity.id, promised, slowed))
        for kind, reason in snapshot.failures():
            self._say(f"{kind}: {reason}")
        if slowed:
            self._warn(slowed)

    def send(self, schedule: Schedule) -> None:
        """The oldest report that waits."""
        try:
            sent, more = self._drain(most=1)
        except (Unreachable, Refused) as error:
            self._fail(schedule, error)
            return
        if schedule.failures:
            self._say("The server answers again.")
        schedule.sent(self._now(), more)
        self._tell(sent)

    def _fail(self, schedule: Schedule, error: ComplianceError) -> None:
        pause = schedule.failed(self._now(), error.seconds if isinstance(error, TryLater) else None)
        self._warn(f"{error} Trying again in {pause:.0f} s; nothing is lost.")

    def send_all(self) -> None:
        """All that waits, at once. Raise Unreachable or Refused; nothing is lost by either."""
        sent, _ = self._drain(most=None)
        self._tell(sent)

    def _answer(self, schedule: Schedule) -> None:
        self._asked.clear()
        self.look()
        try:
            self.send_all()
            schedule.sent(self._now(), more=False)
        except (Unreachable, Refused) as error:
            self._fail(schedule, error)
        with locked(self._folder), closing(Spool(self._folder)) as spool:
            spool.write_note(ANSWERED, spool.note(ANSWERED, 0) + 1)

    def _drain(self, most: int | None) -> tuple[list[Sent], bool]:
        sent: list[Sent] = []
        if self.identity.server is None and self._enroll is not None:
            self.identity = self._enroll()
        with locked(self._folder), closing(Spool(self._folder)) as spool:
            loop.drain(spool, self.transport, self.identity, sent, most=most)
            return sent, spool.waiting() > 0

    def _tell(self, sent: list[Sent]) -> None:
        for one in sent:
            note = f": {one.note}" if one.note else ""
            self._say(f"report {one.report_id}, {one.size} bytes: {one.outcome}{note}")

    def _wait(self, seconds: float) -> None:
        """Until then, or until a signal."""
        self._woken.wait(seconds)
        self._woken.clear()


def ask(folder: Path, pid: int, seconds: float = 90.0) -> bool:
    """Ask the resident agent of a state folder to look now and to send; whether it has, in the time that is given."""
    with locked(folder), closing(Spool(folder)) as spool:
        before = spool.note(ANSWERED, 0)
    os.kill(pid, signal.SIGUSR1)
    until = time.monotonic() + seconds
    while time.monotonic() < until:
        time.sleep(0.1)
        with locked(folder), closing(Spool(folder)) as spool:
            if spool.note(ANSWERED, 0) != before:
                return True
    return False
