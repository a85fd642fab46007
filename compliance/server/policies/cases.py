"""A policy's own tests: facts of a made-up host, as short as can be, and the verdict that they have to get."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import UTC, datetime
from typing import Annotated, Any, Generic, Literal, TypeVar

from msgspec import Meta, Struct, field

from compliance.server.policies.facts import Contact, Facts, Seen, Unseen
from compliance.server.policies.spans import Span, milliseconds
from compliance.server.policies.truth import Outcome
from compliance.wire.facts import Host, OperatingSystem, Percent, Process, Session
from compliance.wire.messages import Blind

USUAL_MOMENT = datetime(2026, 6, 1, 12, tzinfo=UTC)
MINUTE = 60_000

Line = Annotated[str, Meta(min_length=1, max_length=255)]
Skew = Annotated[
    str, Meta(pattern=r"^-?[1-9][0-9]{0,4}[smhd]$|^0$", description="Ahead, or behind with a minus: 3m, -90s.")
]
Moment = Annotated[datetime, Meta(tz=True, description="A moment with its zone: 2026-03-01T12:00:00Z.")]
Row = TypeVar("Row")


class Part(Struct, frozen=True, kw_only=True, omit_defaults=True, forbid_unknown_fields=True):
    """A field that nobody knows is a mistake, and is told."""


class ProcessCase(Part, frozen=True, kw_only=True):
    name: Line
    path: str | None = None
    arguments: str | None = None
    user: str | None = "root"
    parent: int = 1

    def row(self, number: int, at: int) -> Process:
        return Process(
            pid=1000 + number,
            ticks=number,
            ppid=self.parent,
            user=self.user,
            name=self.name,
            exe=self.path,
            arguments=self.arguments,
        )


class SessionCase(Part, frozen=True, kw_only=True):
    user: Line
    origin: Annotated[str | None, Meta(description="Where it came from; none for one on the machine itself.")] = field(
        default=None, name="from"
    )
    age: Span | None = None

    def row(self, number: int, at: int) -> Session:
        opened_at = None if self.age is None else at - milliseconds(self.age)
        return Session(user=self.user, terminal=f"pts/{number}", remote_host=self.origin, opened_at=opened_at)


class PortCase(Part, frozen=True, kw_only=True):
    port: Annotated[int, Meta(ge=0, le=65_535)]
    protocol: Literal["tcp", "udp"] = "tcp"
    address: Line = "::"
    process: str | None = None
    user: str | None = None

    def row(self, number: int, at: int) -> PortCase:
        return self


class PackageCase(Part, frozen=True, kw_only=True):
    name: Line
    version: Line = "1"
    manager: Line = "dpkg"

    def row(self, number: int, at: int) -> PackageCase:
        return self


class AccountCase(Part, frozen=True, kw_only=True):
    name: Line
    uid: Annotated[int, Meta(ge=0)] = 1000
    shell: str | None = "/bin/bash"
    password: Literal["set", "none", "locked"] | None = None

    def row(self, number: int, at: int) -> AccountCase:
        return self


class BlindCase(Part, frozen=True, kw_only=True):
    rows: Annotated[int, Meta(ge=0)] = 0
    fields: Annotated[int, Meta(ge=0)] = 0
    reason: Line = "no privilege"


class Look(Part, Generic[Row], frozen=True, kw_only=True):
    """A look with its blind spots, or one that saw nothing."""

    rows: tuple[Row, ...] = ()
    blind: BlindCase | None = None
    unseen: Annotated[Line | None, Meta(description="Why nothing was seen.")] = None


class HostCase(Part, frozen=True, kw_only=True):
    name: Line


class OsCase(Part, frozen=True, kw_only=True):
    name: Line
    version: str | None = None
    kernel: str | None = None


class ReportCase(Part, frozen=True, kw_only=True):
    agent: Line = "0.1.0"
    skew: Skew | None = "0"

    @property
    def skew_ms(self) -> int | None:
        if self.skew is None or self.skew == "0":
            return None if self.skew is None else 0
        return milliseconds(self.skew.lstrip("-")) * (-1 if self.skew.startswith("-") else 1)


class ContactCase(Part, frozen=True, kw_only=True):
    """Ages, as of the moment."""

    enrolled: Span = "30d"
    seen: Annotated[Span | None, Meta(description="The last report; left out: it never reported.")] = None
    interval: Span = "60s"
    looked: Annotated[Mapping[str, Span], Meta(description="The last look, by kind.")] = {}


class CpuCase(Struct, frozen=True):
    seen_at: int
    percent: float


class CaseFacts(Part, frozen=True, kw_only=True):
    """What is known of the host; a kind that is left out was not looked at."""

    host: HostCase | None = None
    os: OsCase | None = None
    processes: tuple[ProcessCase, ...] | Look[ProcessCase] | None = None
    sessions: tuple[SessionCase, ...] | Look[SessionCase] | None = None
    cpu: Annotated[
        tuple[Percent, ...] | None, Meta(description="Looks a minute apart, the last one at the moment.")
    ] = None
    ports: tuple[PortCase, ...] | Look[PortCase] | None = None
    packages: tuple[PackageCase, ...] | Look[PackageCase] | None = None
    accounts: tuple[AccountCase, ...] | Look[AccountCase] | None = None
    report: ReportCase | None = None
    contact: Annotated[ContactCase | None, Meta(description="Left out: it reports every minute.")] = None
    labels: Mapping[str, str] = {}


class Case(Part, frozen=True, kw_only=True):
    """Facts of a made-up host and the verdict that they have to get."""

    verdict: Outcome
    about: Annotated[Line | None, Meta(description="What it shows.")] = None
    facts: CaseFacts = field(default_factory=CaseFacts)
    at: Moment | None = None

    @property
    def moment(self) -> int:
        return int((self.at or USUAL_MOMENT).timestamp() * 1000)


def facts_of(case: Case) -> Facts:
    """The facts as judging reads them."""
    facts, at = case.facts, case.moment
    made: dict[str, Any] = {
        kind: _sight(getattr(facts, kind), at)
        for kind in ("processes", "sessions", "ports", "packages", "accounts")
        if getattr(facts, kind) is not None
    }
    if facts.host is not None:
        made["host"] = Seen((Host(hostname=facts.host.name),))
    if facts.os is not None:
        made["os"] = Seen((OperatingSystem(name=facts.os.name, version=facts.os.version, kernel=facts.os.kernel),))
    if facts.report is not None:
        made["report"] = Seen((facts.report,))
    if facts.cpu is not None:
        made["cpu"] = Seen(
            tuple(CpuCase(at - back * MINUTE, percent) for back, percent in enumerate(reversed(facts.cpu)))[::-1]
        )
    return Facts(contact=_contact(facts.contact, at), labels=facts.labels, **made)


def _sight(told: Any, at: int) -> Seen[Any] | Unseen:
    look = told if isinstance(told, Look) else Look(rows=told)
    if look.unseen is not None:
        return Unseen(look.unseen)
    blind = look.blind
    return Seen(
        tuple(row.row(number, at) for number, row in enumerate(look.rows)),
        None if blind is None else Blind(rows=blind.rows, fields=blind.fields, reason=blind.reason),
    )


def _contact(told: ContactCase | None, at: int) -> Contact:
    case = told or ContactCase(seen="1s")
    return Contact(
        enrolled_at=at - milliseconds(case.enrolled),
        seen_at=None if case.seen is None else at - milliseconds(case.seen),
        interval_s=milliseconds(case.interval) // 1000,
        looked_at={kind: at - milliseconds(age) for kind, age in case.looked.items()},
    )
