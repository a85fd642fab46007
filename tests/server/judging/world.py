"""Hosts with chains of reports, policies, and turns of the judge, on a clock that the test moves."""

from __future__ import annotations

import asyncio
from typing import Any

import msgspec
from msgspec import UNSET

from compliance.server.enrollment import enroll
from compliance.server.ingest.apply import Arrival, apply
from compliance.server.ingest.dictionary import Dictionary
from compliance.server.judging import book, turn
from compliance.server.judging.memory import Memory
from compliance.server.policies.policy import Policy
from compliance.server.storage import clock
from compliance.server.storage.clock import OPEN, to_ms
from compliance.server.storage.engine import Store
from compliance.wire.codec import digest
from compliance.wire.facts import Cpu, Host, OperatingSystem, Process, Session
from compliance.wire.messages import Blind, Enrollment, Failed, Report, Sample, Sections, Whole

NOON = 1_772_539_200_000
"""2026-03-03 12:00 UTC."""
MINUTE = 60_000
HOUR = 60 * MINUTE


def policy(id: str = "no-nc", **fields: Any) -> Policy:
    told = {
        "id": id,
        "title": "A title",
        "why": "Because.",
        "severity": "high",
        "remedy": "Mend it.",
        "rule": {"kind": "process", "name": "nc", "expect": "absent"},
        **fields,
    }
    return msgspec.convert(told, Policy, strict=False)


def whole(*rows: Any, blind: str | None = None) -> Whole[Any]:
    return Whole(rows=rows, state=digest(rows), blind=UNSET if blind is None else Blind(rows=1, reason=blind))


def running(*names: str, user: str = "root") -> Whole[Any]:
    return whole(
        *(Process(pid=10 + place, ticks=place + 1, ppid=1, name=name, user=user) for place, name in enumerate(names))
    )


def logged_in(*users: str, since: int | None = None) -> Whole[Any]:
    return whole(*(Session(user=user, terminal=f"pts/{n}", opened_at=since) for n, user in enumerate(users)))


def called(name: str) -> Whole[Any]:
    return whole(Host(hostname=name))


def system(name: str, version: str) -> Whole[Any]:
    return whole(OperatingSystem(name=name, version=version))


def busy(percent: float) -> Sample:
    return Sample(row=Cpu(percent=percent, cores=4))


def failed(reason: str) -> Failed:
    return Failed(reason=reason)


class World:
    """`now` is the server's clock; nothing else moves it."""

    def __init__(self, store: Store, monkeypatch: Any, now: int = NOON) -> None:
        self.store = store
        self.now = now
        self.memory = Memory()
        monkeypatch.setattr(clock, "read", lambda: self.now * 1_000_000)

    def machine(self, number: int = 1) -> Machine:
        return Machine(self, number)

    def apply(self, *policies: Policy, at: int | None = None, origin: str = "folder") -> book.Applied:
        self.now = max(self.now, at or self.now)
        return book.apply(self.store, policies, origin, self.now)

    def judge(self, at: int | None = None, memory: Memory | None = None) -> int:
        self.now = max(self.now, at or self.now)
        return turn.take_turn(self.store, memory or self.memory)

    def ask(self, sql: str, *args: Any) -> Any:
        with self.store.session() as db:
            return db.query(sql, args)

    def verdicts(self, host: int, policy: str = "no-nc") -> list[tuple[int, int | None, str]]:
        """What stands: since, until (None while it lasts), outcome; in minutes after noon."""
        rows = self.ask(
            "SELECT v.first_seen_at, v.ended_at, v.outcome FROM verdict v JOIN policy p ON p.id = v.policy_id"
            " WHERE v.host_id = ? AND p.name = ? AND v.superseded_at = ? ORDER BY v.first_seen_at",
            host,
            policy,
            OPEN,
        )
        return [(minutes(since), None if until == OPEN else minutes(until), outcome) for since, until, outcome in rows]

    def said_at(self, known: int, host: int, at: int, policy: str = "no-nc") -> str | None:
        """What was said at a moment of a moment."""
        rows = self.ask(
            "SELECT v.first_seen_at, v.ended_at, v.closed_at, v.outcome FROM verdict v JOIN policy p"
            " ON p.id = v.policy_id WHERE v.host_id = ? AND p.name = ? AND v.recorded_at <= ? AND v.superseded_at > ?",
            host,
            policy,
            clock.to_text(known),
            clock.to_text(known),
        )
        told = clock.to_text(at)
        found = [
            outcome
            for since, until, closed, outcome in rows
            if since <= told < (until if closed is not None and closed <= clock.to_text(known) else OPEN)
        ]
        assert len(found) <= 1
        return found[0] if found else None


def minutes(text: str) -> Any:
    found = (to_ms(text) - NOON) / MINUTE
    return int(found) if found == int(found) else found


class Machine:
    """A host; `tell` takes what it saw, when, and when that came in."""

    def __init__(self, world: World, number: int) -> None:
        self._world = world
        self._dictionary = Dictionary()
        self._told = 0
        self._identity = f"{number:032x}"
        asyncio.run(enroll(world.store, Enrollment(id=self._identity, secret=f"cmt_{number:043d}", hostname="web")))
        self.id: int = world.ask("SELECT id FROM host WHERE identity = ?", self._identity)[0][0]

    def tell(self, at: int, came: int | None = None, *, interval: int | None = 60, **sections: Any) -> None:
        """`came`: when it is received; at once, where it is left out."""
        world, received = self._world, at if came is None else came
        world.now = max(world.now, received)
        self._told += 1
        prefix = self._identity[-8:]
        report = Report(
            id=f"{prefix}{self._told:024x}",
            after=f"{prefix}{self._told - 1:024x}" if self._told > 1 else None,
            taken_at=at,
            sent_at=received,
            boot_id="boot-1",
            agent="1.0",
            interval=UNSET if interval is None else interval,
            sections=Sections(**sections),
        )
        with world.store.session() as db:
            arrival = Arrival(self.id, report, received)
            (answer,) = apply(db, world.store.dialect.for_update, self._dictionary, [arrival])
        assert getattr(answer, "outcome", answer) == "applied"
