import asyncio

import pytest

from compliance.errors import Unreachable
from compliance.server.storage.engine import Store, open_store
from tests.server.storage.fixtures import Room, with_tables


@pytest.fixture
def store(empty_store: Store) -> Store:
    return with_tables(empty_store)


def room(name: str) -> Room:
    return Room(name=name, cooled=False)


async def names(store: Store) -> list[str]:
    return [row["name"] for row in await store.rows(Room.select(Room.name).order_by(Room.name))]


def test_a_transaction_commits_its_queries_together(store: Store) -> None:
    async def main() -> None:
        async with store.transaction():
            await store.rows(Room.insert(room("a")))
            await store.raw("INSERT INTO room (name, cooled) VALUES ('b', 0)")
            await Room.insert(room("c"))
            assert await names(store) == ["a", "b", "c"]
        assert await names(store) == ["a", "b", "c"]

    asyncio.run(main())


def test_a_transaction_that_fails_leaves_nothing(store: Store) -> None:
    async def main() -> None:
        with pytest.raises(ZeroDivisionError):
            async with store.transaction():
                await store.rows(Room.insert(room("a")))
                await store.raw("INSERT INTO room (name, cooled) VALUES ('b', 0)")
                raise ZeroDivisionError
        assert await names(store) == []

    asyncio.run(main())


def test_others_do_not_see_a_transaction_before_it_commits(store: Store) -> None:
    async def main() -> None:
        inserted, looked = asyncio.Event(), asyncio.Event()

        async def other() -> list[str]:
            await inserted.wait()
            found = await names(store)
            looked.set()
            return found

        task = asyncio.create_task(other())
        async with store.transaction():
            await store.rows(Room.insert(room("a")))
            inserted.set()
            await looked.wait()
        assert await task == []

    asyncio.run(main())


def test_a_task_started_inside_belongs_to_the_transaction_until_it_ends(store: Store) -> None:
    async def main() -> None:
        with pytest.raises(ZeroDivisionError):
            async with store.transaction():
                await asyncio.gather(*(store.rows(Room.insert(room(f"r{n}"))) for n in range(20)))
                assert len(await names(store)) == 20
                late = asyncio.create_task(_after(store))
                raise ZeroDivisionError
        with pytest.raises(RuntimeError, match="has ended"):
            await late
        assert await names(store) == []

    asyncio.run(main())


async def _after(store: Store) -> list[str]:
    await asyncio.sleep(0.05)
    return await names(store)


def test_transactions_do_not_nest(store: Store) -> None:
    async def main() -> None:
        async with store.transaction():
            await store.rows(Room.insert(room("outer")))
            with pytest.raises(RuntimeError, match="do not nest"):
                async with store.transaction():
                    pytest.fail("entered")
        assert await names(store) == ["outer"]

    asyncio.run(main())


def test_two_stores_hold_a_transaction_each(sqlite_url: str, mysql_url: str) -> None:
    one, two = with_tables(open_store(sqlite_url)), with_tables(open_store(mysql_url))

    async def main() -> None:
        with pytest.raises(ZeroDivisionError):
            async with one.transaction():
                await one.rows(Room.insert(room("one")))
                async with two.transaction():
                    await two.rows(Room.insert(room("two")))
                raise ZeroDivisionError
        assert (await names(one), await names(two)) == ([], ["two"])

    asyncio.run(main())
    one.close()
    two.close()


def test_a_cancelled_task_gives_its_connection_back(database_url: str) -> None:
    store = with_tables(open_store(database_url, pool_size=1))

    async def hold() -> None:
        async with store.transaction():
            await store.rows(Room.insert(room("never")))
            await asyncio.sleep(60)

    async def main() -> None:
        for pause in (0, 0.0005, 0.002, 0.05):
            task = asyncio.create_task(hold())
            await asyncio.sleep(pause)
            task.cancel()
            with pytest.raises(asyncio.CancelledError):
                await task
            assert await names(store) == []

    asyncio.run(main())
    store.close()


def test_more_tasks_than_connections_take_turns(database_url: str) -> None:
    store = with_tables(open_store(database_url, pool_size=2))

    async def work(number: int) -> None:
        async with store.transaction():
            await store.rows(Room.insert(room(f"{number:02d}")))
            await asyncio.sleep(0.001)
            await store.rows(Room.count())

    async def main() -> None:
        await asyncio.gather(*(work(number) for number in range(30)), *(names(store) for _ in range(30)))
        assert len(await names(store)) == 30

    asyncio.run(main())
    store.close()


def test_the_pool_is_bounded_and_says_so(database_url: str) -> None:
    store = open_store(database_url, pool_size=2)
    store._pool._patience = 0.05
    with store.session() as one, store.session() as two:
        assert one is not two
        with pytest.raises(Unreachable, match="All 2 database connections were busy"), store.session():
            pytest.fail("a third connection")
    with store.session() as again:
        assert again in (one, two)
    store.close()


def test_a_session_rolls_back_what_its_holder_left_open(store: Store) -> None:
    with pytest.raises(ZeroDivisionError), store.session() as db:
        db.begin()
        db.execute("INSERT INTO room (name, cooled) VALUES ('a', 0)")
        raise ZeroDivisionError
    with store.session() as db:
        assert not db.in_transaction
        db.begin()
        db.execute("INSERT INTO room (name, cooled) VALUES ('b', 0)")
    with store.session() as db:
        assert db.query("SELECT name FROM room") == []


def test_outside_a_transaction_each_statement_commits(store: Store, database_url: str) -> None:
    other = open_store(database_url)
    with store.session() as db, other.session() as watcher:
        db.execute("INSERT INTO room (name, cooled) VALUES ('a', 0)")
        assert watcher.query("SELECT name FROM room") == [("a",)]
    other.close()


def test_a_closed_store_says_that_it_is_closed(database_url: str) -> None:
    store = with_tables(open_store(database_url))
    store.close()
    store.close()
    with pytest.raises(Unreachable, match="was closed"), store.session():
        pytest.fail("lent after closing")
    with pytest.raises(Unreachable, match="was closed"):
        asyncio.run(names(store))


def test_closing_under_an_open_transaction_rolls_it_back(database_url: str) -> None:
    store = with_tables(open_store(database_url))

    async def main() -> None:
        with pytest.raises(Unreachable, match="was closed"):
            async with store.transaction():
                await store.rows(Room.insert(room("a")))
                store.close()

    asyncio.run(main())
    assert not store._pool._lent
    other = open_store(database_url)
    with other.session() as db:
        assert db.query("SELECT name FROM room") == []
    other.close()
