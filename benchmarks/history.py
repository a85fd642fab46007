"""What a host's history costs: its 10,000th report over its 10th, to write and to read back, and the bytes it takes.

One report a minute of 200 processes of which 2% end and as many start, and a CPU sample: a week. The bytes are those of
the pages of its tables and indexes; what a store keeps aside for all hosts (undo, a journal, the room that MySQL adds
to a file before it is needed) is not counted.
"""

from __future__ import annotations

import asyncio
import itertools
import random
import statistics
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path

from compliance.server.enrollment import enroll
from compliance.server.gate import hash_secret
from compliance.server.ingest.apply import Arrival, apply
from compliance.server.ingest.dictionary import Dictionary
from compliance.server.queries.intervals import Question
from compliance.server.queries.processes import processes
from compliance.server.storage.engine import Store, open_store
from compliance.server.storage.migrate import migrate
from compliance.server.storage.migrations import MIGRATIONS
from compliance.wire.codec import digest
from compliance.wire.facts import Cpu, Process
from compliance.wire.messages import Change, Enrollment, Report, Sample, Sections, Whole
from tests.mariadb import start_mariadb

REPORTS = 10_000
PROCESSES = 200
TURNOVER = 4
AROUND = 200
"""Reports whose median stands for the one."""
BEGINNING = 1_772_539_200_000
MINUTE = 60_000
SECRET = "cmt_" + "b" * 43


def process(pid: int, number: int) -> Process:
    exe = f"/usr/bin/tool-{number % 40}"
    return Process(
        pid=pid,
        ticks=number,
        ppid=1,
        started_at=BEGINNING + number * 15_000,
        user="app" if number % 3 else "root",
        name=f"tool-{number % 40}",
        exe=exe,
        arguments=f"{exe} --job {number % 500}",
    )


def reports() -> Iterator[tuple[Report, int]]:
    """Each with the moment at which it comes in."""
    chance = random.Random(7)
    running = {pid: process(pid, pid) for pid in range(1000, 1000 + PROCESSES)}
    number = itertools.count(PROCESSES + 1000)
    after, base = None, ""
    for minute in range(REPORTS):
        now, gone = BEGINNING + minute * MINUTE, [running[pid] for pid in chance.sample(sorted(running), TURNOVER)]
        if minute:
            for row in gone:
                del running[row.pid]
            free = sorted(set(range(1000, 2000)) - running.keys())
            new = [process(pid, next(number)) for pid in chance.sample(free, TURNOVER)]
            running |= {row.pid: row for row in new}
        rows = tuple(running.values())
        state = digest(rows)
        section: Whole | Change = Whole(rows=rows, state=state)
        if minute:
            section = Change(base=base, state=state, started=tuple(new), ended=tuple(row.key for row in gone))
        cpu = Sample(row=Cpu(percent=chance.uniform(0, 100), cores=2, load_1=0.5, load_5=0.4, load_15=0.3))
        report = Report(
            id=f"{chance.getrandbits(128):032x}",
            after=after,
            taken_at=now,
            sent_at=now,
            boot_id="boot",
            agent="0.1.0",
            interval=60,
            sections=Sections(processes=section, cpu=cpu),
        )
        yield report, now
        after, base = report.id, state


def measure(name: str, store: Store, size: str) -> None:
    migrate(store, MIGRATIONS)
    asyncio.run(enroll(store, Enrollment(id="b" * 32, secret=SECRET, hostname="bench")))
    with store.session() as db:
        host_id = db.query("SELECT host_id FROM host_token WHERE hash = ?", [hash_secret(SECRET)])[0][0]
    writing: list[float] = []
    reading: list[float] = []
    dictionary = Dictionary()
    for number, (report, moment) in enumerate(reports()):
        start = time.perf_counter()
        with store.session() as db:
            (answer,) = apply(db, store.dialect.for_update, dictionary, [Arrival(host_id, report, moment)])
        writing.append(time.perf_counter() - start)
        assert getattr(answer, "outcome", "") == "applied"
        if number < AROUND + 10 or number >= REPORTS - AROUND:
            start = time.perf_counter()
            page = asyncio.run(processes(store, Question(at=moment, host="b" * 32, limit=1000)))
            reading.append(time.perf_counter() - start)
            assert len(page.items) == PROCESSES
    days = REPORTS * MINUTE / 86_400_000
    with store.session() as db:
        stored = float(db.query(size)[0][0])
    for what, taken in (("write", writing), ("read back", reading)):
        first, last = statistics.median(taken[10 : 10 + AROUND]), statistics.median(taken[-AROUND:])
        print(
            f"{name}, to {what}: the 10th {first * 1000:.2f} ms, the 10,000th {last * 1000:.2f} ms, {last / first:.2f}"
        )
    print(f"{name}: {stored / days / 1e6:.2f} MB a host and day (at most 2), over {days:.1f} days")


def main() -> None:
    with tempfile.TemporaryDirectory() as folder:
        store = open_store(f"sqlite:///{folder}/compliance.db")
        measure("SQLite", store, "SELECT page_count * page_size FROM pragma_page_count(), pragma_page_size()")
        store.close()
        with start_mariadb(Path(folder) / "mariadb", "--innodb-buffer-pool-size=1G") as mariadb:
            store = open_store(mariadb.url("bench"))
            pages = "SELECT SUM(data_length + index_length) FROM information_schema.tables WHERE table_schema = 'bench'"
            measure("MariaDB", store, pages)
            store.close()


if __name__ == "__main__":
    main()
