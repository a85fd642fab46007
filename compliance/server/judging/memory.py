"""What a worker keeps between two turns, so that a text is matched once and not once a host. All of it can be lost."""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterable
from hashlib import blake2b
from typing import Any

import msgspec
from msgspec import Struct

from compliance.server.judging.book import Book, Period
from compliance.server.policies.matchers import Matcher, matchers
from compliance.server.policies.rules import ProcessRule, SessionRule, leaves
from compliance.server.storage.pool import Session as Db

Key = tuple[int, int]
"""A policy and its version."""
NOBODY = 0
"""Stands for an entry that a row does not name; the ids of entries begin with 1."""
OVERLAP = 500
"""Ids below the last one that are looked for again: one may be committed after a later one."""
MOST_FORGOTTEN = 500
MOST_FINDINGS = 100_000
CUT = 4096


class Command(Struct, frozen=True):
    name: str | None = None
    exe: str | None = None
    arguments: str | None = None


class Entries:
    """Which entries of a dictionary which versions of policies mean: all others are never read again."""

    def __init__(self, sql: str, leaf: type, row: Callable[..., Any], table: str) -> None:
        self._sql, self._leaf, self._row, self._table = sql, leaf, row, table
        self._matchers: dict[Key, list[Matcher]] = {}
        self._sorted: set[int] = set()
        self._last = 0
        self.rows: dict[int, Any] = {}
        self.meant_by: dict[int, tuple[Key, ...]] = {}

    def learn(self, db: Db, periods: Iterable[Period]) -> None:
        """Sorts what is new: entries, and versions of policies."""
        asked = {(one.policy_id, one.version): one for one in periods}
        if len(self._matchers.keys() - asked.keys()) > MOST_FORGOTTEN or self._is_set_back(db):
            self.__init__(self._sql, self._leaf, self._row, self._table)  # type: ignore[misc]
        fresh = {key: self._of(period) for key, period in asked.items() if key not in self._matchers}
        if any(fresh.values()):
            known = [(number, self._row(*texts)) for number, *texts in db.query(self._sql)]
            old = [(number, row) for number, row in known if number in self._sorted]
            self._sort([*old, (NOBODY, self._row())], fresh)
        self._matchers |= fresh
        below = self._last - OVERLAP
        self.look_up(db, [number for (number,) in db.query(f"SELECT id FROM {self._table} WHERE id > ?", [below])])

    def look_up(self, db: Db, ids: Collection[int]) -> None:
        """Sorts those of them that are not known yet."""
        missing = [number for number in ids if number not in self._sorted]
        if not missing:
            return
        found = db.query_in(f"{self._sql} WHERE x.id IN ({{in}})", missing)
        self._sort([(number, self._row(*texts)) for number, *texts in found], self._matchers)
        self._sorted.update(missing)
        self._last = max(self._last, *missing)

    def _is_set_back(self, db: Db) -> bool:
        """The store holds less than was read from it once: a backup was restored, and ids mean something else."""
        return self._last > int(db.query(f"SELECT COALESCE(MAX(id), 0) FROM {self._table}")[0][0])

    def _of(self, period: Period) -> list[Matcher]:
        parts = [leaf for leaf in leaves(period.policy.rule) if isinstance(leaf, self._leaf)]
        return [matchers(leaf)[0] for leaf in parts]

    def _sort(self, entries: list[tuple[int, Any]], asked: dict[Key, list[Matcher]]) -> None:
        rows = dict(entries)
        for key, found in asked.items():
            meant: set[int] = set()
            for one in found:
                meant |= one.sort(entries).among(lacks_fields=True)
            for number in meant:
                self.rows[number] = rows[number]
                self.meant_by[number] = (*self.meant_by.get(number, ()), key)


class Findings:
    """The ids of sentences, by their digest."""

    def __init__(self) -> None:
        self._ids: dict[bytes, int] = {}

    def learn(self, db: Db, texts: Iterable[tuple[str, str]]) -> dict[tuple[str, str], int]:
        """In a transaction of its own where one is new."""
        digests = {text: digest_of(text) for text in texts}
        if len(self._ids) > MOST_FINDINGS:
            self.forget()
        new = {digest: text for text, digest in digests.items() if digest not in self._ids}
        if new:
            sql = "SELECT digest, id FROM finding WHERE digest IN ({in})"
            self._ids.update(db.query_in(sql, sorted(new)))
            rows = [(digest, text[0][:CUT], text[1][:CUT]) for digest, text in sorted(new.items())]
            missing = [row for row in rows if row[0] not in self._ids]
            db.insert_missing("finding", ("digest", "observed", "expected"), missing, key=("digest",))
            self._ids.update(db.query_in(sql, [row[0] for row in missing]))
        return {text: self._ids[digest] for text, digest in digests.items()}

    def forget(self) -> None:
        """They may have been pruned behind our back."""
        self._ids = {}


def digest_of(text: tuple[str, str]) -> bytes:
    return blake2b(msgspec.json.encode(text), digest_size=16).digest()


class Memory:
    """One a worker."""

    def __init__(self) -> None:
        self.book: Book | None = None
        self.findings = Findings()
        commands = "SELECT x.id, p.name, p.exe, x.arguments FROM command x JOIN program p ON p.id = x.program_id"
        self.commands = Entries(commands, ProcessRule, Command, "command")
        self.users = Entries("SELECT x.id, x.name FROM account x", SessionRule, _name, "account")


def _name(name: str = "") -> str:
    return name
