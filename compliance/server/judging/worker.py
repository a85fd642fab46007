"""The supervised task that judges beside the writer: woken after its commits, and by the clock."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Iterable
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress

from compliance.server.judging.memory import Memory
from compliance.server.judging.turn import take_turn
from compliance.server.storage.engine import Store

log = logging.getLogger(__name__)

SWEEP_SECONDS = 15.0
"""Between two looks at all hosts: for rules about time, policies and labels, and what a worker that died left."""
MOST_HOSTS = 5000
"""Hosts that are remembered by name; where more reported, all are looked at."""


class Judge:
    """One a worker process. `start` and `stop` belong to the application's life."""

    def __init__(self, store: Store, sweep_seconds: float = SWEEP_SECONDS) -> None:
        self._store = store
        self._sweep_seconds = sweep_seconds
        self._memory = Memory()
        self._reported: set[int] = set()
        self._work = asyncio.Event()
        self._stopping = False
        self._thread = ThreadPoolExecutor(1, thread_name_prefix="judge")
        self._task: asyncio.Task[None] | None = None

    @property
    def alive(self) -> bool:
        return self._task is not None and not self._task.done()

    def start(self) -> None:
        self._task = asyncio.create_task(self._supervise(), name="judge")

    async def stop(self) -> None:
        """Ends after the turn that is under way; what it leaves, the next server does."""
        self._stopping = True
        self._work.set()
        if self._task is not None:
            await asyncio.wait([self._task])
        self._thread.shutdown()

    def wake(self, host_ids: Iterable[int]) -> None:
        """These hosts' reports were committed."""
        self._reported.update(host_ids)
        self._work.set()

    async def _supervise(self) -> None:
        loop = asyncio.get_running_loop()
        swept = -self._sweep_seconds
        while not self._stopping:
            is_due = loop.time() - swept >= self._sweep_seconds
            among = None if is_due or len(self._reported) > MOST_HOSTS else self._reported
            self._reported = set()
            if among is None:
                swept = loop.time()
            try:
                await loop.run_in_executor(self._thread, take_turn, self._store, self._memory, among)
            except Exception as error:
                # The hosts are still marked as they were: the next sweep finds them.
                trouble = self._store.dialect.trouble(error)
                log.error("judging failed: %s", trouble or error, exc_info=None if trouble else error)
                self._memory = Memory()
                swept = loop.time()
            await self._rest(max(0.0, swept + self._sweep_seconds - loop.time()))

    async def _rest(self, seconds: float) -> None:
        if self._reported or self._stopping:
            return
        self._work.clear()
        with suppress(TimeoutError):
            await asyncio.wait_for(self._work.wait(), seconds)
