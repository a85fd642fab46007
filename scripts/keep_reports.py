"""Keeps what agents of this version say and are answered: tests/kept/VERSION/NN-name.json.gz.

    python -m scripts.keep_reports        before a release is tagged; files that were released are never written again

tests/test_kept.py replays every version against the server of today. The agent's own code says all of it, to a real
server on SQLite. Rows come from the collectors, but of this machine only what the script itself started is kept: names,
addresses, the kernel and the time are those that documents use.
"""

import asyncio
import gzip
import json
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import Any

import msgspec

from compliance import __version__
from compliance.agent import identity
from compliance.agent.collectors import COLLECTORS, Look, Memory
from compliance.agent.loop import report_of
from compliance.agent.snapshot import Snapshot, clock
from compliance.agent.spool import CAP
from compliance.server.enrollment import create_key
from compliance.server.storage.engine import open_store
from compliance.server.storage.migrate import migrate
from compliance.server.storage.migrations import MIGRATIONS
from compliance.settings import private_folder
from compliance.wire.codec import decode_report
from compliance.wire.facts import Address, Host, Process, Session
from compliance.wire.messages import Blind, Failed, Kind
from tests.agent.laidout import MINUTE, NOON, Agent, Server, serving

READ = ("hosts", "processes?since=0", "sessions?since=0", "cpu?since=0")
"""What is read back in the end, and has to be the same from every later server."""
FOLDER = Path(__file__).parent.parent / "tests" / "kept" / __version__
Looks = dict[Kind, Look | Failed]
NOBODY_TELLS = Failed(
    reason="There is no utmp and no systemd-logind: where sessions are kept is not visible from here."
)


class Tape:
    """Every exchange with the server, as it went over the wire."""

    def __init__(self, server: Server) -> None:
        self.exchanges: list[dict[str, Any]] = []
        self.name = ""
        server.http.event_hooks["response"].append(self._write)

    def _write(self, response: Any) -> None:
        request = response.request
        response.read()
        body = request.content
        if request.headers.get("content-encoding") == "gzip":
            body = gzip.decompress(body)
        self.exchanges.append(
            {
                "name": self.name,
                "path": request.url.raw_path.decode(),
                "body": json.loads(body) if body else None,
                "status": response.status_code,
                "answer": response.json(),
            }
        )


class Machine:
    """web-1: a few real processes, and everything else laid out."""

    def __init__(self, stack: ExitStack) -> None:
        self._stack = stack
        self._memory = Memory()
        self._since_noon = clock() - NOON
        self._started: list[subprocess.Popen[bytes]] = []
        self.booted_at = NOON - 90 * MINUTE
        self.sessions: Look | Failed = Look((self.session("ana", "pts/0", 60), self.session("bo", "tty1", 5)))
        self.addresses = [Address(address="192.0.2.7", interface="eth0", primary=True)]

    def session(self, user: str, terminal: str, minutes: int) -> Session:
        origin = "198.51.100.20" if terminal.startswith("pts") else ""
        return Session(user=user, terminal=terminal, remote_host=origin, opened_at=NOON - minutes * MINUTE)

    def start(self, *command: str) -> "subprocess.Popen[bytes]":
        process = self._stack.enter_context(subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE))
        self._stack.callback(process.kill)
        self._started.append(process)
        return process

    def looks(self) -> dict[Kind, Any]:
        (system,) = COLLECTORS["os"](self._memory).rows
        rows: dict[Kind, list[Any]] = {
            "host": [Host(hostname="web-1", machine_id="6d1f0c2e8f5b4a0f9c3a7e5d2b1c0a99", booted_at=self.booted_at)],
            "os": [msgspec.structs.replace(system, kernel="6.12.48+deb13-amd64")],
            "addresses": self.addresses,
            "cpu": list(COLLECTORS["cpu"](self._memory).rows),
            "processes": list(self._processes()),
        }
        looks: Looks = {kind: Look(tuple(found)) for kind, found in rows.items()}
        return looks | {"sessions": self.sessions}

    def _processes(self) -> Iterator[Process]:
        ours = {process.pid for process in self._started if process.poll() is None}
        for row in COLLECTORS["processes"](self._memory).rows:
            if isinstance(row, Process) and row.pid in ours:
                yield msgspec.structs.replace(row, ppid=1, started_at=(row.started_at or 0) - self._since_noon)


def tell(agent: Agent, machine: Machine, tape: Tape) -> None:
    """A life of a host: each step is said and answered."""

    def take(looks: Looks, boot_id: str = "boot-1", interval: int | None = 60) -> None:
        agent.taken_at += MINUTE
        with agent.spool() as spool:
            snapshot = Snapshot(agent.taken_at, boot_id, looks, {})
            spool.add(report_of(snapshot, spool, agent.identity.id, interval))

    def step(name: str, looks: Looks | None = None, boot_id: str = "boot-1", interval: int | None = 60) -> None:
        tape.name = name
        take(looks or machine.looks(), boot_id, interval)
        agent.drain()

    machine.start("sleep", "3600")
    shell = machine.start("sh", "-c", "echo; read line; exec sleep 3601")
    assert shell.stdout is not None
    shell.stdout.readline()
    step("first contact")
    step("nothing changed")
    older = agent.folder.with_name("older")
    shutil.copytree(agent.folder, older)

    ended = machine.start("sleep", "3602")
    step("a process started")
    ended.kill()
    ended.wait()
    assert shell.stdin is not None
    shell.stdin.write(b"\n")
    shell.stdin.flush()
    while b"3601" not in Path(f"/proc/{shell.pid}/cmdline").read_bytes().split(b"\0"):
        pass
    step("one ended, one called exec")
    machine.sessions = Look((machine.session("ana", "pts/0", 60), machine.session("cy", "pts/1", 1)))
    machine.addresses.append(Address(address="2001:db8::7", interface="eth0", primary=False))
    step("sessions and addresses changed")

    seen = machine.looks()
    step("a section failed", seen | {"sessions": NOBODY_TELLS})
    part = Blind(rows=2, fields=3, reason="No privilege to read all of them.")
    step("seen only in part", {"processes": Look(seen["processes"].rows, part)})
    step("one kind, sent once", {"cpu": seen["cpu"]}, interval=None)

    tape.name = "a report that comes twice"
    agent.transport.send(decode_report(json.dumps(tape.exchanges[-1]["body"]).encode()), agent.identity.token)
    shutil.rmtree(agent.folder)
    shutil.copytree(older, agent.folder)
    step("an older disk")

    machine.booted_at = NOON + 30 * MINUTE
    step("a reboot", boot_id="boot-2")
    agent.cap = 1
    for _ in range(3):
        take(machine.looks(), "boot-2")
    agent.cap = CAP
    step("reports were dropped", boot_id="boot-2")


@contextmanager
def server(folder: Path) -> Iterator[Server]:
    url = f"sqlite:///{folder / 'compliance.db'}"
    store = open_store(url)
    try:
        migrate(store, MIGRATIONS)
        with serving(url, store) as there:
            yield there
    finally:
        store.close()


def main() -> None:
    if FOLDER.exists() and "--again" not in sys.argv:
        sys.exit(f"{FOLDER} is there: what was released is never written again (--again before the release).")
    identity.hostname = lambda: "web-1"
    with tempfile.TemporaryDirectory() as name, server(Path(name)) as there, ExitStack() as stack:
        tape = Tape(there)
        tape.name = "an enrollment"
        agent = Agent(private_folder(Path(name) / "agent"), there)
        tell(agent, Machine(stack), tape)
        key = asyncio.run(create_key(there.store, "reads", "read"))
        for path in READ:
            tape.name = f"read {path.partition('?')[0]}"
            there.http.get(f"/api/v1/{path}", headers={"authorization": f"Bearer {key}"}).raise_for_status()
    write(tape.exchanges)


def write(exchanges: list[dict[str, Any]]) -> None:
    FOLDER.mkdir(parents=True, exist_ok=True)
    for old in FOLDER.glob("*.json.gz"):
        old.unlink()
    for number, exchange in enumerate(exchanges):
        slug = exchange["name"].replace(" ", "-").replace(",", "")
        text = json.dumps(exchange, indent=1, ensure_ascii=False).encode()
        (FOLDER / f"{number:02}-{slug}.json.gz").write_bytes(gzip.compress(text, mtime=0))
        print(f"{number:02} {exchange['status']} {exchange['name']}: {json.dumps(exchange['answer'])}")


if __name__ == "__main__":
    main()
