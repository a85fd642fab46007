"""What runs, ran at a moment, or ran since one."""

from __future__ import annotations

from typing import Any

from compliance.server.queries.intervals import ACCOUNT, Question, Source, ask, common, moment
from compliance.server.storage.engine import Store
from compliance.wire.answers import Page, ProcessAnswer

PROCESSES = Source(
    kind="processes",
    table="process",
    select="a.name AS user_name, p.name AS program_name, p.exe, m.arguments",
    joins="LEFT JOIN account a ON a.id = x.account_id LEFT JOIN command m ON m.id = x.command_id"
    " LEFT JOIN program p ON p.id = m.program_id",
    order={"x.pid": int, "x.first_seen_at": str},
)
_PROGRAM = (
    "x.command_id IN (SELECT m.id FROM program p JOIN command m ON m.program_id = p.id WHERE HEX(p.name) = HEX(?))"
)


async def processes(store: Store, question: Question, name: str | None = None) -> Page[ProcessAnswer]:
    """In the order of host, pid and time."""
    filters = {_PROGRAM: name, ACCOUNT: question.user}
    return await ask(store, PROCESSES, question, _answer, filters, selective=name is not None)


def _answer(row: dict[str, Any], at: int) -> ProcessAnswer:
    return ProcessAnswer(
        pid=row["pid"],
        ppid=row["ppid"],
        user=row["user_name"],
        name=row["program_name"],
        exe=row["exe"],
        arguments=row["arguments"],
        started_at=moment(row["started_at"]),
        **common(row, at),
    )
