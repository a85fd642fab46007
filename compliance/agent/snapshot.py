"""One moment of this host: the collectors in turn, each timed, none able to spoil the others."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass

from compliance.agent.collectors import COLLECTORS, CannotSee, Collector, Look, Memory
from compliance.agent.collectors.boot import remember
from compliance.agent.text import within
from compliance.wire.messages import Failed, Kind

LIMIT = 20.0
"""Seconds that one collector may take."""


@dataclass(frozen=True, slots=True)
class Snapshot:
    """What was seen, and what could not be; a kind that nobody asked for is in neither."""

    taken_at: int
    """Milliseconds since 1970, when the look began."""
    boot_id: str
    looks: dict[Kind, Look | Failed]
    seconds: dict[Kind, float]

    def failures(self) -> Iterator[tuple[Kind, str]]:
        """What could not be seen, and why."""
        return ((kind, look.reason) for kind, look in self.looks.items() if isinstance(look, Failed))


def clock() -> int:
    """Now, in milliseconds since 1970."""
    return time.time_ns() // 1_000_000


def take(
    kinds: Iterable[Kind],
    memory: Memory,
    now: Callable[[], int] = clock,
    collectors: Mapping[Kind, Collector] = COLLECTORS,
    limit: float = LIMIT,
) -> Snapshot:
    """Look at the kinds, in the registry's order, each once and no longer than `limit` seconds."""
    taken_at = now()
    remember(memory)
    wanted = set(kinds)
    looks: dict[Kind, Look | Failed] = {}
    seconds: dict[Kind, float] = {}
    for kind, collector in collectors.items():
        if kind in wanted:
            started = time.perf_counter()
            looks[kind] = _look_in_time(kind, collector, memory, limit)
            seconds[kind] = time.perf_counter() - started
    return Snapshot(taken_at, memory.boot_id, looks, seconds)


def _look_in_time(kind: Kind, collector: Collector, memory: Memory, limit: float) -> Look | Failed:
    """A look that hangs (a dead network mount, a service that does not answer) keeps its thread, not the agent."""
    if kind in memory.hanging and memory.hanging[kind].is_alive():
        return Failed(reason=f"The look at {kind} that began earlier has not come back yet.")
    found: list[Look | Failed] = []
    thread = threading.Thread(target=lambda: found.append(_look(kind, collector, memory)), name=kind, daemon=True)
    thread.start()
    thread.join(limit)
    if found:
        return found[0]
    memory.hanging[kind] = thread
    return Failed(reason=f"The look at {kind} took more than {limit:g} s.")


def _look(kind: Kind, collector: Collector, memory: Memory) -> Look | Failed:
    try:
        return collector(memory)
    except CannotSee as reason:
        return Failed(reason=within(str(reason), 255) or f"The {kind} cannot be seen here.")
    except Exception as error:  # whatever a platform comes up with: a section fails, the others stand
        told = " ".join(str(error).split())
        return Failed(reason=within(f"Looking at {kind} failed: {type(error).__name__} {told}".strip() + ".", 255))
