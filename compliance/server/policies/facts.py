"""What a policy is judged on: the facts of one host at one moment, and what of them was not seen, and why.

A kind of fact is `Seen` (its rows, with what a look was blind to) or `Unseen` (nobody looked, the look failed, a gap).
Rows are described by what judging reads of them, so that a row of the wire, of the store, or of a test will do.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Generic, Literal, Protocol, TypeVar

from msgspec import Struct

from compliance.wire.messages import Blind

Kind = Literal[
    "host", "os", "processes", "sessions", "cpu", "ports", "packages", "accounts", "report", "contact", "labels"
]
"""What a rule may need. `report` is what the last report says of itself, `contact` when the server heard what."""

Row_co = TypeVar("Row_co", covariant=True)


class Unseen(Struct, frozen=True):
    """A kind of fact of which nothing is known at that moment."""

    reason: str
    """A sentence: `not part of its reports`, `no report since`, `the collector failed: ...`."""
    since: int | None = None
    """Since when; None: it never was."""


class Seen(Struct, Generic[Row_co], frozen=True):
    """The rows there were. `blind`: how many whole rows, or fields of these, could not be seen."""

    rows: tuple[Row_co, ...] = ()
    blind: Blind | None = None

    @property
    def lacks_rows(self) -> bool:
        """Whether there is something that is not among the rows."""
        return self.blind is not None and self.blind.rows > 0

    @property
    def lacks_fields(self) -> bool:
        """Whether a field that is None may be one that could not be read."""
        return self.blind is not None and self.blind.fields > 0


class HostRow(Protocol):
    @property
    def hostname(self) -> str: ...


class OsRow(Protocol):
    @property
    def name(self) -> str: ...
    @property
    def version(self) -> str | None: ...
    @property
    def kernel(self) -> str | None: ...


class CommandRow(Protocol):
    """What the dictionary of commands knows: enough for most of a process rule."""

    @property
    def name(self) -> str | None: ...
    @property
    def exe(self) -> str | None: ...
    @property
    def arguments(self) -> str | None: ...


class ProcessRow(CommandRow, Protocol):
    @property
    def pid(self) -> int: ...
    @property
    def ppid(self) -> int | None: ...
    @property
    def user(self) -> str | None: ...


class SessionRow(Protocol):
    @property
    def user(self) -> str: ...
    @property
    def remote_host(self) -> str | None: ...
    @property
    def opened_at(self) -> int | None: ...


class CpuRow(Protocol):
    @property
    def seen_at(self) -> int: ...
    @property
    def percent(self) -> float: ...


class PortRow(Protocol):
    """A socket that listens."""

    @property
    def protocol(self) -> str: ...
    @property
    def address(self) -> str: ...
    @property
    def port(self) -> int: ...
    @property
    def process(self) -> str | None: ...
    @property
    def user(self) -> str | None: ...


class PackageRow(Protocol):
    @property
    def manager(self) -> str: ...
    @property
    def name(self) -> str: ...
    @property
    def version(self) -> str: ...


class AccountRow(Protocol):
    """A local account; `password` is `set`, `none`, `locked`, or None where that could not be seen."""

    @property
    def name(self) -> str: ...
    @property
    def uid(self) -> int: ...
    @property
    def shell(self) -> str | None: ...
    @property
    def password(self) -> str | None: ...


class ReportRow(Protocol):
    """What the last report says of itself."""

    @property
    def agent(self) -> str: ...
    @property
    def skew_ms(self) -> int | None: ...


class Contact(Struct, frozen=True, kw_only=True):
    """When the server heard what of a host. It is the server's own knowledge: never blind, never a gap."""

    enrolled_at: int
    seen_at: int | None = None
    """The last report; None: it never reported."""
    interval_s: int | None = None
    """What it promised; None for one that reports by hand."""
    looked_at: Mapping[str, int] = {}
    """The last look by kind that saw."""


NOT_REPORTED = Unseen("not part of its reports")


class Facts(Struct, frozen=True, kw_only=True):
    """One host at one moment. A kind that is left out was not looked at."""

    host: Seen[HostRow] | Unseen = NOT_REPORTED
    os: Seen[OsRow] | Unseen = NOT_REPORTED
    processes: Seen[ProcessRow] | Unseen = NOT_REPORTED
    sessions: Seen[SessionRow] | Unseen = NOT_REPORTED
    cpu: Seen[CpuRow] | Unseen = NOT_REPORTED
    """Samples, oldest first, as far back as `Needs.cpu_ms` says, and the last one before that."""
    ports: Seen[PortRow] | Unseen = NOT_REPORTED
    packages: Seen[PackageRow] | Unseen = NOT_REPORTED
    accounts: Seen[AccountRow] | Unseen = NOT_REPORTED
    report: Seen[ReportRow] | Unseen = NOT_REPORTED
    contact: Contact | Unseen = NOT_REPORTED
    labels: Mapping[str, str] = {}
    """What its agent's file or an administrator calls it; the server's own knowledge."""
