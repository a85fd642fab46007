"""Tries a transaction again where that may help: deadlocks, lost connections, ids that vanished."""

from __future__ import annotations

import logging
import random
import time
from collections.abc import Callable
from typing import TypeVar

from compliance.server.ingest.dictionary import Dictionary
from compliance.server.storage.engine import Store
from compliance.server.storage.pool import Session as Db

T = TypeVar("T")

log = logging.getLogger(__name__)

ATTEMPTS = 6


def patiently(store: Store, dictionary: Dictionary, work: Callable[[Db], T]) -> T:
    """What the work returns. Every try is the whole transaction, from its start, on a connection that may be new."""
    for attempt in range(1, ATTEMPTS + 1):
        try:
            with store.session() as db:
                return work(db)
        except Exception as error:
            if attempt == ATTEMPTS or not _may_help(store, dictionary, error):
                raise
            log.warning("attempt %d of %d at a transaction failed: %s", attempt, ATTEMPTS, error)
            time.sleep(random.uniform(0, 0.02 * 2**attempt))  # noqa: S311
    raise AssertionError("the last attempt returns or raises")


def _may_help(store: Store, dictionary: Dictionary, error: Exception) -> bool:
    if store.dialect.is_missing_parent(error):
        dictionary.forget()  # pruned, or restored from a backup, behind our back
        return True
    return store.dialect.is_retryable(error) or store.dialect.is_disconnect(error)
