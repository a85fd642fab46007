"""Random histories through the whole system: every answer of every moment against a model that kept everything.

The usual run repeats the same few; `--hypothesis-profile=search` looks for new ones.
"""

from __future__ import annotations

import asyncio
from collections import Counter
from pathlib import Path
from tempfile import TemporaryDirectory

import pytest
from hypothesis import given, settings

from compliance.server.enrollment import create_key
from compliance.server.storage.engine import Store, open_store
from tests.history.histories import histories
from tests.history.replay import replay
from tests.history.server import MysqlPlace, Server, SqlitePlace

EXAMPLES = {"sqlite": 40, "mysql": 3}
SEARCHING = 1000
"""Examples of a profile that searches: then both stores take as many."""
TROUBLES = ("server restored", "agent rolled back", "drop told", "reboot", "answer lost")


def examples(kind: str) -> int:
    told = settings().max_examples
    return told if told >= SEARCHING else EXAMPLES[kind]


def new_keys(store: Store) -> list[str]:
    return [asyncio.run(create_key(store, role, role)) for role in ("read", "enroll")]


def reached_by(kind: str, new_server) -> Counter[str]:
    reached: Counter[str] = Counter()

    @settings(report_multiple_bugs=False, max_examples=examples(kind))
    @given(histories)
    def check(history):
        with TemporaryDirectory(prefix="history-") as folder:
            reached.update(replay(history, new_server(Path(folder))))

    check()
    return reached


def test_every_moment_is_answered_as_a_model_that_kept_everything_answers(sqlite_template, tmp_path):
    template = tmp_path / "template.db"
    template.write_bytes(sqlite_template.read_bytes())
    store = open_store(f"sqlite:///{template}")
    keys = new_keys(store)
    store.close()
    reached = reached_by("sqlite", lambda folder: Server(SqlitePlace(template, folder), *keys))
    # A history that never gets into trouble would agree with any model.
    assert [trouble for trouble in TROUBLES if not reached[trouble]] == []


@pytest.fixture
def empty_mysql(migrated_mysql):
    yield from migrated_mysql


def test_every_moment_is_answered_so_on_mysql_too(mysql_template, empty_mysql):
    keys = new_keys(empty_mysql)
    template = MysqlPlace(mysql_template).copy()
    reached_by("mysql", lambda folder: Server(MysqlPlace(mysql_template, template), *keys))
