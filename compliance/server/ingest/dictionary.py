"""Text to id: accounts, programs, commands and operating systems are stored once and named by number.

A text is found by its digest only, since MySQL's collations hold texts for equal that are not. New texts go in
before the reports that name them, sorted, in a short transaction of their own; the cache is filled after that commit.
"""

from collections.abc import Iterable
from functools import lru_cache
from hashlib import blake2b
from typing import Any

import msgspec

from compliance.server.storage.pool import Session as Db
from compliance.wire.facts import OperatingSystem, Process
from compliance.wire.messages import Change, Report, Whole

CACHED = 200_000
"""Entries of the cache, at most: about 20 MB."""
ARGUMENTS_KEPT = 4096
"""Characters of a command line that are stored; its digest is of the whole."""

Row = tuple[Any, ...]


_encode = msgspec.json.Encoder().encode


def digest_of(*parts: str | None) -> bytes:
    """BLAKE2b-128 over the JSON array of the parts."""
    return blake2b(_encode(parts), digest_size=16).digest()


# A fleet has few names, and each comes with every process.
@lru_cache(maxsize=4096)
def account_digest(name: str) -> bytes:
    return digest_of(name)


def program_digest(row: Process) -> bytes:
    return digest_of(row.name, row.exe)


def command_digest(row: Process) -> bytes:
    return digest_of(row.name, row.exe, row.arguments)


def system_digest(row: OperatingSystem) -> bytes:
    return digest_of(row.name, row.version, row.kernel, row.architecture)


class Known:
    """The ids of every text of one batch, by digest."""

    def __init__(self, texts: "Texts") -> None:
        self.ids: dict[bytes, int] = {}
        self._texts = texts

    def account(self, name: str) -> int:
        return self.ids[account_digest(name)]

    def command(self, row: Process) -> int:
        return self.ids[self._texts.digests[id(row)]]

    def system(self, row: OperatingSystem) -> int:
        return self.ids[system_digest(row)]


class Texts:
    """The distinct texts of one batch: digest to row, one mapping a table."""

    def __init__(self) -> None:
        self.accounts: dict[bytes, Row] = {}
        self.programs: dict[bytes, Row] = {}
        self.commands: dict[bytes, Process] = {}
        self.systems: dict[bytes, Row] = {}
        self.digests: dict[int, bytes] = {}
        """Of a process row's command, by the row's id(): made once, and the batch holds its rows as long as this."""

    def add(self, report: Report) -> None:
        for row in _rows(report.sections.processes):
            digest = self.digests[id(row)] = command_digest(row)
            self.commands[digest] = row
            if row.user is not None:
                self.add_account(row.user)
        for row in _rows(report.sections.sessions):
            self.add_account(row.user)
        for row in _rows(report.sections.os):
            self.add_system(row)

    def add_system(self, row: OperatingSystem) -> None:
        self.systems[system_digest(row)] = (row.name, row.version, row.kernel, row.architecture)

    def add_account(self, name: str) -> None:
        self.accounts[account_digest(name)] = (name,)


def _rows(section: Any) -> Iterable[Any]:
    if isinstance(section, Whole):
        return section.rows
    return section.started if isinstance(section, Change) else ()


class Dictionary:
    """The four tables of texts, and the cache of their ids. One writer uses it at a time."""

    def __init__(self, cached: int = CACHED) -> None:
        self._cached = cached
        self._ids: dict[bytes, int] = {}

    def forget(self) -> None:
        """For when an id has vanished from the store."""
        self._ids.clear()

    def learn(self, db: Db, texts: Texts) -> Known:
        """The ids of all the texts, the new ones stored and committed first."""
        known = Known(texts)
        self._learn(db, known, "account", ("name",), texts.accounts)
        self._learn(db, known, "operating_system", ("name", "version", "kernel", "architecture"), texts.systems)
        new = {digest: row for digest, row in texts.commands.items() if not self._recall(known, digest)}
        programs = {program_digest(row): (row.name, row.exe) for row in new.values()}
        self._learn(db, known, "program", ("name", "exe"), programs)
        commands = {digest: _command(row, known) for digest, row in new.items()}
        self._learn(db, known, "command", ("program_id", "arguments"), commands)
        # Only now: what is remembered may push out what this batch still needed.
        self._remember(known.ids)
        return known

    def _learn(self, db: Db, known: Known, table: str, columns: tuple[str, ...], rows: dict[bytes, Row]) -> None:
        missing = sorted(digest for digest in rows if not self._recall(known, digest))
        known.ids |= self._find(db, table, missing)
        new = [digest for digest in missing if digest not in known.ids]
        if not new:
            return
        db.begin()
        db.insert_missing(table, ("digest", *columns), [(digest, *rows[digest]) for digest in new], key=("digest",))
        db.commit()
        known.ids |= self._find(db, table, new)

    def _recall(self, known: Known, digest: bytes) -> bool:
        number = self._ids.get(digest)
        if number is not None:
            known.ids[digest] = number
        return number is not None

    @staticmethod
    def _find(db: Db, table: str, digests: list[bytes]) -> dict[bytes, int]:
        if not digests:
            return {}
        # Read back by digest: an id computed from the last one would be wrong where a cluster steps them.
        return dict(db.query_in(f"SELECT digest, id FROM {table} WHERE digest IN ({{in}})", digests))

    def _remember(self, found: dict[bytes, int]) -> None:
        """First in, first out: a batch reads its ids from `Known`, so that forgetting one is always safe."""
        self._ids |= found
        while len(self._ids) > self._cached:
            del self._ids[next(iter(self._ids))]


def _command(row: Process, known: Known) -> Row:
    arguments = None if row.arguments is None else row.arguments[:ARGUMENTS_KEPT]
    return known.ids[program_digest(row)], arguments
