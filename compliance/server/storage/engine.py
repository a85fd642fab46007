"""The store behind the tables: one database, its pool of connections, and Piccolo routed to it.

    store = open_store("sqlite:////var/lib/compliance/compliance.db")
    rows = await store.rows(Host.select().where(Host.name == "web-1"))
    async with store.transaction():
        await store.raw("UPDATE host SET name = ? WHERE host_id = ?", ["web-2", 7])
    with store.session() as db:           # synchronous: the write path, in its own thread
        db.begin()
        ...

Tables are declared once, over the one ENGINE; which store a query reaches is decided by the store that it is given to
(a context variable), so several stores can live in one process. Drivers block, so they run in the store's own threads.
"""

import asyncio
import threading
from collections.abc import AsyncIterator, Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import AbstractContextManager, asynccontextmanager, closing, contextmanager
from contextvars import ContextVar
from typing import Any, TypeVar

from piccolo.columns import Boolean, Column
from piccolo.engine.base import BaseAtomic, BaseBatch, BaseTransaction, Engine
from piccolo.query.base import Query
from piccolo.query.methods.select import Select
from piccolo.querystring import QueryString

from compliance.errors import ComplianceError, Unreachable
from compliance.server.storage.clock import now_ms, to_text
from compliance.server.storage.pool import Driver, Pool, Session
from compliance.server.storage.url import SqliteURL, StoreURL, parse_url

T = TypeVar("T")
Rows = list[dict[str, Any]]
POOL_SIZE = 8


def open_store(url: str, pool_size: int = POOL_SIZE) -> "Store":
    """Connects once, making the folder, the file or the database first where it is missing and may be made.

    WrongUsage for the URL, Unreachable, Refused or Broken for what stands behind it, each with a sentence.
    """
    place = parse_url(url)
    driver = _driver(place)
    with driver.dialect.explained():
        driver.prepare()
    return Store(place, driver, pool_size)


def _driver(place: StoreURL) -> Driver:
    # Each driver is imported only when it is used: an embedded server never loads the other one.
    if isinstance(place, SqliteURL):
        from compliance.server.storage.sqlite import SqliteDriver

        return SqliteDriver(place)
    from compliance.server.storage.mysql import MysqlDriver

    return MysqlDriver(place)


class Store:
    """One database.

    Awaited calls raise our errors, with a sentence, when the store is in trouble (down, full, forbidden, busy). What is
    wrong with one statement (a taken key, a value too long) stays the driver's error: ask `dialect` what it is.
    A session raises the driver's errors only, except that lending one can fail with ours.
    """

    def __init__(self, url: StoreURL, driver: Driver, pool_size: int) -> None:
        self.url = url
        self.dialect = driver.dialect
        self._driver = driver
        self._pool = Pool(driver.connect, driver.dialect, pool_size)
        # Two rooms: threads that may wait for a connection, and threads for those who hold one. In a single room the
        # waiting could take every thread, and the holders, who alone can end the wait, would never get one.
        self._waiting = ThreadPoolExecutor(pool_size, thread_name_prefix="store-wait")
        self._holding = ThreadPoolExecutor(pool_size, thread_name_prefix="store-hold")

    async def rows(self, query: Query[Any, T]) -> T:
        """Runs a Piccolo query: rows of a select as dicts (booleans as bool), the number of a count, and so on."""
        token = _route.set(self._joined())
        try:
            answer = await query.run()
        finally:
            _route.reset(token)
        if isinstance(query, Select):
            _make_booleans(query, answer)
        return answer

    async def raw(self, sql: str, args: Sequence[Any] = ()) -> Rows:
        """Plain SQL with `?` for values; an empty list for a statement that answers no rows."""
        return await self._joined().run(lambda session: _dicts(session, sql, args))

    @asynccontextmanager
    async def transaction(self) -> AsyncIterator[None]:
        """What this task, and the tasks it starts, ask of this store runs on one connection and commits together.

        They do not nest: an inner one that failed could not be undone alone, so asking for one is a RuntimeError.
        """
        if isinstance(self._joined(), _Held):
            raise RuntimeError("a transaction is open already: transactions do not nest")
        session = await _finish(self._waiting, self._pool.take, undo=self._pool.give_back)
        held = _Held(self, session)
        token = _route.set(held)
        failure: BaseException | None = None
        try:
            await held.run(lambda db: db.begin())
            yield
            await held.run(lambda db: db.commit())
        except BaseException as error:
            failure = error
            raise
        finally:
            _route.reset(token)
            await held.end(failure)

    def session(self, answer_seconds: float | None = None) -> AbstractContextManager[Session]:
        """For synchronous code, in its own thread.

        With `answer_seconds`: a connection outside the pool that waits so long for an answer, as migrations need it.
        """
        return self._pool.session() if answer_seconds is None else self._own_session(answer_seconds)

    @contextmanager
    def _own_session(self, answer_seconds: float) -> Iterator[Session]:
        pool = Pool(lambda: self._driver.connect(answer_seconds), self.dialect, 1)
        with closing(pool), pool.session() as session:
            yield session

    async def ready(self) -> None:
        """Writes a row and commits it; a ComplianceError with a sentence when that cannot be done."""
        try:
            await _Pooled(self).run(_write_health)
        except ComplianceError:
            raise
        except Exception as error:
            raise self.dialect.explain(error) from error

    def close(self) -> None:
        """Waits for what runs in the store's threads; sessions still lent close when they come back."""
        self._waiting.shutdown(cancel_futures=True)
        self._holding.shutdown()
        self._pool.close()

    def _joined(self) -> "_Route":
        route = _route.get()
        return route if isinstance(route, _Held) and route.store is self else _Pooled(self)


class _Pooled:
    """Each statement on any connection, committed by itself."""

    def __init__(self, store: Store) -> None:
        self.store = store

    async def run(self, work: Callable[[Session], T]) -> T:
        with self.store.dialect.explained():
            return await _finish(self.store._waiting, lambda: self._work(work))

    def _work(self, work: Callable[[Session], T]) -> T:
        with self.store._pool.session() as session:
            return work(session)


class _Held:
    """Every statement on the connection of one transaction, one after the other."""

    def __init__(self, store: Store, session: Session) -> None:
        self.store = store
        self._session: Session | None = session
        # Taken in the threads: tasks started inside the transaction share its connection.
        self._turn = threading.Lock()

    async def run(self, work: Callable[[Session], T]) -> T:
        with self.store.dialect.explained():
            return await _finish(self.store._holding, lambda: self._work(work))

    def _work(self, work: Callable[[Session], T]) -> T:
        with self._turn:
            if self._session is None:
                raise RuntimeError("this task was started in a transaction that has ended")
            return work(self._session)

    async def end(self, failure: BaseException | None) -> None:
        """Rolls back what is still open and returns the connection; in a thread, for a rollback is a round trip."""
        try:
            await _finish(self.store._holding, lambda: self._end(failure))
        except Unreachable:  # the store was closed under us, and its threads with it
            self._end(failure)

    def _end(self, failure: BaseException | None) -> None:
        with self._turn:
            session, self._session = self._session, None
            if session is not None:
                self.store._pool.give_back(session, failure)


_Route = _Pooled | _Held
_route: ContextVar[_Route | None] = ContextVar("store", default=None)


async def _finish(threads: ThreadPoolExecutor, work: Callable[[], T], undo: Callable[[T], None] | None = None) -> T:
    """Runs work in a thread, to its end even when the task is cancelled: nobody may have its connection sooner.

    `undo` takes back what a cancelled task will not receive.
    """
    try:
        future = asyncio.get_running_loop().run_in_executor(threads, work)
    except RuntimeError as error:
        raise Unreachable("The database was closed: the server is stopping.") from error
    try:
        return await asyncio.shield(future)
    except asyncio.CancelledError:
        while not future.done():
            try:
                await asyncio.wait([future])
            except asyncio.CancelledError:
                continue
        if not future.cancelled() and future.exception() is None and undo is not None:
            undo(future.result())
        raise


def _dicts(session: Session, sql: str, args: Sequence[Any]) -> Rows:
    columns, rows = session.table(sql, args)
    return [dict(zip(columns, row, strict=True)) for row in rows]


def _write_health(session: Session) -> None:
    session.upsert("health", ("id", "checked_at"), [(1, to_text(now_ms()))], key=("id",), update=("checked_at",))


def _make_booleans(query: "Select[Any]", rows: Any) -> None:
    """Neither store keeps booleans: both answer 0 and 1, so the query's own columns say which are meant."""
    if not isinstance(rows, list) or not rows or not isinstance(rows[0], dict):
        return
    chosen = query.columns_delegate.selected_columns or query.table._meta.columns
    for column in chosen:
        if not isinstance(column, Boolean):
            continue
        name = _answer_name(column)
        for row in rows:
            if row.get(name) is not None:
                row[name] = bool(row[name])


def _answer_name(column: Column) -> str:
    if column._alias:
        return column._alias
    return str(column._meta.get_default_alias() if column._meta.call_chain else column._meta.db_column_name)  # type: ignore[no-untyped-call]


class StoreEngine(Engine[Any]):
    """Piccolo's view: an SQLite that takes no RETURNING (MySQL has none), whose queries go where `_route` points."""

    def get_version_sync(self) -> float:
        return 3.34

    async def get_version(self) -> float:
        return self.get_version_sync()

    async def prep_database(self) -> None: ...

    async def run_querystring(self, querystring: QueryString, in_pool: bool = True) -> Rows:
        route = _route.get()
        if route is None:
            raise RuntimeError("no store for this query: await store.rows(query)")
        sql, args = querystring.compile_string("sqlite")
        if querystring.query_type == "insert":
            return await route.run(lambda session: _insert(session, querystring, sql, args))
        return await route.run(lambda session: _dicts(session, sql, args))

    async def run_ddl(self, ddl: str, in_pool: bool = True) -> Rows:
        raise NotImplementedError("use a migration")

    async def batch(self, query: Query[Any, Any], batch_size: int = 100, node: str | None = None) -> BaseBatch:
        raise NotImplementedError("page with LIMIT and a cursor instead")

    def transaction(self, *args: Any, **kwargs: Any) -> BaseTransaction:
        raise NotImplementedError("use store.transaction()")

    def atomic(self) -> BaseAtomic:
        raise NotImplementedError("use store.transaction()")


def _insert(session: Session, querystring: QueryString, sql: str, args: list[Any]) -> Rows:
    """The new id where one row was inserted and the store made it; ids of several are read back by their key."""
    count = session.execute(sql, args)
    table = querystring.table
    if count != 1 or session.last_id is None or table is None:
        return []
    key = table._meta.primary_key
    return [{key._meta.db_column_name: session.last_id}] if type(key).__name__ in ("Serial", "BigSerial") else []


ENGINE = StoreEngine(engine_type="sqlite", min_version_number=0)
"""Tables are declared over it: `class Host(Table, tablename="host", db=ENGINE)`."""
