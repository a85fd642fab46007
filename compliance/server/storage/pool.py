"""What a store is to its users: a Dialect (how it differs), a Session (one connection, held), and their Pool.

Everything here is synchronous and safe to call from several threads; `engine` puts it under asyncio.
"""

import threading
from abc import ABC, abstractmethod
from collections.abc import Callable, Collection, Iterable, Iterator, Sequence
from contextlib import contextmanager, suppress
from typing import Any, Protocol

from compliance.errors import ComplianceError, Unreachable

Value = str | bytes | int | float | None
Row = Sequence[Value]


class Dialect(ABC):
    """How one store differs from the other, and what its errors mean.

    The `is_*` questions also look behind a ComplianceError, at the driver's error that it was made of.
    """

    name: str
    for_update: str
    """Appended to a SELECT that locks what it reads; empty where BEGIN already locked the whole store."""

    @abstractmethod
    def now_sql(self, plus_seconds: int = 0) -> str:
        """An expression: the store's own clock, in the 23 characters of `clock`."""

    @abstractmethod
    def trouble(self, error: BaseException) -> ComplianceError | None:
        """A sentence if the store itself is in trouble (down, full, read-only, forbidden, busy), else None."""

    @abstractmethod
    def is_retryable(self, error: BaseException) -> bool:
        """A deadlock or a lock wait: the same transaction, from its start, may succeed."""

    @abstractmethod
    def is_disconnect(self, error: BaseException) -> bool:
        """The connection is gone, or leads to a server that may no longer write: a new one may work."""

    @abstractmethod
    def is_missing_parent(self, error: BaseException) -> bool:
        """A foreign key names a row that is not there."""

    @abstractmethod
    def is_still_named(self, error: BaseException) -> bool:
        """A row cannot go, for others name it by a foreign key."""

    @abstractmethod
    def is_duplicate(self, error: BaseException) -> bool:
        """A primary or unique key is taken."""

    @abstractmethod
    def is_already_there(self, error: BaseException) -> bool:
        """A table, column, index or foreign key exists: what a repeated migration step meets."""

    @contextmanager
    def explained(self) -> Iterator[None]:
        """Turns the driver's errors that mean trouble into ours; all others pass as they are."""
        try:
            yield
        except Exception as error:
            trouble = self.trouble(error)
            if trouble is None or trouble is error:
                raise
            raise trouble from error

    def explain(self, error: BaseException) -> ComplianceError:
        """A sentence for a person, whatever happened."""
        if isinstance(error, ComplianceError):
            return error
        return self.trouble(error) or ComplianceError(f"The database refused a statement: {error}")


class Session(ABC):
    """One connection while it is held, by one thread at a time. Outside begin/commit each statement commits itself.

    Placeholders are `?`. Table and column names come from the code and are not escaped; values always are.
    """

    statements: int = 0
    """Statements sent since the session was lent (BEGIN, COMMIT and ROLLBACK not counted)."""
    last_id: int | None = None
    """The id that the last execute() made, when it inserted one row."""

    @property
    @abstractmethod
    def in_transaction(self) -> bool: ...

    @abstractmethod
    def begin(self) -> None: ...

    @abstractmethod
    def commit(self) -> None: ...

    @abstractmethod
    def rollback(self) -> None: ...

    @abstractmethod
    def table(self, sql: str, args: Sequence[Any] = ()) -> tuple[list[str], list[tuple[Any, ...]]]:
        """Column names and rows; both empty for a statement that answers none."""

    @abstractmethod
    def execute(self, sql: str, args: Sequence[Any] = ()) -> int:
        """How many rows were inserted, deleted, or matched by an UPDATE (also those that already held the value)."""

    @abstractmethod
    def query(self, sql: str, args: Sequence[Any] = ()) -> list[tuple[Any, ...]]: ...

    @abstractmethod
    def insert_new(self, table: str, columns: Sequence[str], rows: Iterable[Row]) -> None:
        """Rows that are not there: a taken key raises. Statements stay under 1 MB and 1,000 rows."""

    @abstractmethod
    def insert_missing(self, table: str, columns: Sequence[str], rows: Iterable[Row], key: Sequence[str]) -> None:
        """Inserts the rows whose key is not there yet and leaves the others as they are.

        Every other error still raises: INSERT IGNORE would truncate and clamp in silence.
        """

    @abstractmethod
    def upsert(
        self, table: str, columns: Sequence[str], rows: Iterable[Row], key: Sequence[str], update: Sequence[str]
    ) -> None:
        """Inserts the rows; where the key is taken, overwrites the `update` columns."""

    @abstractmethod
    def update_many(
        self, table: str, key: Sequence[str], columns: Sequence[str], rows: Iterable[Row], where: str = ""
    ) -> int:
        """Sets `columns` of the rows found by `key`; each given row is its key values, then its column values.

        `where` narrows it further (plain SQL over the table's columns). Returns how many rows matched.
        """

    @abstractmethod
    def is_usable(self) -> bool:
        """False when the other end is known to have gone; costs no round trip to the server."""

    @abstractmethod
    def close(self) -> None: ...

    def query_in(
        self, sql: str, ids: Collection[Value], chunk: int = 500, args: Sequence[Value] = ()
    ) -> list[tuple[Any, ...]]:
        """`... WHERE id IN ({in})` for any number of ids; `args` fill the placeholders before the list.

        500 at a time: from 1,000 MariaDB turns the list into a subquery, and a locking read then locks far more.
        """
        found: list[tuple[Any, ...]] = []
        values = list(ids)
        for start in range(0, len(values), chunk):
            part = values[start : start + chunk]
            found += self.query(sql.replace("{in}", ",".join("?" * len(part))), [*args, *part])
        return found


class Driver(Protocol):
    """One per kind of store: makes the database where it may, then connections to it."""

    @property
    def dialect(self) -> Dialect: ...

    def prepare(self) -> None: ...

    def connect(self, answer_seconds: float = ...) -> Session: ...


class Pool:
    """At most `size` sessions, made when needed, lent one holder at a time, the last used first."""

    def __init__(self, connect: Callable[[], Session], dialect: Dialect, size: int, patience: float = 10.0) -> None:
        self.size = size
        self._connect = connect
        self._dialect = dialect
        self._patience = patience
        self._free = threading.Semaphore(size)
        self._lock = threading.Lock()
        self._idle: list[Session] = []
        self._lent: set[Session] = set()
        self._closed = False

    @contextmanager
    def session(self) -> Iterator[Session]:
        """Rolls back what the holder left open, and drops the connection when it was lost on the way."""
        session = self.take()
        try:
            yield session
        except BaseException as error:
            self.give_back(session, error)
            raise
        else:
            self.give_back(session)

    def take(self) -> Session:
        """Waits for a free session as long as the pool is patient, then Unreachable."""
        if not self._free.acquire(timeout=self._patience):
            raise Unreachable(f"All {self.size} database connections were busy for {self._patience:g} s: try again.")
        try:
            with self._dialect.explained():
                session = self._reuse() or self._connect()
        except BaseException:
            self._free.release()
            raise
        session.statements = 0
        with self._lock:
            self._lent.add(session)
        return session

    def give_back(self, session: Session, error: BaseException | None = None) -> None:
        lost = error is not None and self._dialect.is_disconnect(error)
        keep = not lost and self._settle(session)
        with self._lock:
            self._lent.discard(session)
            if keep and not self._closed:
                self._idle.append(session)
            else:
                session.close()
        if lost:
            self.drop_idle()
        self._free.release()

    def drop_idle(self) -> None:
        """One connection was lost or turned read-only: its server restarted or failed over, so the idle ones go too."""
        with self._lock:
            idle, self._idle = self._idle, []
        for session in idle:
            session.close()

    def close(self) -> None:
        """Idle sessions are closed now, lent ones when they come back."""
        with self._lock:
            self._closed = True
        self.drop_idle()

    def _reuse(self) -> Session | None:
        while True:
            with self._lock:
                if self._closed:
                    raise Unreachable("The database was closed: the server is stopping.")
                if not self._idle:
                    return None
                session = self._idle.pop()
            if session.is_usable():
                return session
            session.close()

    def _settle(self, session: Session) -> bool:
        if not session.in_transaction:
            return session.is_usable()
        with suppress(Exception):
            session.rollback()
            return True
        return False
