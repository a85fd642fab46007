"""Rows put straight into the tables: a fleet whose history the tests know, because they wrote it."""

from __future__ import annotations

from hashlib import blake2b
from typing import Any

from compliance.server.storage.clock import OPEN, to_text
from compliance.server.storage.engine import Store

NOON = 1_772_539_200_000
"""2026-03-03 12:00 UTC."""
MINUTE = 60_000
HOUR = 60 * MINUTE
KINDS = ("host", "os", "addresses", "cpu", "processes", "sessions")


def text(moment: int | None) -> str | None:
    return None if moment is None else to_text(moment)


def host_key(number: int) -> str:
    return f"{number:032x}"


class Rows:
    """`host` gives a number in the table; moments are milliseconds."""

    def __init__(self, store: Store) -> None:
        self.store = store

    def put(self, table: str, **columns: Any) -> None:
        with self.store.session() as db:
            db.insert_new(table, tuple(columns), [tuple(columns.values())])

    def ask(self, sql: str, *args: Any) -> Any:
        with self.store.session() as db:
            return db.query(sql, args)

    def host(
        self,
        identity: str,
        hostname: str | None = None,
        *,
        source: str = "agent",
        since: int = NOON - 24 * HOUR,
        seen: int | None = NOON,
        interval: int | None = 60,
        retired: int | None = None,
        looked: dict[str, int | None] | None = None,
        **contact: Any,
    ) -> int:
        """Reporting since `since`, last at `seen`, when it looked at everything but what `looked` says otherwise."""
        self.put("host", source=source, identity=identity, enrolled_at=text(since), retired_at=text(retired))
        number: int = self.ask("SELECT id FROM host WHERE source = ? AND identity = ?", source, identity)[0][0]
        kinds = {**dict.fromkeys(KINDS, seen), **(looked or {})}
        empty = {"recent": b"", "boots": b"", "skew_ms": 0, "revision": 1, "corrections": 0, "forks": 0}
        times = {f"{kind}_looked_at": text(moment) for kind, moment in kinds.items()}
        self.put(
            "host_contact", host_id=number, seen_at=text(seen), interval_s=interval, **{**empty, **times, **contact}
        )
        if seen is not None and source == "agent":
            self.interval("host_boot", number, since, boot_id="boot", agent="1.0")
        if hostname is not None:
            self.interval("host_fact", number, since, hostname=hostname)
        return number

    def interval(self, table: str, host: int, start: int, end: int | None = None, **columns: Any) -> None:
        ended = OPEN if end is None else to_text(end)
        self.put(table, host_id=host, first_seen_at=to_text(start), ended_at=ended, **columns)

    def word(self, table: str, **columns: Any) -> int:
        """The id of a dictionary's entry, made where it is not there."""
        digest = blake2b(repr((table, sorted(columns.items()))).encode(), digest_size=16).digest()
        with self.store.session() as db:
            db.insert_missing(table, ("digest", *columns), [(digest, *columns.values())], key=("digest",))
        return int(self.ask(f"SELECT id FROM {table} WHERE digest = ?", digest)[0][0])

    def process(
        self,
        host: int,
        pid: int,
        start: int,
        end: int | None = None,
        *,
        name: str = "sshd",
        user: str = "root",
        **more: Any,
    ) -> None:
        program = self.word("program", name=name, exe=f"/usr/bin/{name}")
        command = self.word("command", program_id=program, arguments=f"{name} --serve")
        account = self.word("account", name=user)
        self.interval("process", host, start, end, pid=pid, ticks=7, account_id=account, command_id=command, **more)

    def session(self, host: int, user: str, start: int, end: int | None = None, *, terminal: str = "pts/0") -> None:
        digest = blake2b(f"{user} {terminal}".encode(), digest_size=16).digest()
        account = self.word("account", name=user)
        self.interval("session", host, start, end, digest=digest, account_id=account, terminal=terminal)

    def sample(self, host: int, moment: int, percent: float) -> None:
        self.put("cpu_sample", host_id=host, seen_at=to_text(moment), percent=percent, cores=4, load_1=0.5)

    def gap(self, host: int, kind: str, start: int, end: int, reason: str) -> None:
        self.put("gap", host_id=host, kind=kind, started_at=to_text(start), ended_at=to_text(end), reason=reason)
