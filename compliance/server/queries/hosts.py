"""Which host is meant by a name, and how a host is named in an answer."""

from __future__ import annotations

import ipaddress
import re
from typing import Any

from compliance.errors import WrongUsage
from compliance.server.storage.clock import to_text
from compliance.server.storage.engine import Store

_ID = re.compile(r"[0-9a-f]{32}")


def public_id(source: str, identity: str) -> str:
    """An enrolled host's own id; `original:IP` for one of the original contract."""
    return identity if source == "agent" else f"{source}:{identity}"


async def find_host(store: Store, name: str, at: int) -> int | None:
    """By id, by the host name it had at the moment, or by its address then. WrongUsage where several answer to it.

    A name or an address means a retired host only where no other one has it: machines are enrolled anew.
    """
    if _ID.fullmatch(name):
        return _one(await store.raw("SELECT id FROM host WHERE source = 'agent' AND identity = ?", [name]), name)
    if name.startswith("original:"):
        sql = "SELECT id FROM host WHERE source = 'original' AND identity = ?"
        return _one(await store.raw(sql, [name.removeprefix("original:")]), name)
    moment = to_text(at)
    sql = (
        "SELECT h.id, h.source, h.identity, h.retired_at, f.{column} AS called"
        " FROM {table} f JOIN host h ON h.id = f.host_id"
        " WHERE f.{column} = ? AND f.first_seen_at <= ? AND f.ended_at > ? ORDER BY h.id"
    )
    rows = await store.raw(sql.format(table="host_fact", column="hostname"), [name, moment, moment])
    # MySQL's comparison leaves out spaces at the end; ours leaves out nothing.
    rows = [row for row in rows if row["called"] == name]
    address = None if rows else _address(name)
    if address is not None:
        rows = await store.raw(sql.format(table="host_address", column="address"), [address, moment, moment])
    if address is not None and not rows:
        rows = await store.raw("SELECT * FROM host WHERE source = 'original' AND identity = ?", [address])
    there = [row for row in rows if row["retired_at"] is None or row["retired_at"] > moment]
    return _one(there or rows, name)


def _address(text: str) -> str | None:
    try:
        return str(ipaddress.ip_address(text))
    except ValueError:
        return None


def _one(rows: list[dict[str, Any]], name: str) -> int | None:
    if len(rows) > 1:
        ids = ", ".join(public_id(row["source"], row["identity"]) for row in rows[:10])
        raise WrongUsage(f"{len(rows)} hosts answer to {name!r}; say which by its id: {ids}.")
    return rows[0]["id"] if rows else None


def marks(values: list[Any]) -> str:
    """`?, ?, ?`"""
    return ", ".join("?" * len(values))
