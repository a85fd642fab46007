import pytest

from compliance.server.storage.clock import OPEN, to_ms
from compliance.server.storage.engine import Store
from tests.server.ingest.reporting import MINUTE, NOON, Machine
from tests.server.queries.rows import Rows


@pytest.fixture
def rows(store: Store) -> Rows:
    return Rows(store)


@pytest.fixture
def machine(store: Store) -> Machine:
    return Machine(store)


def minutes(text):
    """Since noon; None for what has no end."""
    if text is None or text == OPEN:
        return None
    return "ever" if to_ms(text) == 0 else (to_ms(text) - NOON) / MINUTE


@pytest.fixture
def history(rows):
    """The intervals of a table: the columns asked for, then first seen, ended and last seen, in minutes since noon."""

    def ask(table, *columns, where="1 = 1"):
        names = ", ".join([*columns, "first_seen_at", "ended_at", "last_seen_at"])
        found = rows.ask(f"SELECT {names} FROM {table} WHERE {where} ORDER BY first_seen_at, {columns[0]}")
        return [(*row[:-3], *map(minutes, row[-3:])) for row in found]

    return ask


@pytest.fixture
def gaps(rows):
    def ask(kind=None):
        found = rows.ask("SELECT kind, started_at, ended_at, reason FROM gap ORDER BY kind, started_at")
        return [(k, minutes(start), minutes(end), why) for k, start, end, why in found if kind in (None, k)]

    return ask


@pytest.fixture
def contact(rows, machine):
    def ask(*columns):
        return rows.ask(f"SELECT {', '.join(columns)} FROM host_contact WHERE host_id = ?", machine.host_id)[0]

    return ask


@pytest.fixture
def open_pids(rows):
    def ask(machine):
        sql = "SELECT pid FROM process WHERE host_id = ? AND ended_at = ? ORDER BY pid"
        return [pid for (pid,) in rows.ask(sql, machine.host_id, OPEN)]

    return ask
