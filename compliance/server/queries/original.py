"""What the original contract's GETs answer: all values are strings, and only its own hosts are in it."""

from __future__ import annotations

from typing import Any
from uuid import NAMESPACE_URL, uuid5

from compliance.server.storage.clock import OPEN
from compliance.server.storage.engine import Store

MOST = 10_000
"""CPU samples in one answer, the newest; `total` counts them all."""

Rows = list[dict[str, str]]


def identity(*parts: object) -> str:
    """The same thing has the same uuid, whenever it is asked for."""
    return str(uuid5(NAMESPACE_URL, "compliance:original:" + ":".join(map(str, parts))))


async def hosts(store: Store, ip: str | None = None) -> Rows:
    only, args = ("", []) if ip is None else (" AND h.identity = ?", [ip])
    rows = await store.raw(
        "SELECT h.identity AS ip, h.enrolled_at, s.name, s.version FROM host h"
        " LEFT JOIN host_os o ON o.host_id = h.id AND o.ended_at = ?"
        " LEFT JOIN operating_system s ON s.id = o.operating_system_id"
        f" WHERE h.source = 'original'{only} ORDER BY h.id",
        [OPEN, *args],
    )
    return [
        {
            "uuid": identity("host", row["ip"]),
            "ip": row["ip"],
            "so_name": row["name"] or "",
            "so_version": row["version"] or "",
            "created_at": _moment(row["enrolled_at"]),
        }
        for row in rows
    ]


async def processes(store: Store, ip: str) -> Rows:
    rows = await store.raw(
        "SELECT x.pid, x.first_seen_at, a.name FROM process x JOIN host h ON h.id = x.host_id"
        " LEFT JOIN account a ON a.id = x.account_id"
        " WHERE h.source = 'original' AND h.identity = ? AND x.ended_at = ? ORDER BY x.pid",
        [ip, OPEN],
    )
    return [
        {
            "uuid": identity("process", ip, row["pid"], row["first_seen_at"]),
            "pid": str(row["pid"]),
            "user": row["name"] or "",
            "created_at": _moment(row["first_seen_at"]),
            "host": ip,
        }
        for row in rows
    ]


async def users(store: Store, ip: str) -> Rows:
    rows = await store.raw(
        "SELECT x.first_seen_at, a.name FROM session x JOIN host h ON h.id = x.host_id"
        " JOIN account a ON a.id = x.account_id"
        " WHERE h.source = 'original' AND h.identity = ? AND x.ended_at = ? ORDER BY a.name",
        [ip, OPEN],
    )
    return [
        {
            "uuid": identity("user", ip, row["name"], row["first_seen_at"]),
            "name": row["name"],
            "created_at": _moment(row["first_seen_at"]),
            "host": ip,
        }
        for row in rows
    ]


async def cpus(store: Store, ip: str | None = None, most: int = MOST) -> tuple[Rows, int]:
    """The newest samples, oldest of them first, and how many there are."""
    only, args = ("", []) if ip is None else (" AND h.identity = ?", [ip])
    source = f"FROM cpu_sample x JOIN host h ON h.id = x.host_id WHERE h.source = 'original'{only}"
    total = (await store.raw(f"SELECT COUNT(*) AS v {source}", args))[0]["v"]
    newest = f"SELECT x.seen_at, x.percent, h.identity AS ip {source} ORDER BY x.seen_at DESC, h.id LIMIT {most}"
    rows = [_cpu(row) for row in reversed(await store.raw(newest, args))]
    return rows, total


def _cpu(row: dict[str, Any]) -> dict[str, str]:
    return {
        "uuid": identity("cpu", row["ip"], row["seen_at"]),
        "cpu_usage": f"{row['percent']:g}",
        "created_at": _moment(row["seen_at"]),
        "host": row["ip"],
    }


def _moment(text: str) -> str:
    return text.replace(" ", "T") + "Z"
