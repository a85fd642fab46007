"""Reports committed per second, over the rate at which the same application only decodes the same requests.

Each report has 4 processes started and 2 ended, of a random host out of 50,000; MariaDB flushes at every commit; the
load comes from another process over 256 connections. Both rates are taken in turn, in one run; anything but 2xx
fails it.
"""

from __future__ import annotations

import asyncio
import gzip
import multiprocessing
import random
import secrets
import statistics
import tempfile
import threading
import time
from collections import deque
from hashlib import sha256
from pathlib import Path

import msgspec
import uvicorn
from litestar import Litestar, Request, Response, post

from compliance.server.app import create_app
from compliance.server.config import Config
from compliance.server.ingest.check import check
from compliance.server.routes import body
from compliance.server.routes.guard import reporting_host
from compliance.server.storage.clock import now_ms, to_text
from compliance.server.storage.engine import open_store
from compliance.server.storage.migrate import migrate
from compliance.server.storage.migrations import MIGRATIONS
from compliance.server.storage.pool import Value
from compliance.wire.codec import decode_report, digest, encode
from compliance.wire.facts import Cpu, Process
from compliance.wire.messages import Change, Receipt, Report, Sample, Sections
from tests.mariadb import start_mariadb

HOSTS = 50_000
ROUND = 12_000
ROUNDS = 3
CONNECTIONS = 256
FIRST = bytes(16)
ROOM = ("--innodb-buffer-pool-size=2G", "--innodb-log-file-size=1G")
"""What a database server of its own has; the tests' own sizes would measure their pages being swapped."""
PROGRAMS = [f"/usr/lib/app/worker-{number}" for number in range(300)]


@post("/decode", status_code=200)
async def decode_only(request: Request) -> Response[bytes]:
    """What `take_report` does before it writes."""
    await reporting_host(request)
    report, _ = await body.read(request, decode_report)
    check(report)
    answer = Receipt(outcome="applied", last=report.id)
    return Response(msgspec.json.encode(answer), media_type="application/json")


def seed(url: str) -> list[str]:
    """Hosts that are known and have no process: tokens, by host."""
    store = open_store(url)
    migrate(store, MIGRATIONS)
    tokens = ["cmt_" + secrets.token_urlsafe(32) for _ in range(HOSTS)]
    now = to_text(now_ms() - 60_000)
    nothing = bytes.fromhex(digest(()))
    numbers = range(1, HOSTS + 1)
    with store.session() as db:
        db.begin()
        db.insert_new(
            "host", ("id", "source", "identity", "enrolled_at"), [(n, "agent", f"{n:032x}", now) for n in numbers]
        )
        hashed = [(sha256(tokens[n - 1].encode()).digest(), n, now) for n in numbers]
        db.insert_new("host_token", ("hash", "host_id", "created_at"), hashed)
        chain: dict[str, Value] = {
            "report_id": FIRST,
            "recent": FIRST,
            "boots": b"",
            "boot_id": "boot",
            "agent": "0.1.0",
        }
        counts: dict[str, Value] = {"skew_ms": 0, "interval_s": 60, "revision": 0, "corrections": 0, "forks": 0}
        looks: dict[str, Value] = {"processes_looked_at": now, "cpu_looked_at": now, "processes_state": nothing}
        contact = {**chain, **counts, **looks, "seen_at": now, "received_at": now}
        db.insert_new("host_contact", ["host_id", *contact], [(n, *contact.values()) for n in numbers])
        db.commit()
    store.close()
    return tokens


class Fleet:
    """Makes each host's next report, so that every one fits on the one before."""

    def __init__(self, tokens: list[str]) -> None:
        self.tokens = tokens
        self.last: dict[int, tuple[str, str, list[tuple[int, int]]]] = {}
        self.recent: deque[int] = deque(maxlen=4 * CONNECTIONS)
        self.random = random.Random(7)

    def request(self, path: str) -> bytes:
        host = self.random.randrange(HOSTS)
        while host in self.recent:  # a host waits for its answer before it sends again
            host = self.random.randrange(HOSTS)
        self.recent.append(host)
        after, base, running = self.last.get(host, (FIRST.hex(), digest(()), []))
        report = self.report(host, after, base, running)
        packed = gzip.compress(encode(report), compresslevel=6, mtime=0)
        head = (
            f"POST {path} HTTP/1.1\r\nhost: x\r\nauthorization: Bearer {self.tokens[host]}\r\n"
            f"content-type: application/json\r\ncontent-encoding: gzip\r\ncontent-length: {len(packed)}\r\n\r\n"
        )
        return head.encode() + packed

    def report(self, host: int, after: str, base: str, running: list[tuple[int, int]]) -> Report:
        now = now_ms()
        ticks = self.random.randrange(10**9)
        ended, kept = running[:2], running[2:]
        free = self.random.sample(sorted(set(range(1000, 1100)) - {pid for pid, _ in kept}), 4)
        started = tuple(
            Process(
                pid=pid,
                ticks=ticks,
                ppid=1,
                started_at=now - 1000,
                user="app",
                name="worker",
                exe=(exe := self.random.choice(PROGRAMS)),
                arguments=f"{exe} --queue {self.random.randrange(20)}",
            )
            for pid in free
        )
        report_id, state = f"{self.random.getrandbits(128):032x}", f"{self.random.getrandbits(128):032x}"
        self.last[host] = (report_id, state, kept + [row.key for row in started])
        processes: Change = Change(base=base, state=state, started=started, ended=tuple(ended))
        sections = Sections(cpu=Sample(row=Cpu(percent=12.5, cores=2)), processes=processes)
        return Report(
            id=report_id,
            after=after,
            taken_at=now,
            sent_at=now,
            boot_id="boot",
            agent="0.1.0",
            interval=60,
            sections=sections,
        )


async def fire(port: int, requests: deque[bytes]) -> float:
    """Seconds that all the requests took; any answer but 200 `applied` ends the run."""

    async def connection() -> None:
        reader, writer = await asyncio.open_connection("127.0.0.1", port)
        while requests:
            writer.write(requests.popleft())
            head = await reader.readuntil(b"\r\n\r\n")
            length = int(head.lower().split(b"content-length: ")[1].split(b"\r\n")[0])
            answer = await reader.readexactly(length)
            if not head.startswith(b"HTTP/1.1 200") or b'"applied"' not in answer:
                raise SystemExit(f"not taken: {head!r} {answer!r}")
        writer.close()

    started = time.perf_counter()
    await asyncio.gather(*(connection() for _ in range(CONNECTIONS)))
    return time.perf_counter() - started


def load(port: int, tokens: list[str], results: multiprocessing.Queue) -> None:
    """The other process: the two rates, in turn."""
    fleet, same = Fleet(tokens), Fleet(tokens)
    asyncio.run(fire(port, deque(Fleet(tokens).request("/decode") for _ in range(2000))))
    for _ in range(ROUNDS):
        only = asyncio.run(fire(port, deque(same.request("/decode") for _ in range(ROUND))))
        full = asyncio.run(fire(port, deque(fleet.request("/api/v1/reports") for _ in range(ROUND))))
        results.put((ROUND / only, ROUND / full))
    results.put(None)


def serve(app: Litestar) -> tuple[uvicorn.Server, threading.Thread, int]:
    server = uvicorn.Server(uvicorn.Config(app, port=0, log_level="warning", access_log=False))
    thread = threading.Thread(target=server.run)
    thread.start()
    while not server.started:
        time.sleep(0.02)
    return server, thread, server.servers[0].sockets[0].getsockname()[1]


def main() -> None:
    with tempfile.TemporaryDirectory() as folder, start_mariadb(Path(folder) / "mariadb", *ROOM) as mariadb:
        url = mariadb.url("bench")
        tokens = seed(url)
        app = create_app(Config(database=url))
        app.register(decode_only)
        server, thread, port = serve(app)
        context = multiprocessing.get_context("spawn")
        results = context.Queue()
        loader = context.Process(target=load, args=(port, tokens, results))
        loader.start()
        rates = []
        while (pair := results.get(timeout=300)) is not None:
            print(f"decoded {pair[0]:,.0f}/s, committed {pair[1]:,.0f}/s, ratio {pair[1] / pair[0]:.2f}")
            rates.append(pair)
        loader.join()
        server.should_exit = True
        thread.join()
    ratio = statistics.median(full / only for only, full in rates)
    print(f"committed over decoded: {ratio:.2f} (median of {len(rates)})")


if __name__ == "__main__":
    main()
