"""One host's chain of reports, given straight to `apply`: what it leaves in the tables is read back by the queries."""

from __future__ import annotations

import asyncio
from typing import Any

from msgspec import UNSET

from compliance.server.enrollment import enroll
from compliance.server.ingest.apply import Arrival, apply
from compliance.server.ingest.dictionary import Dictionary
from compliance.server.queries.unknown import unknown
from compliance.server.storage.engine import Store
from compliance.wire.codec import digest
from compliance.wire.facts import Process, Session
from compliance.wire.messages import Blind, Dropped, Enrollment, Report, Sections, Whole

NOON = 1_772_539_200_000
MINUTE = 60_000


def whole(*rows: Any, blind: str | None = None) -> Whole[Any]:
    told = UNSET if blind is None else Blind(rows=1, reason=blind)
    return Whole(rows=rows, state=digest(rows), blind=told)


PROCESSES = whole(Process(pid=1, ticks=7, name="init"))
SESSIONS = whole(Session(user="ada", terminal="pts/0"))


class Chain:
    """`tell` a section by its kind; each report follows on the one before and is taken."""

    def __init__(self, store: Store) -> None:
        self._store = store
        self._dictionary = Dictionary()
        self._told = 0
        asyncio.run(enroll(store, Enrollment(id="1" * 32, secret="cmt_" + "s" * 43, hostname="web-1")))
        self.host_id: int = asyncio.run(store.raw("SELECT id FROM host WHERE identity = ?", ["1" * 32]))[0]["id"]

    def tell(self, at: int, *, interval: int | None = 60, boot: str = "boot-1", lost: int = 0, **sections: Any) -> None:
        self._told += 1
        report = Report(
            id=f"{self._told:032x}",
            after=f"{self._told - 1:032x}" if self._told > 1 else None,
            taken_at=at,
            sent_at=at,
            boot_id=boot,
            agent="1.0",
            interval=UNSET if interval is None else interval,
            dropped=Dropped(reports=lost, reason="the spool was full") if lost else UNSET,
            sections=Sections(**sections),
        )
        with self._store.session() as db:
            arrival = Arrival(self.host_id, report, at)
            (answer,) = apply(db, self._store.dialect.for_update, self._dictionary, [arrival])
        assert getattr(answer, "outcome", answer) == "applied"

    def unknown(self, kind: Any, at: int) -> list[tuple[int | None, int | None, str]]:
        told = asyncio.run(unknown(self._store, kind, at, self.host_id))
        return [(one.since, one.until, one.reason) for one in told]
