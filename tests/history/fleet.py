"""Hosts with their agents, one server, all their clocks, and the model that listens."""

from __future__ import annotations

from collections import Counter
from collections.abc import Collection, Iterable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest
from msgspec import UNSET

from compliance.agent.identity import Identity
from compliance.agent.snapshot import Snapshot
from compliance.errors import ComplianceError, Refused, Unreachable
from compliance.server.storage import clock
from compliance.wire.messages import Kind, Whole
from tests.history.agent import Agent
from tests.history.line import DEAF, Delivery, Line
from tests.history.machine import KINDS, Machine
from tests.history.model import HostModel, Model
from tests.history.server import Server

NOON = 1_772_539_200_000
"""2026-03-03 12:00 UTC, where every history begins."""
REMEMBERED = 8
"""Reports of a host that the server has to know again, at least."""


class Fleet:
    """`now` is the true time; the server's clock and each agent's may be off."""

    def __init__(self, server: Server, folder: Path, hosts: int) -> None:
        self.now = NOON
        self.offset = 0
        self.server = server
        self.model = Model()
        self.looks: dict[str, Snapshot] = {}
        self.reached: Counter[str] = Counter()
        """What happened, and how often: a history that does not reach what it aims at proves nothing."""
        self.applied: set[str] = set()
        """Every report that was ever taken, whatever became of the server since."""
        self.backups: list[tuple[Any, Model]] = []
        self._folder = folder
        self._tokens: dict[str, str] = {}
        self._troubled: Counter[str] = Counter()
        """By identity: what may make it look like two machines."""
        self.agents = [self._agent(Machine(number), number) for number in range(hosts)]

    def _agent(self, machine: Machine, number: int) -> Agent:
        line = Line(self.server, self.hear, self.passes)
        agent = Agent(machine, self._folder / f"agent-{number}", line, lambda: self.now, self.looks)
        agent.begin(Identity(id=f"{number + 1:032x}", token=f"cmt_{number:043d}"))
        machine.booted_at = self.now
        machine.start(1, 0, 1, 0, self.now)
        return agent

    def passes(self, milliseconds: int) -> None:
        self.now += milliseconds

    @property
    def server_now(self) -> int:
        return max(self.now + self.offset, 0)

    def agent(self, number: int) -> Agent:
        return self.agents[number % len(self.agents)]

    def host_of(self, agent: Agent) -> HostModel | None:
        """What the model holds of the identity that the agent has."""
        identity = agent.identity
        return None if identity is None else self.model.hosts.get(identity.id)

    def tick(
        self,
        agent: Agent,
        kinds: Iterable[Kind] = KINDS,
        failing: Collection[str] = (),
        hidden: int = 0,
        interval: int | None = 60,
    ) -> None:
        """Look, keep, send all that waits; enrolls first where that is still to be done."""
        agent.look(kinds, failing, hidden, interval)
        trouble = self._enrolled(agent) or agent.send()
        if isinstance(trouble, Refused) and self.host_of(agent) is None:
            # The server was set back to before this host was known: its operator enrolls it again.
            self.enroll(agent)
            trouble = agent.send()
            self.reached["enrolled again after a restore"] += trouble is None
        if trouble is None:
            assert not agent.waiting()
            agent.dropped = 0

    def _enrolled(self, agent: Agent) -> ComplianceError | None:
        identity = agent.identity
        if identity is None or identity.server is None:
            try:
                self.enroll(agent)
            except Unreachable as error:
                return error
        return None

    def enroll(self, agent: Agent, anew: bool = False) -> None:
        identity = agent.enroll(self.server.enroll_key, anew)
        self._tokens[identity.token] = identity.id
        self.model.hosts.setdefault(identity.id, HostModel(identity.id, self.server_now))

    def twin(self, agent: Agent) -> None:
        """Another machine comes up with a copy of this one's disk: from now on two speak with one token."""
        number = len(self.agents)
        machine = Machine(number)
        line = Line(self.server, self.hear, self.passes)
        twin = Agent(machine, self._folder / f"agent-{number}", line, lambda: self.now, self.looks)
        agent.clone_to(twin)
        machine.start(1, 1, 1, 1, self.now)
        self.agents.append(twin)
        self.troubled(agent, 2)

    def troubled(self, agent: Agent, times: int) -> None:
        assert agent.identity is not None
        self._troubled[agent.identity.id] += times

    def hear(self, delivery: Delivery) -> None:
        """A report arrived and was answered: what was accepted goes into the model."""
        report, receipt = delivery.report, delivery.receipt
        host = self.model.hosts.get(self._tokens[delivery.token])
        if receipt is None:
            self._hear_refusal(delivery, host)
            return
        assert host is not None, "taken from a host that is not known"
        self.reached[f"receipt: {receipt.outcome}"] += 1
        self.reached["answer lost"] += delivery.fate == DEAF
        ids = [one.report_id for one in host.heard]
        if receipt.outcome == "repeat":
            assert report.id in ids, "a repeat of a report that was never taken"
            assert receipt.last == ids[-1]
        if receipt.outcome == "wanted":
            assert receipt.last == (ids[-1] if ids else None)
        if receipt.outcome == "applied":
            assert report.id not in ids[-REMEMBERED:], "a report was taken twice"
            assert report.after == (ids[-1] if ids else None), "a report was taken that does not follow"
            self._accept(host, delivery)

    def _accept(self, host: HostModel, delivery: Delivery) -> None:
        report = delivery.report
        before = host.heard[-1] if host.heard else None
        self.applied.add(report.id)
        one = host.accept(report, self.looks[report.id], self.server_now)
        waited = report.sent_at - report.taken_at
        self.reached["a look waited for its sending"] += waited > 60_000
        self.reached["agent's clock back between look and sending"] += waited < 0
        self.reached["moment raised above the one before"] += before is not None and one.seen == before.seen + 1
        self.reached["moment ahead of the server's clock"] += one.seen > self.server_now
        self.reached["drop told"] += report.dropped is not UNSET
        if before is not None:
            self.reached["reboot"] += before.boot_id != one.boot_id
            same_boot = before.boot_id == one.boot_id and report.dropped is UNSET
            whole = isinstance(report.sections.processes, Whole) and before.saw("processes")
            self.reached["a whole in the middle"] += same_boot and whole

    def _hear_refusal(self, delivery: Delivery, host: HostModel | None) -> None:
        if delivery.status == 400:
            look = self.looks[delivery.report.id].looks["processes"]
            pids = [row.pid for row in look.rows]  # type: ignore[union-attr]
            assert len(set(pids)) < len(pids), "a good report was refused as malformed"
            self.reached["refused as malformed"] += 1
        elif delivery.status == 403:
            assert host is not None
            assert self._troubled[host.id] >= 2, "refused as a clone, and there is none"
            self.reached["refused as a clone"] += host.refused_at is None
            host.refused_at = host.refused_at or self.server_now
        else:
            assert delivery.status == 401, delivery.status
            assert host is None or host.retired_at is not None, "a good token was refused"
            self.reached["token refused"] += 1


@contextmanager
def steered(fleet: Fleet) -> Iterator[Fleet]:
    """The server's clock is the fleet's, and the server runs, until the block ends."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(clock, "read", lambda: fleet.server_now * 1_000_000)
        try:
            fleet.server.start()
            yield fleet
        finally:
            fleet.server.stop()
