"""Where a host's chain of reports stands, as its writer holds it."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, fields
from hashlib import blake2b
from operator import attrgetter
from typing import Any

from compliance.server.storage.clock import to_ms
from compliance.server.storage.pool import Session as Db

REMEMBERED = 8
"""How many report ids, and how many boots, a host's row holds."""

KINDS = ("host", "os", "addresses", "cpu", "processes", "sessions")


@dataclass(slots=True)
class Contact:
    """A row of host_contact; the columns are explained in `storage/tables`."""

    host_id: int
    report_id: bytes | None = None
    recent: bytes = b""
    boot_id: str | None = None
    boots: bytes = b""
    agent: str | None = None
    blind: bytes | None = None
    slowed: str | None = None
    seen_at: str | None = None
    received_at: str | None = None
    skew_ms: int = 0
    interval_s: int | None = None
    revision: int = 0
    corrections: int = 0
    forks: int = 0
    forked_at: str | None = None
    forked_by: bytes | None = None
    refused_at: str | None = None
    host_state: bytes | None = None
    os_state: bytes | None = None
    addresses_state: bytes | None = None
    processes_state: bytes | None = None
    sessions_state: bytes | None = None
    host_looked_at: str | None = None
    os_looked_at: str | None = None
    addresses_looked_at: str | None = None
    cpu_looked_at: str | None = None
    processes_looked_at: str | None = None
    sessions_looked_at: str | None = None
    read: tuple[Any, ...] = ()
    """The row as it was read, so that `save` writes only what moved."""

    def state(self, kind: str) -> bytes | None:
        """The digest of the rows kept of a kind; None when the next section has to be whole."""
        value: bytes | None = getattr(self, f"{kind}_state")
        return value

    def looked_at(self, kind: str) -> str | None:
        """The last look that saw the kind."""
        value: str | None = getattr(self, f"{kind}_looked_at")
        return value

    @property
    def seen_ms(self) -> int:
        return -1 if self.seen_at is None else to_ms(self.seen_at)

    def knows_report(self, report_id: bytes) -> bool:
        return report_id in _parts(self.recent)

    def left_boot(self, boot_id: str) -> bool:
        """Whether the host was seen under this boot before, and under another since."""
        return boot_digest(boot_id) in _parts(self.boots)[1:]

    def remember_report(self, report_id: bytes) -> None:
        self.report_id = report_id
        self.recent = _newest_first(report_id, self.recent)

    def remember_boot(self, boot_id: str) -> None:
        self.boot_id = boot_id
        self.boots = _newest_first(boot_digest(boot_id), self.boots)


COLUMNS = tuple(field.name for field in fields(Contact) if field.name != "read")
_values = attrgetter(*COLUMNS)


def boot_digest(boot_id: str) -> bytes:
    return blake2b(boot_id.encode(), digest_size=16).digest()


def _parts(joined: bytes) -> list[bytes]:
    return [joined[start : start + 16] for start in range(0, len(joined), 16)]


def _newest_first(part: bytes, joined: bytes) -> bytes:
    others = [other for other in _parts(joined) if other != part]
    return b"".join([part, *others][:REMEMBERED])


def lock(db: Db, host_ids: Iterable[int], for_update: str) -> dict[int, Contact]:
    """The hosts' rows, locked until the transaction ends; in key order, against deadlocks."""
    sql = f"SELECT {', '.join(COLUMNS)} FROM host_contact WHERE host_id IN ({{in}}) ORDER BY host_id{for_update}"
    return {row[0]: _as_read(row) for row in db.query_in(sql, sorted(host_ids))}


def _as_read(row: tuple[Any, ...]) -> Contact:
    contact = Contact(*row)
    contact.read = row
    return contact


def save(db: Db, contacts: Iterable[Contact]) -> None:
    """Writes back what moved, by the narrowest shape that holds it: hosts of one shape go in one statement."""
    batches: dict[tuple[str, ...], list[tuple[Any, ...]]] = {}
    for contact in contacts:
        pairs = zip(COLUMNS, contact.read, _values(contact), strict=True)
        moved = [name for name, was, now in pairs if was != now]
        if moved:
            shape = next(shape for shape, names in _SHAPES.items() if names.issuperset(moved))
            batches.setdefault(shape, []).append(_ROWS[shape](contact))
    for shape, rows in batches.items():
        db.update_many("host_contact", ("host_id",), shape, rows)


_QUIET = (
    "report_id",
    "recent",
    "seen_at",
    "received_at",
    "skew_ms",
    "interval_s",
    *(f"{kind}_looked_at" for kind in KINDS),
)
"""What moves on a host on which nothing happened."""
_BUSY = (*_QUIET, "revision", "processes_state", "sessions_state")
"""What moves besides, where processes or sessions came and went."""
_SHAPES = {shape: frozenset(shape) for shape in (_QUIET, _BUSY, COLUMNS[1:])}
_ROWS = {shape: attrgetter("host_id", *shape) for shape in _SHAPES}
