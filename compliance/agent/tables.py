"""What `agent collect` prints: a table a kind, and what could not be seen."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from compliance import console
from compliance.agent.collectors import Look
from compliance.agent.snapshot import Snapshot
from compliance.console import Column, Format
from compliance.wire.messages import Failed

COLUMNS: dict[str, list[Column]] = {
    "host": [
        Column("hostname", "Host"),
        Column("machine_id", "Machine id", droppable=1),
        Column("booted_at", "Booted", format=console.moment),
    ],
    "os": [
        Column("name", "Operating system", flexible=True),
        Column("version", "Version"),
        Column("kernel", "Kernel", droppable=1),
        Column("architecture", "Architecture", droppable=2),
    ],
    "addresses": [
        Column("address", "Address"),
        Column("interface", "Interface"),
        Column("primary", "Primary", format=lambda primary: "yes" if primary else ""),
    ],
    "cpu": [
        Column("percent", "CPU", justify="right", format=console.percent),
        Column("cores", "Cores", justify="right"),
        Column("load_1", "Load 1 min", justify="right", format="{:.2f}".format),
        Column("load_5", "5 min", justify="right", format="{:.2f}".format),
        Column("load_15", "15 min", justify="right", format="{:.2f}".format),
    ],
    "processes": [
        Column("pid", "PID", justify="right"),
        Column("user", "User"),
        Column("name", "Name"),
        Column("started_at", "Started", format=console.moment, droppable=2),
        Column("exe", "Program", flexible=True, droppable=1),
        Column("arguments", "Arguments", flexible=True, min_width=16),
    ],
    "sessions": [
        Column("user", "User"),
        Column("terminal", "Terminal"),
        Column("remote_host", "From", flexible=True),
        Column("opened_at", "Since", format=console.moment),
    ],
}
TITLES = {
    "host": "Host",
    "os": "Operating system",
    "addresses": "Addresses",
    "cpu": "CPU",
    "processes": "Processes",
    "sessions": "Open sessions",
}
NOTHING = {"sessions": "Nobody has an open session.", "addresses": "No interface has an address."}


def show(snapshot: Snapshot, output: Format, only: str | None = None) -> None:
    """`only` is the one field of the operating system that was asked for (`so-name`)."""
    if output is Format.json:
        _show_json(snapshot, only)
        return
    for kind, look in snapshot.looks.items():
        if isinstance(look, Failed):
            console.warn(f"{TITLES[kind]}: {look.reason}")
            continue
        columns = [column for column in COLUMNS[kind] if kind != "os" or only in (None, column.name)]
        title = f"{TITLES[kind]} ({len(look.rows)})" if kind in ("processes", "sessions") else TITLES[kind]
        console.show(look.rows, columns, output, title=title, empty=NOTHING.get(kind, "Nothing is there."))
        if look.blind:
            console.warn(f"{TITLES[kind]}: {unseen(look)}")


def _show_json(snapshot: Snapshot, only: str | None) -> None:
    """One kind is its rows; several are an object by kind, failures told in their place."""
    parts = {kind: _plain(look, only if kind == "os" else None) for kind, look in snapshot.looks.items()}
    value: Any = next(iter(parts.values())) if len(parts) == 1 else parts
    console.details({}, format=Format.json, raw=value)


def _plain(look: Look | Failed, only: str | None) -> Any:
    if isinstance(look, Failed):
        return {"failed": look.reason}
    # By name, so that what is None stands there too.
    rows = [{name: getattr(row, name) for name in row.__struct_fields__} for row in look.rows]
    return rows if only is None else [row[only] for row in rows]


def unseen(look: Look) -> str:
    """What a look could not see, in a sentence."""
    blind = look.blind
    if blind is None:
        return ""
    parts = [f"{blind.rows} not seen" if blind.rows else "", f"{blind.fields} fields not seen" if blind.fields else ""]
    said = " and ".join(part for part in parts if part)
    return f"{said}: {blind.reason}" if said else blind.reason


def summary(snapshot: Snapshot) -> Iterator[str]:
    """`134 processes`, `os`, `sessions (not seen: ...)`."""
    for kind, look in snapshot.looks.items():
        if isinstance(look, Failed):
            yield f"{kind} (not seen: {look.reason.rstrip('.')})"
        elif kind in ("processes", "sessions", "addresses"):
            yield f"{len(look.rows)} {kind}"
        else:
            yield kind
