"""`compliance up`: the whole product on one machine. A server, this host's agent, and its report, from nothing."""

from __future__ import annotations

import asyncio
import signal
import socket
import sys
import threading
import time
from collections.abc import Iterator
from contextlib import closing, contextmanager
from pathlib import Path
from types import FrameType
from typing import TYPE_CHECKING, Annotated

import typer

from compliance import console
from compliance.console import Format
from compliance.errors import Broken
from compliance.settings import first, from_file, private_folder, state_folder, write_private

if TYPE_CHECKING:
    from compliance.server.serving import Listening
    from compliance.server.storage.engine import Store

app = typer.Typer()

START_SECONDS = 60.0


@app.command()
def up(
    once: Annotated[bool, typer.Option("--once", help="End after the first report.")] = False,
    port: Annotated[int, typer.Option("--port", help="The server's port; 0 takes any free one.")] = 8080,
    interval: Annotated[int, typer.Option("--interval", min=1, max=86_400, help="Seconds between reports.")] = 60,
    database: Annotated[
        str | None,
        typer.Option(help="Keep it there; by default SQLite in the state folder (COMPLIANCE_DATABASE)."),
    ] = None,
) -> None:
    """Start a server, enroll this host, send a report and show it; then keep reporting until Ctrl-C.

    $ compliance up --once
    """
    from compliance.server import serving

    told = _end_on_signals()
    folder = private_folder(state_folder())
    url = first(database, ("COMPLIANCE_DATABASE",)).value or from_file("COMPLIANCE_DATABASE_FILE")
    url = url or f"sqlite:///{folder / 'compliance.db'}"
    listening = serving.Listening(port=port)
    try:
        with serving.bind(listening) as sock:
            server = serving.url(sock, listening)
            enroll_key = _prepare(url, folder, server)
            with _served(sock, listening, url):
                _tell(folder, server, enroll_key, once, interval, url, told)
    except KeyboardInterrupt:
        console.say("Stopped. `compliance up` goes on where it was.")


def _end_on_signals() -> list[int]:
    """A person presses Ctrl-C, a service is sent SIGTERM: both end it in the same order. The signals that came.

    They are kept too: Python drops an exception that a handler raises in the wrong moment.
    """
    told: list[int] = []

    def end(number: int, frame: FrameType | None) -> None:
        told.append(number)
        raise KeyboardInterrupt

    for number in (signal.SIGINT, signal.SIGTERM):
        signal.signal(number, end)
    return told


def _prepare(database: str, folder: Path, server: str) -> str:
    """Migrates, leaves a read key and the server's address in the state folder, and returns an enrollment key."""
    from compliance.server.gate import Gate
    from compliance.server.storage.engine import open_store
    from compliance.server.storage.migrate import migrate
    from compliance.server.storage.migrations import MIGRATIONS

    # Named after this machine: several may share a database, and none is to revoke another's key.
    name = f"up on {socket.gethostname()}"

    async def keys(store: Store) -> tuple[str | None, str]:
        kept = folder / "read.key"
        known = await Gate(store).key(kept.read_text().strip()) if kept.exists() else None
        read = None
        if known is None or known.objection() is not None:
            read = await _renewed(store, f"{name}: reports", "read", None)
        hour = int(time.time() * 1000) + 3_600_000
        return read, await _renewed(store, f"{name}: agent", "enroll", hour)

    store = open_store(database)
    try:
        migrate(store, MIGRATIONS)
        read, enroll = asyncio.run(keys(store))
    finally:
        store.close()
    if read is not None:
        write_private(folder / "read.key", read.encode() + b"\n")
    write_private(folder / "server.url", server.encode() + b"\n")
    return enroll


async def _renewed(store: Store, name: str, role: str, expires_ms: int | None) -> str:
    """A new key of that name in the place of the old one, which nobody has any more."""
    from compliance.server import enrollment

    if any(row["name"] == name and row["revoked_at"] is None for row in await enrollment.list_keys(store)):
        await enrollment.revoke_key(store, name)
    return await enrollment.create_key(store, name, role, expires_ms)


@contextmanager
def _served(sock: socket.socket, listening: Listening, database: str) -> Iterator[None]:
    """The server, in a thread of this process, until the block ends."""
    from compliance.server import serving

    server = serving.make_server(listening, database)
    thread = threading.Thread(target=server.run, kwargs={"sockets": [sock]}, name="server")
    thread.start()
    try:
        until = time.monotonic() + START_SECONDS
        while not server.started:
            if not thread.is_alive() or time.monotonic() > until:
                raise Broken("The server did not start: `compliance server run` shows why.")
            time.sleep(0.02)
        yield
    finally:
        server.should_exit = True
        thread.join()


def _tell(
    folder: Path, server: str, enroll_key: str, once: bool, interval: int, database: str, told: list[int]
) -> None:
    from compliance.agent import config
    from compliance.agent.budget import unlimited
    from compliance.agent.identity import alone, locked
    from compliance.agent.resident import Resident
    from compliance.report import cli as report

    given = config.Given(folder, server, enroll_key)
    with closing(config.connect(given)) as transport, alone(folder):
        with locked(folder):
            identity = config.enroll(given, transport)
        promised = None if once else interval
        agent = Resident(folder, identity, transport, _quiet, console.warn, promised, budget=unlimited())
        agent.look()
        agent.send_all()
        read_key = str(folder / "read.key")
        report.host(identity.id, Format.table, server=server, key_file=read_key)
        report.hosts(Format.table, server=server, key_file=read_key)
        sys.stdout.flush()  # whoever reads from a pipe wants it now, not when all ends
        _say_where(folder, server, database)
        if not once:
            if hasattr(signal, "SIGUSR1"):  # `agent send` asks by it
                signal.signal(signal.SIGUSR1, lambda *_: agent.ask())
            console.say(f"Reporting every {interval} s; Ctrl-C ends it.")
            agent.run(first_look=interval, alive=lambda: _end_if(told))


def _quiet(sentence: str) -> None:
    """The report on the screen says more than a line a minute would."""


def _end_if(told: list[int]) -> None:
    if told:
        raise KeyboardInterrupt


def _say_where(folder: Path, server: str, database: str) -> None:
    from compliance.server.storage.url import parse_url

    console.say(f"Server    {server} (its API: {server}/schema)")
    console.say(f"Database  {parse_url(database)}")
    console.say(f"State     {folder}")
    console.say("Ask it    compliance report processes --since '1h ago'")
