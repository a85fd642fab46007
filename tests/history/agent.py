"""A real agent on a host of the fleet: its folder, its spool, its clock; only what its collectors see is made up."""

from __future__ import annotations

import dataclasses
import shutil
import sqlite3
from collections.abc import Callable, Collection, Iterable
from contextlib import closing
from pathlib import Path

from compliance.agent import config
from compliance.agent import identity as identities
from compliance.agent.collectors import Memory
from compliance.agent.identity import Identity
from compliance.agent.loop import Sent, drain, report_of
from compliance.agent.snapshot import Snapshot, take
from compliance.agent.spool import CAP, Spool
from compliance.agent.transport import Transport
from compliance.errors import ComplianceError, Refused, Unreachable
from compliance.wire.messages import Kind
from tests.history.line import Line
from tests.history.machine import Machine

SERVER = "http://compliance.test"


class Agent:
    """`folder` is all that it has: it is opened anew at each tick, as `compliance agent send` does."""

    def __init__(
        self, machine: Machine, folder: Path, line: Line, clock: Callable[[], int], looks: dict[str, Snapshot]
    ) -> None:
        self.machine = machine
        self.folder = folder
        self.line = line
        self.offset = 0
        """What its clock is ahead of the true time, in milliseconds."""
        self.cap = CAP
        self.looks = looks
        """Every look ever taken by whichever host, by the id of its report."""
        self._clock = clock
        self._transport = Transport(line.client())
        self._copy: Path | None = None
        self.added: list[str] = []
        """Reports that are on its disk, or left it because the server had them."""
        self.dropped = 0
        """Reports that left the spool, untold so far."""

    def now(self) -> int:
        return self._clock() + self.offset

    @property
    def identity(self) -> Identity | None:
        return identities.read(self.folder)

    def begin(self, identity: Identity) -> None:
        """An identity that was made, and that no server knows yet."""
        self.folder.mkdir(mode=0o700)
        identities.write(self.folder, identity)

    def enroll(self, key: str, anew: bool = False) -> Identity:
        given = config.Given(self.folder, SERVER, key)
        identity = config.enroll(given, self._transport, anew)
        if anew:
            self.added, self.dropped = [], 0
        return identity

    def look(self, kinds: Iterable[Kind], failing: Collection[str], hidden: int, interval: int | None) -> None:
        """A report, put into the spool."""
        identity = self._known()
        snapshot = take(kinds, Memory(), self.now, self.machine.collectors(failing, hidden))
        snapshot = dataclasses.replace(snapshot, boot_id=self.machine.boot_id)
        spool = Spool(self.folder, self.cap)
        try:
            report = report_of(snapshot, spool, identity.id, interval)
            self.looks[report.id] = snapshot
            there = {*self.waiting(), report.id}
            spool.add(report)
            gone = there.difference(self.waiting())
        finally:
            spool.close()
        self.added = [known for known in [*self.added, report.id] if known not in gone]
        self.dropped += len(gone)

    def send(self) -> ComplianceError | None:
        """What waits; the trouble that stopped it, if any."""
        identity = self._known()
        spool = Spool(self.folder, self.cap)
        sent: list[Sent] = []
        try:
            drain(spool, self._transport, identity, sent, self.now)
        except (Unreachable, Refused) as error:
            return error
        finally:
            spool.close()
            for one in sent:
                if one.outcome == "set aside":
                    self.added.remove(one.report_id)
                    self.dropped += 1
        return None

    def waiting(self) -> list[str]:
        """The ids of the reports on its disk, oldest first."""
        if not (self.folder / "agent.db").exists():
            return []
        with closing(sqlite3.connect(self.folder / "agent.db")) as db:
            return [name for (name,) in db.execute("SELECT id FROM waiting ORDER BY place")]

    def copy(self) -> None:
        """Its disk, as it is now."""
        if self._copy is not None:
            shutil.rmtree(self._copy)
        self._copy = Path(shutil.copytree(self.folder, self.folder.with_name(self.folder.name + "-copy")))
        self._then = list(self.added), self.dropped

    def roll_back(self) -> bool:
        """To the disk that was copied, if one was, and if it was this identity's."""
        if self._copy is None or identities.read(self._copy) != self.identity:
            return False
        shutil.rmtree(self.folder)
        shutil.copytree(self._copy, self.folder)
        self.added, self.dropped = list(self._then[0]), self._then[1]
        return True

    def clone_to(self, other: Agent) -> None:
        shutil.copytree(self.folder, other.folder)
        other.added, other.dropped, other.offset = list(self.added), self.dropped, self.offset

    def _known(self) -> Identity:
        identity = self.identity
        assert identity is not None, "begin() gave it one"
        return identity
