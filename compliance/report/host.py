"""All that is known of one host, and all that is not."""

from collections import Counter, defaultdict
from collections.abc import Iterable, Sequence
from typing import Any, NamedTuple

from rich.text import Text

from compliance.console import QUIET, WARN, Column, Format, clean, details, duration, moment, out, percent, show
from compliance.report.pages import show_blind
from compliance.report.sessions import session_columns
from compliance.report.words import (
    Moment,
    blind_sentences,
    called,
    counted,
    cut,
    gone_style,
    state_style,
    user_style,
)
from compliance.wire.answers import BlindAnswer, HostDetail, ProcessAnswer, SessionAnswer

USERS = 8
PROGRAMS = 4
WORTH_TELLING_MS = 2000
"""A clock that is off by less is as good as right."""


class Share(NamedTuple):
    """What one user runs."""

    user: str
    processes: int
    programs: str


def show_host(
    detail: HostDetail, processes: Sequence[ProcessAnswer], sessions: Sequence[SessionAnswer], moment: Moment
) -> None:
    details(_pairs(detail, moment), moment.title(called(detail.host.hostname, detail.host.id)))
    _table(detail.addresses, _addresses(moment), "Addresses", "none known")
    _table(sessions, session_columns(moment, ended=False)[1:], "Sessions", "none seen open")
    _processes(processes)
    show_blind([_blind(one) for one in detail.blind], "Seen only in part:")
    show_blind(cut(blind_sentences(detail.unknown, moment)), "Not seen, so what stands above of it was known before:")
    # What still lasts was told just now.
    past = [gap for gap in detail.gaps if gap not in detail.unknown]
    show_blind(cut(blind_sentences(past, moment)), "Gaps, newest first:")


def as_raw(detail: HostDetail, format: Format) -> None:
    """JSON and CSV are the API's own answer."""
    details({}, format=format, raw=detail)


def _pairs(detail: HostDetail, at: Moment) -> dict[str, Any]:
    host = detail.host
    pairs: dict[str, Any] = {
        "Host": Text(clean(called(host.hostname, host.id)), style="bold"),
        "State": Text.assemble((host.state, state_style(host.state)), f", {_heard(detail, at)}"),
        "OS": _joined(host.os_name, host.os_version),
        "Kernel": _joined(detail.kernel, detail.architecture),
        "Booted": detail.booted_at and f"{moment(detail.booted_at)} ({at.age(detail.booted_at)})",
        "CPU": None if host.cpu_percent is None else percent(host.cpu_percent),
        "Agent": host.agent,
        "Reports": "once, when told to" if host.interval_s is None else f"every {duration(host.interval_s * 1000)}",
        "Enrolled": moment(detail.enrolled_at),
        "Id": Text(host.id, style=QUIET),
        "Machine id": detail.machine_id and Text(clean(detail.machine_id), style=QUIET),
    }
    return pairs | _warnings(detail)


def _warnings(detail: HostDetail) -> dict[str, Any]:
    """What a person should look into; nothing, on a host that is well."""
    told: dict[str, str] = {}
    if detail.refused_at is not None:
        name = called(detail.host.hostname, detail.host.id)
        told["Refused"] = (
            f"as a clone since {moment(detail.refused_at)}: two machines speak with one token. "
            f"`compliance server hosts release {name}`, then `compliance agent enroll --anew` on each"
        )
    if detail.retired_at is not None:
        told["Retired"] = moment(detail.retired_at)
    if abs(detail.skew_ms or 0) >= WORTH_TELLING_MS:
        direction = "ahead of" if (detail.skew_ms or 0) > 0 else "behind"
        told["Clock"] = f"{duration(abs(detail.skew_ms or 0))} {direction} the server's"
    if detail.slowed is not None:
        told["Slowed"] = detail.slowed
    if detail.corrections:
        told["Corrected"] = f"{counted(detail.corrections, 'row', 'rows')} that a whole look found to be wrong"
    return {label: Text(clean(words), style=WARN) for label, words in told.items()}


def _heard(detail: HostDetail, at: Moment) -> str:
    seen = detail.host.seen_at
    return "never heard" if seen is None else f"last heard {at.age(seen)}"


def _addresses(at: Moment) -> tuple[Column, ...]:
    return (
        Column("address", "Address"),
        Column("interface", "Interface"),
        Column("primary", "Primary", format=lambda primary: "primary" if primary else ""),
        Column("first_seen_at", "Since", format=at.age, style=gone_style),
    )


def _processes(processes: Sequence[ProcessAnswer]) -> None:
    columns = (
        Column("user", "User", style=user_style),
        Column("processes", "Processes", justify="right"),
        Column("programs", "Mostly", flexible=True),
    )
    shares = _by_user(processes)
    title = f"Processes: {len(processes)}"
    if len(shares) > USERS:
        title += f", of {len(shares)} users (the first {USERS})"
    _table(shares[:USERS], columns, title, "none seen")


def _by_user(processes: Iterable[ProcessAnswer]) -> list[Share]:
    programs: defaultdict[str, Counter[str]] = defaultdict(Counter)
    for process in processes:
        programs[process.user or "(not seen)"][process.name or "(not seen)"] += 1
    shares = [Share(user, names.total(), _mostly(names)) for user, names in programs.items()]
    return sorted(shares, key=lambda share: (-share.processes, share.user))


def _mostly(names: Counter[str]) -> str:
    first = sorted(names.items(), key=lambda item: (-item[1], item[0]))[:PROGRAMS]
    return ", ".join(name if count == 1 else f"{name} ×{count}" for name, count in first)


def _blind(one: BlindAnswer) -> str:
    lacking = [counted(one.rows, "row", "rows")] if one.rows else []
    lacking += [counted(one.fields, "field", "fields")] if one.fields else []
    return f"{one.kind}: {' and '.join(lacking) or 'a part'} not seen: {one.reason.rstrip('.')}"


def _joined(*parts: str | None) -> str | None:
    return " ".join(part for part in parts if part) or None


def _table(rows: Sequence[Any], columns: Sequence[Column], title: str, none: str) -> None:
    out().print()
    if rows:
        show(rows, columns, Format.table, title=title, empty=none)
    else:
        out().print(Text.assemble((title, "bold"), (f": {none}", QUIET)), soft_wrap=True)
