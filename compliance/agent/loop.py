"""Take, add, send, accept."""

from __future__ import annotations

import secrets
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from hashlib import blake2b

import msgspec
from msgspec import UNSET

from compliance import __version__
from compliance.agent import changes
from compliance.agent.collectors import Memory
from compliance.agent.identity import Identity
from compliance.agent.snapshot import Snapshot, clock, take
from compliance.agent.spool import Spool
from compliance.agent.transport import Malformed, Transport, TryLater
from compliance.wire.facts import LAST_MOMENT
from compliance.wire.messages import Dropped, Kind, Report

TRIES = 3
"""How often a report is made whole before the server's wishes are taken for a fault."""


@dataclass(frozen=True)
class Sent:
    """A report that left the queue."""

    report_id: str
    taken_at: int
    size: int
    """Bytes on the wire."""
    outcome: str
    """`applied`, `repeat`, or `set aside` with the server's reason in `note`."""
    note: str = ""


def look(spool: Spool, kinds: Iterable[Kind], memory: Memory | None = None) -> tuple[Snapshot, Memory]:
    """A snapshot, with what an earlier run derived for this boot and read of the processes that still run."""
    memory = memory or Memory.load(spool.note("memory", b""))
    snapshot = take(kinds, memory)
    dumped = memory.dump(processes=True)
    if dumped != spool.note("memory"):
        spool.write_note("memory", dumped)
    return snapshot, memory


def report_of(
    snapshot: Snapshot, spool: Spool, host_id: str, interval: int | None = None, slowed: str | None = None
) -> Report:
    """The report of a snapshot: what changed since what was said, or all of it in a new boot and once a day."""
    said = {kind: rows for kind, rows in spool.said().items() if not _whole_is_due(spool, kind, snapshot, host_id)}
    taken_at = _within_bounds(snapshot.taken_at)
    return Report(
        id=secrets.token_hex(16),
        taken_at=taken_at,
        sent_at=taken_at,
        boot_id=snapshot.boot_id,
        agent=__version__,
        interval=UNSET if interval is None else interval,
        slowed=slowed or UNSET,
        sections=changes.sections(snapshot.looks, said),
    )


def _whole_is_due(spool: Spool, kind: str, snapshot: Snapshot, host_id: str) -> bool:
    told = spool.whole_told(kind)
    if told is None or told[1] != snapshot.boot_id:
        return True
    return _day_of_whole(host_id, told[0]) != _day_of_whole(host_id, _within_bounds(snapshot.taken_at))


def _within_bounds(now_ms: int) -> int:
    """A clock may be anywhere; what is said of it is what the wire can hold."""
    return min(max(now_ms, 0), LAST_MOMENT)


def _day_of_whole(host_id: str, now_ms: int) -> int:
    """The day, begun at an hour that is this host's own, so that a fleet's whole reports are spread over the day."""
    hour = blake2b(host_id.encode(), digest_size=2).digest()[0] % 24
    return (now_ms // 3_600_000 - hour) // 24


def drain(
    spool: Spool,
    transport: Transport,
    identity: Identity,
    sent: list[Sent],
    now: Callable[[], int] = clock,
    most: int | None = None,
) -> None:
    """Sends what waits, oldest first and `most` at once, and adds to `sent` what left the queue.

    Raises Unreachable or Refused when it has to stop; the rest keeps waiting.
    """
    while (most is None or len(sent) < most) and (report := spool.first()) is not None:
        try:
            sent.append(_send(report, spool, transport, identity, now))
        except Malformed as error:
            spool.reject(report, str(error))
            sent.append(Sent(report.id, report.taken_at, transport.sent_bytes, "set aside", str(error)))


def _send(report: Report, spool: Spool, transport: Transport, identity: Identity, now: Callable[[], int]) -> Sent:
    lost, why = spool.untold()
    last = spool.note("last")
    whole: set[str] = set()
    if lost:
        whole = set(changes.FACTS)
        report = msgspec.structs.replace(report, dropped=Dropped(reports=lost, reason=why))
    for _ in range(TRIES):
        saying = changes.made_whole(report, spool.accepted(), whole) if whole else report
        saying = msgspec.structs.replace(saying, after=last, sent_at=_within_bounds(now()))
        receipt = transport.send(saying, identity.token)
        if receipt.outcome != "wanted":
            spool.accept(report, receipt)
            return Sent(report.id, report.taken_at, transport.sent_bytes, receipt.outcome)
        last, whole = receipt.last, whole | set(receipt.wanted)
    raise TryLater("The server keeps asking for the same report again: look at its log; nothing is lost.")
