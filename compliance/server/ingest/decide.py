"""Pure: whether a report follows on what is kept of its host, and when it was seen.

One chain a host: a report is applied when it names the last one applied and its changes start from the states kept.
Time decides nothing about the order.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from msgspec import UNSET

from compliance.server.ingest.contact import Contact
from compliance.server.ingest.intervals import INTERVALS
from compliance.server.storage.clock import to_ms, to_text
from compliance.wire.messages import Change, Kind, Receipt, Report

CLONE_WINDOW_MS = 3_600_000
TURNS_INTERVALS = 3
"""Where boots take turns the window is at least so many intervals: clones that report once a day are clones too."""


@dataclass(frozen=True, slots=True)
class CloneFound:
    """Two machines speak with one token: nothing is taken from either until an operator has looked."""

    since: str


@dataclass(frozen=True, slots=True)
class HostGone:
    """Its token was known a moment ago, its rows are not there: the database was put back to before it enrolled."""


@dataclass(frozen=True, slots=True)
class Apply:
    """The report is the next one; `seen` is its moment on the fleet's axis."""

    seen: str
    rebooted: bool


Decision = Apply | Receipt | CloneFound


def decide(contact: Contact, report: Report, received_ms: int) -> Decision:
    """What to do with a report; suspicions are counted on the contact itself."""
    if contact.refused_at is not None:
        return CloneFound(contact.refused_at)
    report_id = bytes.fromhex(report.id)
    if contact.knows_report(report_id):
        return Receipt(outcome="repeat", last=_hex(contact.report_id))
    follows = (bytes.fromhex(report.after) if report.after else None) == contact.report_id
    if not follows:
        _remember_fork(contact, report, report_id)
    elif _is_suspicious(contact, report, report_id, received_ms):
        _count_suspicion(contact, report, received_ms)
        if contact.refused_at is not None:
            return CloneFound(contact.refused_at)
    rebooted = contact.boot_id is not None and contact.boot_id != report.boot_id
    wanted = _wanted(contact, report, rebooted)
    if wanted or not follows:
        return Receipt(outcome="wanted", last=_hex(contact.report_id), wanted=wanted)
    return Apply(to_text(seen_ms(contact, report, received_ms)), rebooted)


def seen_ms(contact: Contact, report: Report, received_ms: int) -> int:
    """received - (sent - taken), raised above the host's previous one, never later than received but for that."""
    waited = max(0, report.sent_at - report.taken_at)
    return max(received_ms - waited, contact.seen_ms + 1, 0)


def _remember_fork(contact: Contact, report: Report, report_id: bytes) -> None:
    """It follows a report that another one followed already: a fork, if it comes again and joins the chain.

    Not yet counted: bytes that arrive late, when their agent has given them up, join nothing. A host that had to drop
    reports forks nothing either: it cannot know that one of them was taken.
    """
    if report.after is not None and report.dropped is UNSET and contact.knows_report(bytes.fromhex(report.after)):
        contact.forked_by = report_id


def _is_suspicious(contact: Contact, report: Report, report_id: bytes, received_ms: int) -> bool:
    """A fork that joins the chain, or a boot that had ended and goes on."""
    again = contact.left_boot(report.boot_id) and not _recently_forked(contact, received_ms, CLONE_WINDOW_MS)
    return again or contact.forked_by == report_id


def _count_suspicion(contact: Contact, report: Report, received_ms: int) -> None:
    """A machine set back to an older disk forks once; two that share a token go on forking."""
    contact.forked_by = None
    window = CLONE_WINDOW_MS
    if contact.left_boot(report.boot_id) and contact.interval_s is not None:
        window = max(window, TURNS_INTERVALS * contact.interval_s * 1000)
    if not _recently_forked(contact, received_ms, window):
        contact.forks, contact.forked_at = 1, to_text(received_ms)
        return
    contact.forks += 1
    contact.refused_at = to_text(received_ms)


def _recently_forked(contact: Contact, received_ms: int, window_ms: int) -> bool:
    return contact.forked_at is not None and received_ms - to_ms(contact.forked_at) < window_ms


def _wanted(contact: Contact, report: Report, rebooted: bool) -> tuple[Kind, ...]:
    wanted: list[Any] = []
    for kind, interval in INTERVALS.items():
        section = getattr(report.sections, kind)
        if isinstance(section, Change):
            over = rebooted and interval.boot_bound
            if over or contact.state(kind) != bytes.fromhex(section.base):
                wanted.append(kind)
    return tuple(wanted)


def _hex(report_id: bytes | None) -> str | None:
    return None if report_id is None else report_id.hex()
