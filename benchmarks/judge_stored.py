"""Judging from the store: 100 policies over 50,000 stored hosts, then one host that changed.

    python -m benchmarks.judge_stored [--hosts N] [--database URL]

The fleet is written straight into the tables: 20 processes a host out of 20,000 commands, two sessions, a system, a
name and labels. The policies are those of `benchmarks.judge`. Reading, judging and writing are told apart; the first
judgement writes every verdict there is, the second finds that nothing changed, the third follows the edit of a policy.
"""

import argparse
import random
import tempfile
import time
from collections import defaultdict
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from hashlib import blake2b
from pathlib import Path
from typing import Any
from unittest.mock import patch

import msgspec

from benchmarks.judge import COMMANDS, commands, policies
from compliance.server.judging import book, turn
from compliance.server.judging.course import Course
from compliance.server.judging.memory import Memory
from compliance.server.storage.clock import OPEN, now_ms, to_text
from compliance.server.storage.engine import Store, open_store
from compliance.server.storage.migrate import migrate
from compliance.server.storage.migrations import MIGRATIONS
from compliance.server.storage.pool import Session as Db

RUNNING, EVERYWHERE, FORBIDDEN = 20, 5, 4
SYSTEMS = (("Debian GNU/Linux", "12"), ("Ubuntu", "24.04"), ("Rocky Linux", "9.4"), ("Ubuntu", "18.04"))
LABELS = ((), (("env", "production"),), (("edr", "required"),), (("role", "database"),))
KINDS = ("host", "os", "cpu", "processes", "sessions")
PART = 1000


def digest(*parts: Any) -> bytes:
    return blake2b(repr(parts).encode(), digest_size=16).digest()


def write_dictionaries(db: Db, chance: random.Random) -> None:
    """Ids count from 1 in the order of the rows."""
    entries = commands(chance)
    users = ("root", "app", "www-data", "ana")
    db.begin()
    db.insert_new("account", ("id", "digest", "name"), [(n, digest(u), u) for n, u in enumerate(users, 1)])
    db.insert_new(
        "operating_system",
        ("id", "digest", "name", "version"),
        [(n, digest(name, version), name, version) for n, (name, version) in enumerate(SYSTEMS, 1)],
    )
    rows = [(n, digest("program", n), one.name, one.exe) for n, one in enumerate(entries, 1)]
    db.insert_new("program", ("id", "digest", "name", "exe"), rows)
    told = [(n, digest("command", n), n, one.arguments) for n, one in enumerate(entries, 1)]
    db.insert_new("command", ("id", "digest", "program_id", "arguments"), told)
    db.commit()


def write_hosts(db: Db, chance: random.Random, count: int, now: int) -> None:
    start = to_text(now - 86_400_000)
    interval = ("host_id", "first_seen_at", "ended_at")
    for first in range(1, count + 1, PART):
        numbers = range(first, min(first + PART, count + 1))
        seen = {n: to_text(now - chance.randrange(60_000)) for n in numbers}
        db.begin()
        hosts = [(n, "agent", f"{n:032x}", start) for n in numbers]
        db.insert_new("host", ("id", "source", "identity", "enrolled_at"), hosts)
        looks = tuple(f"{kind}_looked_at" for kind in KINDS)
        columns = ("host_id", "recent", "boots", "skew_ms", "revision", "corrections", "forks", "interval_s", "seen_at")
        contacts: list[Any] = [(n, b"", b"", 0, 1, 0, 0, 60, seen[n], *[seen[n]] * len(KINDS)) for n in numbers]
        db.insert_new("host_contact", (*columns, *looks), contacts)
        boots = [(n, start, OPEN, "boot", "1.0") for n in numbers]
        db.insert_new("host_boot", (*interval, "boot_id", "agent"), boots)
        db.insert_new("host_fact", (*interval, "hostname"), [(n, start, OPEN, f"host-{n}") for n in numbers])
        systems = [(n, start, OPEN, chance.randint(1, len(SYSTEMS))) for n in numbers]
        db.insert_new("host_os", (*interval, "operating_system_id"), systems)
        labels = [(n, start, OPEN, "admin", *one) for n in numbers for one in chance.choice(LABELS)]
        db.insert_new("host_label", (*interval, "source", "name", "value"), labels)
        running = [row for n in numbers for row in processes(chance, n, start)]
        db.insert_new("process", (*interval, "pid", "ticks", "ppid", "account_id", "command_id"), running)
        people = [(n, start, OPEN, digest(n, user), user) for n in numbers for user in (1, 4)]
        db.insert_new("session", (*interval, "digest", "account_id"), people)
        samples = [(n, to_text(now - minute * 60_000), chance.random() * 100) for n in numbers for minute in range(20)]
        db.insert_new("cpu_sample", ("host_id", "seen_at", "percent"), samples)
        db.commit()


def processes(chance: random.Random, host: int, start: str) -> Iterator[tuple[Any, ...]]:
    entries = [*range(1, EVERYWHERE + 1)]
    entries += [EVERYWHERE + 1 + host % FORBIDDEN] if host % 100 == 0 else []
    while len(entries) < RUNNING:
        entries.append(chance.randint(EVERYWHERE + FORBIDDEN + 1, COMMANDS))
    for place, entry in enumerate(entries):
        yield host, start, OPEN, 300 + place, 1, 1, 1 + place % 3, entry


class Clocks:
    """How much of a processor each part of a turn takes: others may be at work on the machine."""

    def __init__(self) -> None:
        self.seconds: defaultdict[str, float] = defaultdict(float)

    def around(self, name: str, work: Callable[..., Any]) -> Callable[..., Any]:
        def timed(*args: Any, **named: Any) -> Any:
            start = time.process_time()
            try:
                return work(*args, **named)
            finally:
                self.seconds[name] += time.process_time() - start

        return timed


@contextmanager
def timed() -> Iterator[Clocks]:
    clocks = Clocks()
    parts = {"read_histories": "reading facts", "_said": "reading verdicts", "write": "writing", "_worded": "wording"}
    patches = [patch.object(turn, name, clocks.around(word, getattr(turn, name))) for name, word in parts.items()]
    patches.append(patch.object(Course, "steps", clocks.around("judging", Course.steps)))
    for one in patches:
        one.start()
    try:
        yield clocks
    finally:
        for one in patches:
            one.stop()


def measure(title: str, store: Store, memory: Memory) -> None:
    start = time.perf_counter()
    with timed() as clocks:
        count = turn.take_turn(store, memory)
    whole = time.perf_counter() - start
    parts = ", ".join(f"{name} {seconds:.2f} s" for name, seconds in clocks.seconds.items())
    print(f"{title}: {count:,} hosts in {whole:.2f} s ({parts})", flush=True)


def change_one(store: Store, memory: Memory, number: int) -> float:
    """A process ends that a policy asks for; then a turn for that host alone, as after its report."""
    moment = to_text(now_ms())
    with store.session() as db:
        db.begin()
        db.execute(
            "UPDATE process SET ended_at = ? WHERE host_id = ? AND pid = 303 AND ended_at = ?", [moment, number, OPEN]
        )
        db.execute(
            "UPDATE host_contact SET seen_at = ?, processes_looked_at = ?, revision = revision + 1 WHERE host_id = ?",
            [moment, moment, number],
        )
        db.commit()
    start = time.perf_counter()
    assert turn.take_turn(store, memory, {number}) == 1
    return time.perf_counter() - start


def main() -> None:
    parser = argparse.ArgumentParser()
    parser.add_argument("--hosts", type=int, default=50_000)
    parser.add_argument("--database")
    given = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        store = open_store(given.database or f"sqlite:///{Path(folder) / 'judge.db'}")
        migrate(store, MIGRATIONS)
        chance, asked, start = random.Random(1), policies(), time.perf_counter()
        with store.session() as db:
            write_dictionaries(db, chance)
            write_hosts(db, chance, given.hosts, now_ms())
        print(f"{given.hosts:,} hosts written in {time.perf_counter() - start:.0f} s", flush=True)
        book.apply(store, asked, "folder", now_ms())
        memory = Memory()
        measure(f"{len(asked)} policies, first judgement", store, memory)
        with store.session() as db:
            counts = db.query("SELECT outcome, COUNT(*) FROM verdict GROUP BY outcome ORDER BY outcome")
            db.execute("UPDATE host_contact SET revision = revision + 1")
        print(", ".join(f"{count:,} {outcome}" for outcome, count in counts), flush=True)
        measure("the same, nothing changed", store, memory)
        book.apply(store, [msgspec.structs.replace(asked[0], severity="low"), *asked[1:]], "folder", now_ms())
        measure("one policy edited", store, memory)
        times = sorted(change_one(store, memory, 1 + number) for number in range(20))
        print(f"one changed host: {times[10] * 1000:.1f} ms (median of 20; best {times[0] * 1000:.1f} ms)")
        store.close()


if __name__ == "__main__":
    main()
