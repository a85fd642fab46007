"""From the tables to histories: everything that was so of some hosts after a moment, as far as policies read it."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Sequence
from typing import Any

from compliance.server.judging.book import FOREVER, Period
from compliance.server.judging.history import (
    History,
    LoggedIn,
    Name,
    Pool,
    Row,
    Running,
    Sample,
    Span,
    System,
    blindness,
)
from compliance.server.judging.marks import Subject
from compliance.server.judging.memory import NOBODY, Memory
from compliance.server.storage.clock import to_ms, to_text
from compliance.server.storage.pool import Session as Db

FEW = 50
"""Hosts of which all processes are read; of more, those only that a policy means."""
MOST_ENTRIES = 2000
HOUR = 3_600_000
PATIENCE = 3

KERNEL = 2


def read_histories(
    db: Db, memory: Memory, subjects: Sequence[Subject], periods: Collection[Period], after: int, until: int
) -> dict[int, History]:
    """By host. `after` is before any moment that will be asked for, `until` not before the last."""
    pool = Pool()
    histories = {one.host_id: History(one, pool) for one in subjects}
    if not histories:
        return {}
    kinds = {kind for period in periods for kind in period.needs.kinds}
    reader = _Reader(db, memory, histories, pool, max(after, -1), until)
    reader.read_single()
    reader.read_labels()
    reader.read_unseen()
    if "processes" in kinds:
        memory.commands.learn(db, periods)
        reader.read_processes()
    if "sessions" in kinds:
        memory.users.learn(db, periods)
        reader.read_sessions()
    if kinds & {"cpu", "contact"}:
        reader.read_samples(max(period.needs.cpu_ms for period in periods))
    for history in histories.values():
        history.settle()
    return histories


class _Reader:
    """Facts after a host's last report are not there yet: a report that comes in meanwhile is of the next turn."""

    def __init__(
        self, db: Db, memory: Memory, histories: dict[int, History], pool: Pool, after: int, until: int
    ) -> None:
        self._db, self._memory, self._histories, self._pool = db, memory, histories, pool
        self._after, self._until = after, until
        self._known = {
            number: min(until, -1 if one.subject.seen_at is None else one.subject.seen_at)
            for number, one in histories.items()
        }

    def _intervals(self, sql: str, whole: bool = False) -> Iterable[tuple[History, int, int, list[Any]]]:
        """Host, beginning and end come first in a row."""
        args: list[Any] = [to_text(max(self._after, 0)), to_text(self._until)]
        sql = f"{sql} WHERE x.ended_at > ? AND x.first_seen_at <= ?"
        if whole:
            numbers = sorted(self._histories)
            rows = self._db.query(f"{sql} AND x.host_id BETWEEN ? AND ?", [*args, numbers[0], numbers[-1]])
        else:
            rows = self._db.query_in(f"{sql} AND x.host_id IN ({{in}})", sorted(self._histories), args=args)
        return self._known_then(rows)

    def _known_then(self, rows: Iterable[tuple[Any, ...]]) -> Iterable[tuple[History, int, int, list[Any]]]:
        for number, since, until, *rest in rows:
            history = self._histories.get(number)
            if history is None:
                continue
            begins, ends, known = to_ms(since), to_ms(until), self._known[number]
            if begins <= known:
                yield history, begins, ends if ends <= known else FOREVER, rest

    def read_single(self) -> None:
        same = self._pool.same
        for history, since, until, (agent,) in self._intervals(_select("host_boot", "x.agent")):
            history.single["boot"].append(Span(since, until, agent))
        for history, since, until, (name,) in self._intervals(_select("host_fact", "x.hostname")):
            history.single["host"].append(Span(since, until, same(("name", name), Name, name)))
        joined = " JOIN operating_system s ON s.id = x.operating_system_id"
        for history, since, until, row in self._intervals(_select("host_os", "s.name, s.version, s.kernel") + joined):
            system = same(("system", *row), System, *row)
            history.single["os"].append(Span(since, until, system))
        for history in self._histories.values():
            subject = history.subject
            begun = subject.enrolled_at if subject.source != "agent" else None
            begun = min((span.since for span in history.single["boot"]), default=begun)
            history.begun = begun if begun is not None and begun > self._after else None

    def read_labels(self) -> None:
        """The server's own knowledge: no report tells of it."""
        sql = (
            "SELECT host_id, first_seen_at, ended_at, name, source, value FROM host_label"
            " WHERE ended_at > ? AND first_seen_at <= ? AND host_id IN ({in})"
        )
        args: list[Any] = [to_text(max(self._after, 0)), to_text(self._until)]
        for number, since, until, name, source, value in self._db.query_in(sql, sorted(self._histories), args=args):
            self._histories[number].labels.append((name, source, Span(to_ms(since), to_ms(until), value)))

    def read_unseen(self) -> None:
        columns = "x.kind, x.lacking_rows, x.lacking_fields, x.reason"
        for history, since, until, (kind, *told) in self._intervals(_select("blind_spot", columns)):
            blind = self._pool.same(("blind", *told), blindness, *told)
            history.blind[kind].append(Span(since, until, blind))
        sql = (
            "SELECT host_id, started_at, ended_at, kind, reason FROM gap WHERE ended_at > ? AND started_at <= ?"
            " AND host_id IN ({in})"
        )
        args: list[Any] = [to_text(max(self._after, 0)), to_text(self._until)]
        rows = self._db.query_in(sql, sorted(self._histories), args=args)
        for history, since, until, (kind, reason) in self._known_then(rows):
            history.gaps[kind].append(Span(since, until, reason))

    def read_processes(self) -> None:
        columns = "x.command_id, x.account_id, x.pid, x.ppid, a.name"
        sql = _select("process", columns) + " LEFT JOIN account a ON a.id = x.account_id"
        entries = self._memory.commands
        if len(self._histories) <= FEW or len(entries.meant_by) > MOST_ENTRIES:
            rows = list(self._intervals(sql))
            entries.look_up(self._db, {rest[0] for *_, rest in rows if rest[0] is not None})
        else:
            rows = list(self._known_then(self._rows_of(sql)))
        for history, since, until, (command, account, pid, ppid, user) in rows:
            number = NOBODY if command is None else command
            keys = entries.meant_by.get(number)
            if keys is None:
                continue
            thread = KERNEL if KERNEL in (pid, ppid) else 0
            fact = self._pool.same(("process", number, account, thread), self._running, number, user, thread)
            for key in keys:
                history.rows["processes"][key].append(Row(since, until, fact, fact))

    def _running(self, number: int, user: str | None, thread: int) -> Running:
        command = self._memory.commands.rows[number]
        return Running(command.name, command.exe, command.arguments, user, thread, thread or None)

    def _rows_of(self, sql: str) -> Iterable[tuple[Any, ...]]:
        """Of a part of the fleet, by what runs."""
        numbers = sorted(self._histories)
        args: list[Any] = [to_text(max(self._after, 0)), to_text(self._until), numbers[0], numbers[-1]]
        where = f"{sql} WHERE x.ended_at > ? AND x.first_seen_at <= ? AND x.host_id BETWEEN ? AND ?"
        meant = sorted(self._memory.commands.meant_by.keys() - {NOBODY})
        yield from self._db.query_in(f"{where} AND x.command_id IN ({{in}})", meant, args=args)
        if NOBODY in self._memory.commands.meant_by:
            yield from self._db.query(f"{where} AND x.command_id IS NULL", args)

    def read_sessions(self) -> None:
        columns = "x.account_id, a.name, x.remote_host, x.opened_at"
        sql = _select("session", columns) + " JOIN account a ON a.id = x.account_id"
        rows = list(self._intervals(sql))
        entries = self._memory.users
        entries.look_up(self._db, {rest[0] for *_, rest in rows})
        for history, since, until, (account, user, remote, opened) in rows:
            keys = entries.meant_by.get(account, ())
            if not keys:
                continue
            opened_at = None if opened is None else to_ms(opened)
            rough, exact = (
                self._pool.same(("session", user, remote, at), LoggedIn, user, remote, at) for at in (None, opened_at)
            )
            for key in keys:
                history.rows["sessions"][key].append(Row(since, until, exact, rough))

    def read_samples(self, back: int) -> None:
        """As far back as rules look, and the last one before that."""
        slowest = max((one.subject.interval_s or 0 for one in self._histories.values()), default=0)
        start = max(self._after - back - max(HOUR, PATIENCE * slowest * 1000), 0)
        sql = (
            "SELECT host_id, seen_at, percent FROM cpu_sample WHERE seen_at > ? AND seen_at <= ?"
            " AND host_id IN ({in}) ORDER BY host_id, seen_at"
        )
        args: list[Any] = [to_text(start), to_text(self._until)]
        for number, seen, percent in self._db.query_in(sql, sorted(self._histories), args=args):
            if to_ms(seen) <= self._known[number]:
                self._histories[number].samples.append(Sample(to_ms(seen), percent))


def _select(table: str, columns: str) -> str:
    return f"SELECT x.host_id, x.first_seen_at, x.ended_at, {columns} FROM {table} x"
