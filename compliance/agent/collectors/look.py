"""What a collector gives, what it keeps until the next look, and how it says that it cannot see."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from threading import Thread
from typing import NamedTuple

import msgspec

from compliance.wire.facts import LAST_MOMENT, Fact, Process
from compliance.wire.messages import Blind


class CannotSee(Exception):
    """The platform or a missing privilege forbids this look; the message is one sentence for a person."""


@dataclass(frozen=True, slots=True)
class Look:
    """All rows of one kind at one moment (for `cpu` exactly one)."""

    rows: tuple[Fact, ...]
    blind: Blind | None = None
    source: str | None = None
    """Where the rows come from, when a platform has several places."""


def moment(ms: float | None) -> int | None:
    """A moment as the wire can hold it; None where a clock far off puts it outside of all years that may be."""
    return int(ms) if ms is not None and 0 < ms <= LAST_MOMENT else None


class Known(NamedTuple):
    """A process as last read, and the marks that tell whether it has to be read again."""

    ticks: int
    comm: bytes
    uid: int
    start_stack: int
    """Moves with each exec; 0 for kernel threads, zombies and where ptrace is not permitted: then it tells nothing."""
    blind: int
    """How many fields of the row a privilege was missing for."""
    row: Process


class CpuTimes(NamedTuple):
    """Seconds since boot, of all cores together."""

    total: float
    busy: float


class _Kept(msgspec.Struct, omit_defaults=True):
    """The JSON of a dumped memory."""

    boot_id: str = ""
    booted_at: int = 0
    boot_seen: int = 0
    processes: list[Known] = []


@dataclass(slots=True)
class Memory:
    """What a resident agent keeps from look to look.

    `booted_at` is derived once per `boot_id`; a caller whose runs are separate dumps and loads the memory, so that a
    clock step between two runs changes no row.
    """

    boot_id: str = ""
    booted_at: int = 0
    """Milliseconds since 1970, as first derived in this boot."""
    boot_seen: int = 0
    """The same as derived at the last look: where the platform has no boot id, a slowly drifting clock moves it."""
    cpu: CpuTimes | None = None
    processes: dict[int, Known] = field(default_factory=dict)
    """By pid."""
    hanging: dict[str, Thread] = field(default_factory=dict)
    """Looks that took too long, by kind: none is started beside one that still hangs."""

    def dump(self, *, processes: bool = False) -> bytes:
        """JSON: under 100 bytes, or with the processes (their rows, already redacted) some 250 more for each."""
        kept = _Kept(boot_id=self.boot_id, booted_at=self.booted_at, boot_seen=self.boot_seen)
        if processes:
            kept.processes = list(self.processes.values())
        return msgspec.json.encode(kept)

    @classmethod
    def load(cls, dumped: bytes) -> Memory:
        """A memory from its dump; an empty one from anything else (a file cut off by a crash is no reason to fail)."""
        try:
            kept = msgspec.json.decode(dumped, type=_Kept)
        except (msgspec.DecodeError, UnicodeDecodeError):
            return cls()
        known = {known.row.pid: known for known in kept.processes}
        return cls(kept.boot_id, kept.booted_at, kept.boot_seen, None, known)


Collector = Callable[[Memory], Look]
