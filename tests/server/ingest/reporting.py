"""What hosts say, made by hand, and a way to the writer: no agent and no HTTP in between."""

from __future__ import annotations

import asyncio
import itertools
from collections.abc import Callable, Coroutine, Iterable
from typing import Any

from msgspec import UNSET, UnsetType

from compliance.server.enrollment import enroll
from compliance.server.ingest.apply import Answer, Arrival
from compliance.server.ingest.writer import Writer
from compliance.server.storage.engine import Store
from compliance.wire.codec import digest
from compliance.wire.facts import Address, Cpu, Fact, Host, OperatingSystem, Process, Session
from compliance.wire.messages import Blind, Change, Dropped, Enrollment, Failed, Report, Sample, Sections, Whole

NOON = 1_772_539_200_000
"""2026-03-03 12:00 UTC."""
MINUTE = 60_000
HOUR = 60 * MINUTE

_numbers = itertools.count(1)


def new_id() -> str:
    return f"{next(_numbers):032x}"


def process(pid: int = 1, ticks: int = 7, name: str = "sshd", user: str | None = "root", **more: Any) -> Process:
    return Process(pid=pid, ticks=ticks, name=name, user=user, **more)


def session(user: str = "ada", terminal: str | None = "pts/0", **more: Any) -> Session:
    return Session(user=user, terminal=terminal, **more)


def address(text: str = "10.0.0.1", interface: str = "eth0", primary: bool = True) -> Address:
    return Address(address=text, interface=interface, primary=primary)


def system(version: str = "12") -> OperatingSystem:
    return OperatingSystem(name="Debian GNU/Linux", version=version, kernel="6.1", architecture="x86_64")


def whole(*rows: Any, blind: Blind | UnsetType = UNSET) -> Whole[Any]:
    return Whole(rows=rows, state=digest(rows), blind=blind)


def change(before: tuple[Any, ...], now: tuple[Any, ...], blind: Blind | UnsetType = UNSET) -> Change[Any, Any]:
    """As an agent makes it: what is new or different starts, what is gone or was replaced ends."""
    return Change(
        base=digest(before),
        state=digest(now),
        started=tuple(row for row in now if row not in before),
        ended=tuple(row.key for row in before if row not in now),
        blind=blind,
    )


def same(*rows: Fact, blind: Blind | UnsetType = UNSET) -> Change[Any, Any]:
    return change(rows, rows, blind)


def sample(percent: float = 12.5) -> Sample[Cpu]:
    return Sample(row=Cpu(percent=percent, cores=2, load_1=0.5))


def failed(reason: str = "no privilege") -> Failed:
    return Failed(reason=reason)


def hostname(name: str = "web-1", machine_id: str | None = "m1") -> Whole[Any]:
    return whole(Host(hostname=name, machine_id=machine_id))


def everything(*processes: Process) -> dict[str, Any]:
    """A first contact's sections."""
    return {
        "host": hostname(),
        "os": whole(system()),
        "addresses": whole(address()),
        "cpu": sample(),
        "processes": whole(*processes),
        "sessions": whole(session()),
    }


def report(
    after: str | None = None,
    taken: int = NOON,
    *,
    sent: int | None = None,
    id: str | None = None,
    boot: str = "boot-1",
    agent: str = "0.1.0",
    interval: int | UnsetType = 60,
    dropped: Dropped | UnsetType = UNSET,
    **sections: Any,
) -> Report:
    return Report(
        id=id or new_id(),
        after=after,
        taken_at=taken,
        sent_at=taken if sent is None else sent,
        boot_id=boot,
        agent=agent,
        interval=interval,
        dropped=dropped,
        sections=Sections(**sections),
    )


async def write_all(writer: Writer, *arrivals: Arrival, size: int = 1000) -> list[Answer | BaseException]:
    """All at once, as requests that arrive together; what went wrong stands in its place."""
    return await asyncio.gather(*(writer.write(arrival, size) for arrival in arrivals), return_exceptions=True)


def written(store: Store, *arrivals: Arrival) -> list[Any]:
    """The answers of a writer of its own, in one batch where they are of different hosts."""

    answers: list[Any] = with_writer(store, lambda writer: write_all(writer, *arrivals))
    return answers


def with_writer(store: Store, talk: Callable[[Writer], Coroutine[Any, Any, Any]]) -> Any:
    """What `talk` returns; the writer starts before it and stops after it."""

    async def main() -> Any:
        writer = Writer(store)
        writer.start()
        try:
            return await talk(writer)
        finally:
            await writer.stop()

    return asyncio.run(main())


def outcomes(answers: Iterable[Any]) -> list[Any]:
    """In the words of a receipt, where it is one."""
    return [getattr(answer, "outcome", answer) for answer in answers]


class Machine:
    """A host that enrolled: it keeps the id of its last report, so that each one follows on the one before."""

    def __init__(self, store: Store, number: int = 1, enroll_it: bool = True) -> None:
        self.store = store
        self.identity = f"{number:032x}"
        self.secret = f"cmt_{number:043d}"
        self.last: str | None = None
        if enroll_it:
            asyncio.run(enroll(store, Enrollment(id=self.identity, secret=self.secret, hostname=f"web-{number}")))
        with store.session() as db:
            self.host_id: int = db.query("SELECT id FROM host WHERE identity = ?", [self.identity])[0][0]

    def arrival(self, taken: int = NOON, received: int | None = None, **more: Any) -> Arrival:
        """Its next report; received at the moment when it was taken, unless told."""
        made = report(self.last, taken, **more)
        self.last = made.id
        return Arrival(self.host_id, made, taken if received is None else received)

    def say(self, taken: int = NOON, received: int | None = None, **more: Any) -> Any:
        """The answer to its next report."""
        before = self.last
        (answer,) = written(self.store, self.arrival(taken, received, **more))
        if getattr(answer, "outcome", None) != "applied":
            self.last = before
        return answer
