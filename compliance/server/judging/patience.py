"""Tries a part of a turn again where that may help: deadlocks, lost connections, sentences that were pruned."""

from __future__ import annotations

import logging
import random
import time
from collections.abc import Callable

from compliance.server.judging.memory import Memory
from compliance.server.storage.engine import Store
from compliance.server.storage.pool import Session as Db

ATTEMPTS = 6

log = logging.getLogger(__name__)


def patiently(store: Store, memory: Memory, work: Callable[[Db], None]) -> None:
    """Every try is the whole part, from its start; what it wrote before it failed was written with its mark."""
    for attempt in range(1, ATTEMPTS + 1):
        try:
            with store.session() as db:
                return work(db)
        except Exception as error:
            if attempt == ATTEMPTS or not _may_help(store, memory, error):
                raise
            log.warning("attempt %d of %d at judging failed: %s", attempt, ATTEMPTS, error)
            time.sleep(random.uniform(0, 0.02 * 2**attempt))  # noqa: S311
    raise AssertionError("the last attempt returns or raises")


def _may_help(store: Store, memory: Memory, error: Exception) -> bool:
    if store.dialect.is_missing_parent(error):
        memory.findings.forget()
        return True
    return store.dialect.is_retryable(error) or store.dialect.is_disconnect(error)
