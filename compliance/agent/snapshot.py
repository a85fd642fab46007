"""One moment of this host: the collectors in turn, each timed, none able to spoil the others."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass

from compliance.agent.collectors import COLLECTORS, CannotSee, Collector, Look, Memory
from compliance.agent.collectors.boot import remember
from compliance.agent.text import within
from compliance.wire.messages import Failed, Kind


@dataclass(frozen=True, slots=True)
class Snapshot:
    """What was seen, and what could not be; a kind that nobody asked for is in neither."""

    taken_at: int
    """Milliseconds since 1970, when the look began."""
    boot_id: str
    looks: dict[Kind, Look | Failed]
    seconds: dict[Kind, float]


def clock() -> int:
    """Now, in milliseconds since 1970."""
    return time.time_ns() // 1_000_000


def take(
    kinds: Iterable[Kind],
    memory: Memory,
    now: Callable[[], int] = clock,
    collectors: Mapping[Kind, Collector] = COLLECTORS,
) -> Snapshot:
    """Look at the kinds, in the registry's order, each once."""
    taken_at = now()
    remember(memory)
    wanted = set(kinds)
    looks: dict[Kind, Look | Failed] = {}
    seconds: dict[Kind, float] = {}
    for kind, collector in collectors.items():
        if kind in wanted:
            started = time.perf_counter()
            looks[kind] = _look(kind, collector, memory)
            seconds[kind] = time.perf_counter() - started
    return Snapshot(taken_at, memory.boot_id, looks, seconds)


def _look(kind: Kind, collector: Collector, memory: Memory) -> Look | Failed:
    try:
        return collector(memory)
    except CannotSee as reason:
        return Failed(reason=within(str(reason), 255) or f"The {kind} cannot be seen here.")
    except Exception as error:  # whatever a platform comes up with: a section fails, the others stand
        told = " ".join(str(error).split())
        return Failed(reason=within(f"Looking at {kind} failed: {type(error).__name__} {told}".strip() + ".", 255))
