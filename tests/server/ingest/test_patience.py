import pytest

from compliance.server.ingest.dictionary import Dictionary
from compliance.server.ingest.patience import ATTEMPTS, patiently
from tests.server.ingest.trouble import another


@pytest.fixture(autouse=True)
def no_pause(monkeypatch):
    monkeypatch.setattr("compliance.server.ingest.patience.random.uniform", lambda low, high: 0.0)


class Work:
    """Fails so often, each time in its own way; then it writes."""

    def __init__(self, fail, times):
        self.fail, self.times, self.calls = fail, times, 0

    def __call__(self, db):
        self.calls += 1
        db.begin()
        db.execute("UPDATE horizon SET kept_from = '2026-01-01 00:00:00.000'")
        if self.calls <= self.times:
            self.fail(db)
        db.commit()
        return "done"


def misses_a_parent(db):
    columns = ("hash", "host_id", "created_at")
    db.insert_new("host_token", columns, [(b"h" * 32, 999_999, "2026-01-01 00:00:00.000")])


def takes_a_key_twice(db):
    db.insert_new("horizon", ("id", "kept_from"), [(1, "2026-01-01 00:00:00.000")] * 2)


def test_what_works_is_done_once(store):
    work = Work(None, 0)
    assert (patiently(store, Dictionary(), work), work.calls) == ("done", 1)


def test_a_missing_parent_is_tried_again_with_an_empty_cache(store):
    dictionary, work = Dictionary(), Work(misses_a_parent, 2)
    dictionary._ids[b"d" * 16] = 7
    assert (patiently(store, dictionary, work), work.calls) == ("done", 3)
    assert dictionary._ids == {}


def test_a_try_that_failed_leaves_nothing_behind(store, rows):
    rows.put("horizon", id=1, kept_from="2020-01-01 00:00:00.000")

    with pytest.raises(Exception) as refusal:
        patiently(store, Dictionary(), Work(misses_a_parent, 99))
    assert store.dialect.is_missing_parent(refusal.value)
    assert rows.ask("SELECT kept_from FROM horizon") == [("2020-01-01 00:00:00.000",)]


def test_the_tries_have_an_end(store):
    work = Work(misses_a_parent, 99)
    with pytest.raises(Exception, match="(?i)foreign key"):
        patiently(store, Dictionary(), work)
    assert work.calls == ATTEMPTS


def test_what_no_retry_helps_is_not_tried_again(store):
    work = Work(takes_a_key_twice, 99)
    with pytest.raises(Exception) as refusal:
        patiently(store, Dictionary(), work)
    assert store.dialect.is_duplicate(refusal.value)
    assert work.calls == 1


@pytest.mark.parametrize("store_kind", ["mysql"])
def test_a_lost_connection_is_replaced_for_the_next_try(store, database):
    def lose(db):
        with another(database) as killer:
            killer.execute(f"KILL {db.connection_id}")
        db.query("SELECT 1")

    work = Work(lose, 1)
    assert (patiently(store, Dictionary(), work), work.calls) == ("done", 2)
