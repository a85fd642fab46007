"""Who is on the hosts, was at a moment, or was since one."""

from __future__ import annotations

from typing import Any

from compliance.server.queries.intervals import ACCOUNT, Question, Source, ask, common, moment
from compliance.server.storage.engine import Store
from compliance.wire.answers import Page, SessionAnswer

SESSIONS = Source(
    kind="sessions",
    table="session",
    select="a.name AS user_name",
    joins="JOIN account a ON a.id = x.account_id",
    order={"x.first_seen_at": str, "x.digest": str},
)


async def sessions(store: Store, question: Question) -> Page[SessionAnswer]:
    """In the order of host, time and session."""
    return await ask(store, SESSIONS, question, _answer, {ACCOUNT: question.user})


def _answer(row: dict[str, Any], at: int) -> SessionAnswer:
    return SessionAnswer(
        user=row["user_name"],
        terminal=row["terminal"],
        remote_host=row["remote_host"],
        opened_at=moment(row["opened_at"]),
        **common(row, at),
    )
