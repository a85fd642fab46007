"""Group commit: reports wait in a bounded queue, one task takes what is there, and each is answered after the commit.

A batch that fails is rolled back and tried again; what no retry helps is halved until the poisoned report stands alone,
so that one bad report never costs another.
"""

from __future__ import annotations

import asyncio
import logging
from collections import deque
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from dataclasses import dataclass

from compliance.errors import ComplianceError, Unreachable
from compliance.server.ingest.apply import Answer, Arrival, apply
from compliance.server.ingest.dictionary import Dictionary
from compliance.server.ingest.intervals import INTERVALS
from compliance.server.ingest.patience import patiently
from compliance.server.storage.engine import Store
from compliance.wire.messages import Change, Report, Whole

log = logging.getLogger(__name__)

MAX_REPORTS = 1000
MAX_ROWS = 20_000
MAX_BYTES = 8 * 2**20
QUEUE_BYTES = 64 * 2**20
RESTART_SECONDS = 1.0
"""Between the failure of a writer and its next start."""


class Busy(Unreachable):
    """More reports wait than the queue holds: the agent keeps this one and comes again."""


class Poisoned(ComplianceError):
    """The store refused this report alone, again and again."""


@dataclass(slots=True)
class Waiting:
    """A report in the queue, its weight in bytes, and who waits for its answer."""

    arrival: Arrival
    size: int
    answer: asyncio.Future[Answer]


class Writer:
    """One a worker process. `start` and `stop` belong to the application's life."""

    def __init__(
        self, store: Store, queue_bytes: int = QUEUE_BYTES, committed: Callable[[set[int]], None] | None = None
    ) -> None:
        """`committed` is told whose reports were, after they were."""
        self._store = store
        self._committed = committed
        self._queue_bytes = queue_bytes
        self._queue: deque[Waiting] = deque()
        self._queued = 0
        self._held: list[Waiting] = []
        self._work = asyncio.Event()
        self._dictionary = Dictionary()
        self._thread = ThreadPoolExecutor(1, thread_name_prefix="writer")
        self._task: asyncio.Task[None] | None = None
        self._fallen = False
        self._stopping = asyncio.Event()

    @property
    def alive(self) -> bool:
        """Not before its start, after its stop, or between a failure and its next start."""
        return self._task is not None and not self._task.done() and not self._fallen

    def start(self) -> None:
        self._task = asyncio.create_task(self._supervise(), name="writer")

    async def stop(self) -> None:
        """Writes what is queued, then ends."""
        self._stopping.set()
        self._work.set()
        if self._task is not None:
            await asyncio.wait([self._task])
        self._thread.shutdown()

    async def write(self, arrival: Arrival, size: int) -> Answer:
        """The answer to a report, once it is committed. Raise Busy, Unreachable, Broken or Poisoned."""
        if self._stopping.is_set() or self._task is None or self._task.done():
            raise Busy("The server is stopping: send it again in a moment.")
        if self._queued + size > self._queue_bytes and self._queue:
            raise Busy("The server has more reports than it can take just now: send it again in a moment.")
        waiting = Waiting(arrival, size, asyncio.get_running_loop().create_future())
        self._queue.append(waiting)
        self._queued += size
        self._work.set()
        return await waiting.answer

    async def _supervise(self) -> None:
        """Keeps the writer running: whatever ends it fails what it held, and it starts again."""
        try:
            while not await self._ran_to_its_end():
                await self._rest()
        finally:
            # Also where it was cancelled: nobody is left who would answer.
            _fail([*self._held, *self._queue], Busy("The server is stopping: send it again in a moment."))

    async def _ran_to_its_end(self) -> bool:
        try:
            while await self._has_work():
                self._held = self._take()
                await self._commit(self._held)
                self._held = []
        except Exception:
            log.exception("the writer failed and starts again")
            self._fallen = True
            _fail(self._held, Unreachable("The server failed while it wrote: send it again in a moment."))
            return self._stopping.is_set()
        return True

    async def _rest(self) -> None:
        """A failure that lasts is not met a thousand times a second; /health/ready says so meanwhile."""
        with suppress(TimeoutError):
            await asyncio.wait_for(self._stopping.wait(), RESTART_SECONDS)
        self._fallen = False

    async def _has_work(self) -> bool:
        while not self._queue:
            if self._stopping.is_set():
                return False
            self._work.clear()
            await self._work.wait()
        return True

    def _take(self) -> list[Waiting]:
        """The reports that wait longest, one a host; a host's second one stays for the next batch."""
        batch: list[Waiting] = []
        hosts: set[int] = set()
        later: list[Waiting] = []
        size = rows = 0
        while self._queue and len(batch) < MAX_REPORTS and rows < MAX_ROWS and size < MAX_BYTES:
            waiting = self._queue.popleft()
            if waiting.arrival.host_id in hosts:
                later.append(waiting)
                continue
            hosts.add(waiting.arrival.host_id)
            batch.append(waiting)
            size += waiting.size
            rows += _rows(waiting.arrival.report)
        self._queue.extendleft(reversed(later))
        self._queued -= size
        return batch

    async def _commit(self, batch: list[Waiting]) -> None:
        loop = asyncio.get_running_loop()
        arrivals = [waiting.arrival for waiting in batch]
        try:
            answers = await loop.run_in_executor(self._thread, self._apply_patiently, arrivals)
        except Exception as error:
            await self._part(batch, error)
            return
        if self._committed is not None:
            self._committed({arrival.host_id for arrival in arrivals})
        for waiting, answer in zip(batch, answers, strict=True):
            if not waiting.answer.done():  # a cancelled request is no error of ours
                waiting.answer.set_result(answer)

    async def _part(self, batch: list[Waiting], error: Exception) -> None:
        """Trouble of the store is everybody's; anything else is somebody's: halve until it is found."""
        trouble = self._store.dialect.trouble(error)
        if trouble is not None:
            _fail(batch, trouble)
        elif len(batch) > 1:
            middle = len(batch) // 2
            await self._commit(batch[:middle])
            await self._commit(batch[middle:])
        else:
            arrival = batch[0].arrival
            log.error("the store refused report %s of host %d: %s", arrival.report.id, arrival.host_id, error)
            _fail(batch, Poisoned("The store cannot keep this report; the server's log says why."))

    def _apply_patiently(self, batch: Sequence[Arrival]) -> list[Answer]:
        """In the writer's thread."""
        for_update = self._store.dialect.for_update
        return patiently(self._store, self._dictionary, lambda db: apply(db, for_update, self._dictionary, batch))


def _rows(report: Report) -> int:
    """Rows that it brings or ends."""
    rows = 0
    for kind in INTERVALS:
        section = getattr(report.sections, kind)
        if isinstance(section, Whole):
            rows += len(section.rows)
        elif isinstance(section, Change):
            rows += len(section.started) + len(section.ended)
    return rows


def _fail(batch: list[Waiting], error: ComplianceError) -> None:
    for waiting in batch:
        if not waiting.answer.done():
            waiting.answer.set_exception(error)
