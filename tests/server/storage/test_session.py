"""The write path's statements: many rows each, the same effect on both stores."""

import pytest

from compliance.server.storage.clock import OPEN, to_text
from compliance.server.storage.engine import Store
from tests.server.storage.fixtures import with_tables

RUN = ("machine", "boot", "started_at", "ended_at", "note", "weight")
CLOSED = "2026-11-24 15:00:00.500"
STILL_OPEN = f"ended_at = '{OPEN}'"


@pytest.fixture
def store(empty_store: Store) -> Store:
    return with_tables(empty_store)


def run(number: int, ended_at: str = OPEN) -> tuple[int, str, str, str, str | None, float | None]:
    note = None if number % 3 == 0 else f"note {number}"
    return (number % 7, f"boot-{number}", to_text(number * 1000), ended_at, note, number / 8 if number % 2 else None)


def test_new_rows_are_inserted_in_few_statements(store: Store) -> None:
    with store.session() as db:
        db.begin()
        db.insert_new("run", RUN, [run(n) for n in range(2500)])
        db.commit()
        assert db.statements == 3
        assert sorted(db.query(f"SELECT {', '.join(RUN)} FROM run")) == sorted(run(n) for n in range(2500))


def test_a_taken_key_is_refused_and_nothing_of_the_batch_stays(store: Store) -> None:
    with store.session() as db:
        db.insert_new("run", RUN, [run(1)])
        db.begin()
        with pytest.raises(Exception) as refusal:
            db.insert_new("run", RUN, [run(0), run(1), run(2)])
        db.rollback()
        assert store.dialect.is_duplicate(refusal.value)
        assert store.dialect.trouble(refusal.value) is None
        assert db.query("SELECT count(*) FROM run") == [(1,)]


def test_missing_rows_are_inserted_and_the_others_stay_as_they_are(store: Store) -> None:
    first = [(1, "north", 1), (2, "south", 1)]
    second = [(2, "changed", 0), (3, "east", 0), (3, "twice in one batch", 0)]
    with store.session() as db:
        db.insert_missing("room", ("room_id", "name", "cooled"), first, key=("room_id",))
        db.insert_missing("room", ("room_id", "name", "cooled"), second, key=("room_id",))
        assert db.statements == 2
        assert db.query("SELECT * FROM room ORDER BY room_id") == [(1, "north", 1), (2, "south", 1), (3, "east", 0)]


def test_inserting_missing_rows_still_raises_what_is_wrong_with_them(store: Store) -> None:
    """What INSERT IGNORE would store as NULL or 0 in silence."""
    with store.session() as db:
        with pytest.raises(Exception, match=r"(?i)null"):
            db.insert_missing("room", ("room_id", "name", "cooled"), [(1, None, 1)], key=("room_id",))
        with pytest.raises(Exception) as refusal:
            db.insert_missing("machine", MACHINE, [(99, "m", b"d" * 16, CLOSED, 1)], key=("digest",))
        assert store.dialect.is_missing_parent(refusal.value)
        assert db.query("SELECT count(*) FROM machine") == [(0,)]


MACHINE = ("room", "name", "digest", "seen_at", "watts")


def test_an_upsert_inserts_and_overwrites_only_what_it_names(store: Store) -> None:
    columns = ("room_id", "name", "cooled")
    with store.session() as db:
        db.upsert("room", columns, [(1, "north", 1)], key=("room_id",), update=("name",))
        db.upsert("room", columns, [(1, "renamed", 0), (2, "south", 0)], key=("room_id",), update=("name",))
        assert db.query("SELECT * FROM room ORDER BY room_id") == [(1, "renamed", 1), (2, "south", 0)]


def test_many_rows_are_updated_each_with_its_own_values(store: Store) -> None:
    rows = [run(n) for n in range(1200)]
    ends = [(m, boot, start, to_text(10**12 + n), f"e{n}") for n, (m, boot, start, *_) in enumerate(rows[:700])]
    with store.session() as db:
        db.insert_new("run", RUN, rows)
        before = db.statements
        db.begin()
        assert db.update_many("run", RUN[:3], ("ended_at", "note"), ends) == 700
        db.commit()
        assert db.statements - before <= 2
        found = db.query("SELECT machine, boot, started_at, ended_at, note FROM run WHERE note LIKE 'e%'")
        assert sorted(found) == sorted(ends)
        assert db.query(f"SELECT count(*) FROM run WHERE {STILL_OPEN}") == [(500,)]


def test_an_update_leaves_rows_that_its_condition_does_not_meet(store: Store) -> None:
    with store.session() as db:
        db.insert_new("run", RUN, [run(1), run(2, CLOSED)])
        keys = [(*run(n)[:3], "2026-11-24 16:00:00.000", None) for n in (1, 2, 3)]
        assert db.update_many("run", RUN[:3], ("ended_at", "note"), keys, where=STILL_OPEN) == 1
        assert db.query("SELECT ended_at, note FROM run ORDER BY started_at") == [
            ("2026-11-24 16:00:00.000", None),
            (CLOSED, "note 2"),
        ]


def test_an_update_counts_rows_that_hold_the_value_already(store: Store) -> None:
    with store.session() as db:
        db.insert_new("run", RUN, [run(1)])
        same = [(*run(1)[:3], OPEN)]
        assert db.update_many("run", RUN[:3], ("ended_at",), same) == 1
        assert db.execute("UPDATE run SET ended_at = ended_at") == 1


def test_an_update_by_part_of_the_key_meets_every_row_of_it(store: Store) -> None:
    with store.session() as db:
        db.insert_new("run", RUN, [run(n) for n in range(70)])
        assert db.update_many("run", ("machine",), ("note",), [(3, "three"), (4, None)]) == 20
        assert db.query("SELECT count(*) FROM run WHERE machine = 3 AND note = 'three'") == [(10,)]


def test_updates_of_nothing_send_nothing(store: Store) -> None:
    with store.session() as db:
        assert db.update_many("run", RUN[:3], ("ended_at",), []) == 0
        db.insert_new("run", RUN, [])
        assert db.query_in("SELECT 1 FROM run WHERE machine IN ({in})", []) == []
        assert db.statements == 0


def test_a_text_key_differs_by_case_in_an_update_too(store: Store) -> None:
    with store.session() as db:
        db.insert_new("run", RUN, [(1, boot, CLOSED, OPEN, None, None) for boot in ("abc", "ABC")])
        assert db.update_many("run", RUN[:3], ("note",), [(1, "ABC", CLOSED, "upper")]) == 1
        assert db.query("SELECT boot FROM run WHERE note = 'upper'") == [("ABC",)]


def test_any_number_of_ids_is_asked_for_in_chunks(store: Store) -> None:
    with store.session() as db:
        db.insert_new("run", RUN, [run(n) for n in range(1100)])
        before = db.statements
        wanted = [f"boot-{n}" for n in range(1300)]
        found = db.query_in("SELECT boot FROM run WHERE ended_at = ? AND boot IN ({in})", wanted, args=[OPEN])
        assert len(found) == 1100
        assert db.statements - before == 3
        assert db.query_in("SELECT boot FROM run WHERE boot IN ({in})", {"boot-7", "boot-%"}, chunk=1) == [("boot-7",)]


def test_transactions_are_not_counted_as_statements(store: Store) -> None:
    with store.session() as db:
        db.begin()
        db.query("SELECT 1")
        db.commit()
        db.begin()
        db.rollback()
        assert db.statements == 1
    with store.session() as db:
        assert db.statements == 0


def test_text_that_is_too_long_is_refused_not_cut(mysql_url: str) -> None:
    from compliance.server.storage.engine import open_store

    store = with_tables(open_store(mysql_url))
    with store.session() as db:
        with pytest.raises(Exception, match="Data too long"):
            db.insert_missing("room", ("name", "cooled"), [("x" * 41, 1)], key=("room_id",))
        with pytest.raises(Exception, match="Out of range"):
            db.insert_new("room", ("name", "cooled"), [("x", 300)])
        assert db.query("SELECT count(*) FROM room") == [(0,)]
    store.close()


@pytest.mark.parametrize("rows_there", [40, 5000])
def test_updates_look_rows_up_in_the_primary_key(mysql_url: str, rows_there: int) -> None:
    """Not by a scan, which would lock every row: the plan of the very statement that is sent, small table or large."""
    from compliance.server.storage.engine import open_store
    from compliance.server.storage.mysql.statements import updates

    store = with_tables(open_store(mysql_url))
    with store.session() as db:
        db.insert_new("run", RUN, [run(n) for n in range(rows_there)])
        casts = store._driver.key_casts(db, "run")  # type: ignore[attr-defined]
        for key in (RUN[:3], RUN[:2], RUN[:1]):
            values = [(*run(n)[: len(key)], CLOSED) for n in range(500)]
            (sql,) = updates("run", key, [casts.get(column, "{}") for column in key], ["ended_at"], values, STILL_OPEN)
            columns, rows = db.table("EXPLAIN FORMAT=TRADITIONAL " + sql)
            (plan,) = [dict(zip(columns, row, strict=True)) for row in rows if row[2] == "t"]
            assert plan["type"] in ("ref", "eq_ref"), plan
            assert plan["key"] == "PRIMARY", plan
            assert plan["ref"].count(",") + 1 == len(key), plan
    store.close()
