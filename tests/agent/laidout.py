"""Looks that a test lays out, an agent that says them, and a server that is asked what it keeps."""

from __future__ import annotations

import asyncio
import gzip
import uuid
from collections.abc import Iterable, Iterator
from contextlib import closing, contextmanager
from pathlib import Path
from typing import Any

import httpx
from litestar import Litestar
from litestar.testing import TestClient

from compliance.agent import config as configs
from compliance.agent import loop
from compliance.agent.collectors import Look
from compliance.agent.config import Given
from compliance.agent.identity import Identity
from compliance.agent.loop import Sent
from compliance.agent.snapshot import Snapshot
from compliance.agent.spool import CAP, Spool
from compliance.agent.transport import Transport
from compliance.server.app import create_app
from compliance.server.config import Config
from compliance.server.enrollment import create_key
from compliance.server.storage.clock import OPEN
from compliance.server.storage.engine import Store
from compliance.wire.codec import decode_report
from compliance.wire.facts import Process, Session
from compliance.wire.messages import Failed, Report

NOON = 1_772_539_200_000
"""2026-03-03 12:00 UTC."""
MINUTE = 60_000
URL = "http://127.0.0.1:1"
"""What the agent takes for its server's address: the client beside it needs no socket."""


def process(pid: int, name: str = "sh", ticks: int = 7, **members: Any) -> Process:
    return Process(pid=pid, ticks=ticks, name=name, **members)


def session(user: str, opened_at: int | None = NOON) -> Session:
    return Session(user=user, terminal="pts/0", opened_at=opened_at)


def snapshot(taken_at: int = NOON, boot_id: str = "boot-1", **looks: Iterable[Any] | Failed) -> Snapshot:
    """`snapshot(processes=[process(1)], sessions=Failed(reason="..."))`"""
    seen: Any = {kind: rows if isinstance(rows, Failed) else Look(tuple(rows)) for kind, rows in looks.items()}
    return Snapshot(taken_at, boot_id, seen, {})


class Server:
    """The real application over a store, without a socket."""

    def __init__(self, http: TestClient[Litestar], store: Store, enroll_key: str) -> None:
        self.http = http
        self.store = store
        self.enroll_key = enroll_key
        self.heard: list[Report] = []
        """Every report that came over the wire, repeated ones too."""
        self.http.event_hooks = {"request": [self._listen], "response": []}

    def _listen(self, request: httpx.Request) -> None:
        if request.url.path.endswith("/reports"):
            packed = request.headers.get("content-encoding") == "gzip"
            self.heard.append(decode_report(gzip.decompress(request.content) if packed else request.content))

    @contextmanager
    def cut(self) -> Iterator[None]:
        """The server gets what it is sent and does it; its answer is lost on the way."""

        def lose(response: httpx.Response) -> None:
            raise httpx.ReadError("the connection was cut")

        self.http.event_hooks["response"].append(lose)
        yield
        self.http.event_hooks["response"].remove(lose)

    @contextmanager
    def dead(self) -> Iterator[None]:
        """Nothing reaches it."""

        def refuse(request: httpx.Request) -> None:
            raise httpx.ConnectError("Connection refused")

        self.http.event_hooks["request"].insert(0, refuse)
        yield
        self.http.event_hooks["request"].remove(refuse)

    def ask(self, sql: str, *args: Any) -> list[tuple[Any, ...]]:
        with self.store.session() as db:
            return [tuple(row) for row in db.query(sql, args)]

    def processes(self) -> set[tuple[int, int, str]]:
        """What is open: pid, ticks, name."""
        sql = (
            "SELECT process.pid, process.ticks, program.name FROM process"
            " JOIN command ON command.id = process.command_id JOIN program ON program.id = command.program_id"
            " WHERE process.ended_at = ?"
        )
        return {(pid, ticks, name) for pid, ticks, name in self.ask(sql, OPEN)}

    def sessions(self) -> set[str]:
        sql = "SELECT account.name FROM session JOIN account ON account.id = session.account_id WHERE ended_at = ?"
        return {name for (name,) in self.ask(sql, OPEN)}

    def gaps(self, kind: str = "processes") -> list[str]:
        """Their reasons, oldest first."""
        sql = "SELECT reason FROM gap WHERE kind = ? ORDER BY started_at, ended_at"
        return [reason for (reason,) in self.ask(sql, kind)]

    def last(self) -> str | None:
        """The id of the report last applied."""
        found = self.ask("SELECT report_id FROM host_contact")[0][0]
        return None if found is None else bytes(found).hex()

    def corrections(self) -> int:
        return int(self.ask("SELECT corrections FROM host_contact")[0][0])


def new_key(store: Store) -> str:
    return asyncio.run(create_key(store, f"enrolls {uuid.uuid4()}", "enroll"))


@contextmanager
def serving(database: str, store: Store) -> Iterator[Server]:
    """The application over the database that `store` is open on, until the block ends."""
    with TestClient(create_app(Config(database=database))) as http:
        yield Server(http, store, new_key(store))


class Agent:
    """An agent whose looks are laid out; the spool is opened anew for each step, as by separate runs."""

    def __init__(self, folder: Path, server: Server, cap: int = CAP) -> None:
        self.folder = folder
        self.cap = cap
        self.transport = Transport(server.http)
        self.given = Given(folder, URL, server.enroll_key)
        self.identity: Identity = configs.enroll(self.given, self.transport)
        self.taken_at = NOON

    def spool(self) -> closing[Spool]:
        return closing(Spool(self.folder, self.cap))

    def take(self, boot_id: str = "boot-1", interval: int | None = None, **looks: Any) -> Report:
        """On disk, a minute after the one before; nothing is sent."""
        self.taken_at += MINUTE
        with self.spool() as spool:
            seen = snapshot(self.taken_at, boot_id, **looks)
            report = loop.report_of(seen, spool, self.identity.id, interval)
            spool.add(report)
        return report

    def drain(self) -> list[Sent]:
        sent: list[Sent] = []
        with self.spool() as spool:
            loop.drain(spool, self.transport, self.identity, sent, now=lambda: self.taken_at)
        return sent

    def send(self, **looks: Any) -> list[str]:
        """Take and drain; the outcomes."""
        self.take(**looks)
        return [one.outcome for one in self.drain()]

    def waiting(self) -> int:
        with self.spool() as spool:
            return spool.waiting()

    def accepted(self) -> set[tuple[int, int, str]]:
        with self.spool() as spool:
            return {(row.pid, row.ticks, row.name) for row in spool.accepted().get("processes", {}).values()}
