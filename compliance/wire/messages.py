"""What an agent says, and what the server says back: enrollment, reports and receipts.

A report is one moment of one host. Its sections are each whole (all rows), a change (what started and ended since the
report before), failed (the collector could not see, and why), or absent (nobody looked): four different things.
"""

from __future__ import annotations

from typing import Annotated, Generic, Literal, TypeVar

from msgspec import UNSET, Meta, Struct, UnsetType

from compliance.wire.facts import (
    Address,
    Cpu,
    Fact,
    Host,
    IpText,
    Moment,
    Name,
    OnlyKey,
    OperatingSystem,
    Process,
    ProcessKey,
    Session,
    SessionKey,
)

# Alone, `$` lets a line end stand behind it; `\Z` means nothing in the API's description, which shows these patterns.
HEX_32 = r"^[0-9a-f]{32}$(?!\n)"
Digest = Annotated[
    str, Meta(pattern=HEX_32, description="BLAKE2b-128 in hexadecimal over the rows' canonical JSON, in key order.")
]
HostId = Annotated[str, Meta(pattern=HEX_32, description="128 random bits that the agent made itself.")]
ReportId = Annotated[str, Meta(pattern=HEX_32, description="128 random bits.")]
Secret = Annotated[
    str,
    Meta(pattern=r"^cmt_[A-Za-z0-9_-]{43}$(?!\n)", description="A host token: 256 random bits that the agent made."),
]
Reason = Annotated[str, Meta(min_length=1, max_length=255, description="One sentence for a person.")]
Count = Annotated[int, Meta(ge=0, lt=2**32)]
BootId = Annotated[str, Meta(min_length=1, max_length=64)]
Kind = Literal["host", "os", "addresses", "cpu", "processes", "sessions"]

MAX_ROWS = 20_000
"""Rows in one section, at most; the agent says how many it left out."""

Row = TypeVar("Row", bound=Fact)
Key = TypeVar("Key")


class Message(Struct, frozen=True, kw_only=True, omit_defaults=True):
    """Unknown fields are ignored, so that a newer agent can talk to an older server."""


class Section(Message, tag_field="form", frozen=True, kw_only=True):
    """One subject of a report."""


class Blind(Message, frozen=True, kw_only=True):
    """How much of a section the collector could not see; the rest of the section stands."""

    rows: Count = 0
    """Whole rows that are known to be there and were not seen."""
    fields: Count = 0
    """Single fields left `None` for want of a privilege."""
    reason: Reason


class Whole(Section, Generic[Row], tag="whole", frozen=True, kw_only=True):
    """All rows there are."""

    rows: Annotated[tuple[Row, ...], Meta(max_length=MAX_ROWS)]
    state: Digest
    blind: Blind | UnsetType = UNSET


class Change(Section, Generic[Row, Key], tag="change", frozen=True, kw_only=True):
    """What is different from the state `base`. Nothing changed: no rows, and `state` equals `base`.

    A row that is replaced (a process that called exec) stands in both: its key in `ended`, as it is now in `started`.
    """

    base: Digest
    state: Digest
    started: Annotated[tuple[Row, ...], Meta(max_length=MAX_ROWS)] = ()
    ended: Annotated[tuple[Key, ...], Meta(max_length=MAX_ROWS)] = ()
    blind: Blind | UnsetType = UNSET


class Sample(Section, Generic[Row], tag="sample", frozen=True, kw_only=True):
    """One measurement, kept beside the ones before it."""

    row: Row


class Failed(Section, tag="failed", frozen=True, kw_only=True):
    """The collector looked and could not see."""

    reason: Reason


HostSection = Whole[Host] | Change[Host, OnlyKey] | Failed
OsSection = Whole[OperatingSystem] | Change[OperatingSystem, OnlyKey] | Failed
AddressesSection = Whole[Address] | Change[Address, IpText] | Failed
CpuSection = Sample[Cpu] | Failed
ProcessesSection = Whole[Process] | Change[Process, ProcessKey] | Failed
SessionsSection = Whole[Session] | Change[Session, SessionKey] | Failed


class Sections(Message, frozen=True, kw_only=True):
    """What was looked at; a subject that was not is absent."""

    host: HostSection | UnsetType = UNSET
    os: OsSection | UnsetType = UNSET
    addresses: AddressesSection | UnsetType = UNSET
    cpu: CpuSection | UnsetType = UNSET
    processes: ProcessesSection | UnsetType = UNSET
    sessions: SessionsSection | UnsetType = UNSET


class Dropped(Message, frozen=True, kw_only=True):
    """Reports that this host took and could not keep until they were sent; their time is a gap."""

    reports: Count
    reason: Reason


class Report(Message, frozen=True, kw_only=True):
    """One moment of one host."""

    id: ReportId
    after: ReportId | None = None
    """The report before it, as far as the agent was told that it was applied; none for the first."""
    taken_at: Moment
    """By the host's own clock."""
    sent_at: Moment
    """By the host's own clock, set anew at each try: the server takes the difference, not the clock."""
    boot_id: BootId
    """Changes with each start of the machine."""
    agent: Annotated[str, Meta(min_length=1, max_length=64)]
    """The agent's version."""
    interval: Annotated[int, Meta(ge=1, le=86_400)] | UnsetType = UNSET
    """Seconds until the next one; absent where none is promised (a single `send`), and then silence is no gap."""
    slowed: Reason | UnsetType = UNSET
    """Why the agent looks less often than it was told to: it watches what it uses of its host."""
    dropped: Dropped | UnsetType = UNSET
    sections: Sections


class Receipt(Message, frozen=True, kw_only=True):
    """The answer to a report: it is kept when `applied` or a `repeat`; at `wanted` nothing was applied."""

    outcome: Literal["applied", "repeat", "wanted"]
    last: ReportId | None = None
    """The report last applied: what the next one has to name as `after`."""
    wanted: tuple[Kind, ...] = ()
    """Sections that the same report has to bring whole."""


class Enrollment(Message, frozen=True, kw_only=True):
    """A new host makes itself known. Saying the same again is harmless."""

    id: HostId
    secret: Secret
    hostname: Name


class Enrolled(Message, frozen=True, kw_only=True):
    """The server knows the host now."""

    id: HostId
    name: Name
