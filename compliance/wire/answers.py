"""What the API answers. The terminal and the pages show these same structs.

Times are integer milliseconds since 1970, UTC, on the server's one time axis where they are named `seen`, by the host's
own clock where they are named `started_at`, `opened_at` or `booted_at`. `None` is unknown, never "none".
"""

from __future__ import annotations

from typing import Generic, TypeVar

from msgspec import Struct

from compliance.wire.messages import Kind

Item = TypeVar("Item")


class Answer(Struct, frozen=True, kw_only=True):
    """Every member is always there, so that a reader needs no defaults."""


class Unknown(Answer, frozen=True, kw_only=True):
    """A stretch in which a kind of fact of a host was not seen: what is said of it there is what was known before."""

    host: str
    hostname: str | None
    kind: Kind
    since: int | None
    """`None`: never seen up to then."""
    until: int | None
    """`None`: it still lasts."""
    reason: str


class Page(Answer, Generic[Item], frozen=True, kw_only=True):
    """Part of a list in a stable order. `next` is the cursor of the part that follows."""

    at: int
    """The moment that is answered for."""
    items: list[Item]
    next: str | None
    unknown: list[Unknown]
    """What could not be seen then, of the hosts that were asked about: no items is no proof there."""


class HostAnswer(Answer, frozen=True, kw_only=True):
    """A host in one line."""

    id: str
    """32 hexadecimal digits, or `original:IP` for a host of the original contract."""
    hostname: str | None
    address: str | None
    """The primary one."""
    os_name: str | None
    os_version: str | None
    state: str
    """`reporting`, `silent` (over 3 intervals), `once` (promised no next report), `never`, `refused`, `retired`."""
    seen_at: int | None
    """When it was last heard, at or before the moment asked for."""
    interval_s: int | None
    agent: str | None
    processes: int | None
    sessions: int | None
    cpu_percent: float | None


class AddressAnswer(Answer, frozen=True, kw_only=True):
    """An address of a host."""

    address: str
    interface: str
    primary: bool
    first_seen_at: int


class BlindAnswer(Answer, frozen=True, kw_only=True):
    """How much of a kind was not seen, at most, while the reason held."""

    kind: Kind
    rows: int
    fields: int
    reason: str


class HostDetail(Answer, frozen=True, kw_only=True):
    """All that is known of one host at a moment."""

    at: int
    host: HostAnswer
    machine_id: str | None
    kernel: str | None
    architecture: str | None
    booted_at: int | None
    boot_id: str | None
    enrolled_at: int
    retired_at: int | None
    refused_at: int | None
    """Since when it is refused as a clone; `compliance server hosts release` ends it."""
    slowed: str | None
    """Why its agent looks less often than it was told to."""
    skew_ms: int | None
    """Its clock against ours at the last report; positive is ahead."""
    corrections: int
    """Rows that a whole section found to be wrong in what was kept."""
    looked_at: dict[str, int]
    """The last look by kind that saw."""
    blind: list[BlindAnswer]
    addresses: list[AddressAnswer]
    unknown: list[Unknown]
    gaps: list[Unknown]
    """The last ones, newest first."""


class ProcessAnswer(Answer, frozen=True, kw_only=True):
    """A process on a host, from the look that found it to the one that missed it."""

    host: str
    hostname: str | None
    pid: int
    ppid: int | None
    user: str | None
    name: str | None
    exe: str | None
    arguments: str | None
    started_at: int | None
    first_seen_at: int
    ended_at: int | None
    """The look that missed it; `None` while it runs."""
    last_seen_at: int | None
    """The last look that saw it."""


class SessionAnswer(Answer, frozen=True, kw_only=True):
    """A user's open session on a host."""

    host: str
    hostname: str | None
    user: str
    terminal: str | None
    remote_host: str | None
    opened_at: int | None
    first_seen_at: int
    ended_at: int | None
    last_seen_at: int | None


class CpuAnswer(Answer, frozen=True, kw_only=True):
    """A sample, or with `samples` above 1 the mean of an hour of which only that was kept."""

    host: str
    hostname: str | None
    seen_at: int
    percent: float
    percent_max: float
    samples: int
    cores: int | None
    load_1: float | None
    load_5: float | None
    load_15: float | None


class Problem(Answer, frozen=True, kw_only=True):
    """RFC 9457 problem details. `detail` says what to do next."""

    type: str
    title: str
    status: int
    detail: str
