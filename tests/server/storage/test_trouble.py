"""What goes wrong on both stores alike."""

import asyncio
import subprocess
import sys

import pytest

from compliance.errors import Broken, ComplianceError
from compliance.server.storage.engine import Store
from tests.server.storage.fixtures import Room, fill, with_tables


def test_a_store_without_tables_is_told_to_migrate(empty_store: Store) -> None:
    with pytest.raises(Broken, match="lacks a table: run `compliance server migrate`"):
        asyncio.run(empty_store.ready())
    with pytest.raises(Broken, match="compliance server migrate"):
        asyncio.run(empty_store.rows(Room.select()))


def test_a_wrong_statement_stays_the_drivers_error(empty_store: Store) -> None:
    with pytest.raises(Exception, match="(?i)syntax") as refusal:
        asyncio.run(empty_store.raw("SELEC 1"))
    assert not isinstance(refusal.value, ComplianceError)
    assert type(empty_store.dialect.explain(refusal.value)) is ComplianceError


def test_a_missing_parent_is_recognised(empty_store: Store) -> None:
    store = with_tables(empty_store)
    sql = "INSERT INTO machine (room, name, digest, seen_at, watts) VALUES (?, ?, ?, ?, ?)"
    with pytest.raises(Exception) as refusal:
        asyncio.run(store.raw(sql, [77, "m", b"d" * 16, "2026-11-24 14:03:00.000", 1]))
    assert store.dialect.is_missing_parent(refusal.value)
    assert not store.dialect.is_duplicate(refusal.value)
    assert not store.dialect.is_retryable(refusal.value)
    assert not store.dialect.is_disconnect(refusal.value)


def test_a_parent_that_is_still_named_is_recognised(empty_store: Store) -> None:
    store = with_tables(empty_store)
    asyncio.run(fill(store))
    with pytest.raises(Exception) as refusal:
        asyncio.run(store.raw("DELETE FROM room"))
    assert store.dialect.is_still_named(refusal.value)
    assert not store.dialect.is_duplicate(refusal.value)


def test_several_processes_may_open_a_new_database_at_once(database_url: str) -> None:
    code = (
        "import sys\nfrom compliance.server.storage.engine import open_store\n"
        "sys.stdin.read(1)\nopen_store(sys.argv[1]).close()\n"
    )
    processes = [
        subprocess.Popen([sys.executable, "-c", code, database_url], stdin=subprocess.PIPE, stderr=subprocess.PIPE)
        for _ in range(6)
    ]
    for process in processes:
        assert process.stdin is not None
        process.stdin.write(b"g")
        process.stdin.flush()
    for process in processes:
        _, said = process.communicate(timeout=60)
        assert process.returncode == 0, said.decode()
