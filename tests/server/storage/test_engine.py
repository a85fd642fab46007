"""What Piccolo and plain SQL answer through a Store: the same on both."""

import asyncio
from pathlib import Path

import pytest

from compliance.server.storage.engine import Store, open_store
from tests.server.storage.fixtures import Machine, Room, fill, with_tables


@pytest.fixture
def store(empty_store: Store) -> Store:
    return with_tables(empty_store)


def test_a_select_answers_dicts_with_values_as_they_were_given(store: Store) -> None:
    async def main() -> None:
        await fill(store)
        rows = await store.rows(Machine.select().order_by(Machine.name))
        del rows[0]["machine_id"], rows[0]["room"]
        assert rows[0] == {
            "name": "db%1",
            "digest": b"\x02" * 16,
            "seen_at": "2026-11-24 14:03:02.000",
            "watts": 300,
            "ratio": 1.0,
            "spare": None,
        }
        assert [type(value) for value in rows[0].values()] == [str, bytes, str, int, float, type(None)]
        assert [row["spare"] for row in rows[1:]] == [True, False]
        assert all(type(row["spare"]) is bool for row in rows[1:])

    asyncio.run(main())


def test_a_join_answers_columns_of_both_tables(store: Store) -> None:
    async def main() -> None:
        await fill(store)
        query = Machine.select(Machine.name, Machine.room.name, Machine.room.cooled).where(
            Machine.room.cooled.is_in([True])
        )
        assert await store.rows(query.order_by(Machine.name)) == [
            {"name": "web-1", "room.name": "north", "room.cooled": True},
            {"name": "web-2", "room.name": "north", "room.cooled": True},
        ]

    asyncio.run(main())


def test_an_alias_keeps_a_boolean_a_boolean(store: Store) -> None:
    async def main() -> None:
        await fill(store)
        rows = await store.rows(Room.select(Room.cooled.as_alias("cold")).order_by(Room.name))
        assert rows == [{"cold": True}, {"cold": False}]
        assert type(rows[0]["cold"]) is bool

    asyncio.run(main())


def test_order_limit_offset_and_in_are_understood(store: Store) -> None:
    async def main() -> None:
        await fill(store)
        names = ["web-1", "web-2", "db%1"]
        query = Machine.select(Machine.name).where(Machine.name.is_in(names))
        query = query.order_by(Machine.watts, ascending=False).limit(1).offset(1)
        assert await store.rows(query) == [{"name": "web-2"}]

    asyncio.run(main())


def test_count_and_exists_answer_their_value(store: Store) -> None:
    async def main() -> None:
        await fill(store)
        assert await store.rows(Machine.count().where(Machine.watts > 100)) == 2
        assert await store.rows(Machine.exists().where(Machine.name == "web-1"))
        assert not await store.rows(Machine.exists().where(Machine.name == "gone"))

    asyncio.run(main())


def test_an_update_and_a_delete_change_the_rows_that_they_name(store: Store) -> None:
    async def main() -> None:
        await fill(store)
        await store.rows(Machine.update({Machine.spare: True, Machine.watts: 7}).where(Machine.name == "web-2"))
        await store.rows(Machine.delete().where(Machine.name == "db%1"))
        rows = await store.rows(Machine.select(Machine.name, Machine.spare, Machine.watts).order_by(Machine.name))
        assert rows == [
            {"name": "web-1", "spare": True, "watts": 100},
            {"name": "web-2", "spare": True, "watts": 7},
        ]

    asyncio.run(main())


def test_inserting_one_row_answers_its_id_and_inserting_several_answers_none(store: Store) -> None:
    async def main() -> None:
        (row,) = await store.rows(Room.insert(Room(name="east", cooled=False)))
        assert await store.rows(Room.select(Room.room_id)) == [{"room_id": row["room_id"]}]
        assert await store.rows(Room.insert(Room(name="a", cooled=False), Room(name="b", cooled=True))) == []
        assert await store.rows(Room.count()) == 3

    asyncio.run(main())


def test_percent_signs_are_text_everywhere(store: Store) -> None:
    async def main() -> None:
        await fill(store)
        like = await store.rows(Machine.select(Machine.name).where(Machine.name.like("web%")).order_by(Machine.name))
        assert like == [{"name": "web-1"}, {"name": "web-2"}]
        assert await store.rows(Machine.count().where(Machine.name == "db%1")) == 1
        raw = await store.raw("SELECT name, '100%s?' AS note, 7 % 4 AS rest FROM machine WHERE name LIKE ?", ["db%"])
        assert raw == [{"name": "db%1", "note": "100%s?", "rest": 3}]

    asyncio.run(main())


@pytest.mark.parametrize(
    "text", ["", "'", '"', "\\", "\\'", "a\nb\r\t", "%s", "{}", "?", "é", "名前", "😀", "a ", "NUL\x00.", "\x1a", "--;"]
)
def test_text_comes_back_as_it_went_in(store: Store, text: str) -> None:
    async def main() -> None:
        await store.raw("INSERT INTO room (name, cooled) VALUES (?, ?)", [text, 0])
        with store.session() as db:
            db.insert_new("room", ("name", "cooled"), [(text, 1)])
        await store.rows(Room.insert(Room(name=text, cooled=True)))
        assert [row["name"] for row in await store.rows(Room.select(Room.name))] == [text] * 3

    asyncio.run(main())


def test_every_byte_comes_back_as_it_went_in(store: Store) -> None:
    digests = [bytes(range(start, start + 16)) for start in range(0, 256, 16)]

    async def main() -> None:
        ids = await fill(store)
        await store.rows(Machine.delete(force=True))
        with store.session() as db:
            rows = [(ids["north"], "m", digest, "2026-11-24 14:03:00.000", 1) for digest in digests]
            db.insert_new("machine", ("room", "name", "digest", "seen_at", "watts"), rows)
            assert sorted(db.query_in("SELECT digest FROM machine WHERE digest IN ({in})", digests)) == [
                (digest,) for digest in digests
            ]
        assert await store.rows(Machine.count().where(Machine.digest == digests[15])) == 1

    asyncio.run(main())


def test_case_accents_and_other_spellings_are_different_text(store: Store) -> None:
    """A trailing space alone is no difference to MySQL (PAD SPACE): what must not merge is unique by its digest."""

    async def main() -> None:
        for name in ("root", "Root", "röot", "root\t"):
            await store.rows(Room.insert(Room(name=name, cooled=False)))
        for name in ("root", "Root", "röot", "root\t"):
            assert await store.rows(Room.select(Room.name).where(Room.name == name)) == [{"name": name}]
        assert await store.rows(Room.select(Room.name).where(Room.name.like("Ro%"))) == [{"name": "Root"}]
        assert len(await store.raw("SELECT DISTINCT name FROM room")) == 4

    asyncio.run(main())


def test_texts_that_differ_by_a_trailing_space_stay_two_rows_under_a_digest(store: Store) -> None:
    async def main() -> None:
        ids = await fill(store)
        rows = [
            (ids["north"], text, text.encode().ljust(16, b"."), "2026-11-24 14:03:00.000", 1) for text in ("a", "a ")
        ]
        columns = ("room", "name", "digest", "seen_at", "watts")
        with store.session() as db:
            db.insert_missing("machine", columns, rows, key=("digest",))
            found = db.query_in("SELECT name FROM machine WHERE digest IN ({in})", [row[2] for row in rows])
        assert sorted(found) == [("a",), ("a ",)]

    asyncio.run(main())


def test_a_moment_is_23_characters_with_and_without_a_fraction(store: Store) -> None:
    async def main() -> None:
        await fill(store)
        rows = await store.raw("SELECT MIN(seen_at) AS first, MAX(seen_at) AS last FROM machine")
        assert rows == [{"first": "2026-11-24 14:03:00.000", "last": "2026-11-24 14:03:02.000"}]
        found = await store.raw(
            "SELECT name FROM machine WHERE seen_at <= ? ORDER BY name", ["2026-11-24 14:03:01.000"]
        )
        assert [row["name"] for row in found] == ["web-1", "web-2"]

    asyncio.run(main())


def test_sums_are_ints_and_averages_are_floats(store: Store) -> None:
    async def main() -> None:
        await fill(store)
        (row,) = await store.raw("SELECT SUM(watts) AS total, AVG(watts) AS mean, SUM(ratio) AS ratios FROM machine")
        assert row == {"total": 600, "mean": 200.0, "ratios": 1.5}
        assert [type(value) for value in row.values()] == [int, float, float]

    asyncio.run(main())


def test_pipes_join_texts(store: Store) -> None:
    assert asyncio.run(store.raw("SELECT 'a' || ? AS text", ["b"])) == [{"text": "ab"}]


def test_the_stores_clock_is_utc_in_23_characters(store: Store) -> None:
    from compliance.server.storage.clock import now_ms, to_ms

    with store.session() as db:
        ((now, later),) = db.query(f"SELECT {store.dialect.now_sql()}, {store.dialect.now_sql(60)}")
    assert abs(to_ms(now) - now_ms()) < 5_000
    assert abs(to_ms(later) - to_ms(now) - 60_000) < 1_000


def test_a_query_needs_a_store() -> None:
    async def main() -> None:
        await Room.select()

    with pytest.raises(RuntimeError, match="store.rows"):
        asyncio.run(main())


def test_tasks_reach_their_own_store(tmp_path: Path) -> None:
    stores = [with_tables(open_store(f"sqlite:///{tmp_path}/{n}.db")) for n in range(3)]

    async def work(number: int) -> list[str]:
        for turn in range(10):
            await stores[number].rows(Room.insert(Room(name=f"{number}-{turn}", cooled=False)))
            await asyncio.sleep(0)
        rows = await stores[number].rows(Room.select(Room.name).order_by(Room.room_id))
        return [row["name"] for row in rows]

    async def main() -> list[list[str]]:
        return await asyncio.gather(*(work(number) for number in range(3)))

    assert asyncio.run(main()) == [[f"{n}-{turn}" for turn in range(10)] for n in range(3)]
    for store in stores:
        store.close()


def test_ready_writes_and_moves_on(store: Store) -> None:
    async def main() -> None:
        await store.ready()
        (first,) = await store.raw("SELECT id, checked_at FROM health")
        await asyncio.sleep(0.002)
        await store.ready()
        (second,) = await store.raw("SELECT id, checked_at FROM health")
        assert first["id"] == second["id"] == 1
        assert first["checked_at"] < second["checked_at"]

    asyncio.run(main())
