"""A fleet as the API would answer for it: real Structs, encoded as the server encodes them."""

from typing import Any

from compliance.wire.answers import (
    AddressAnswer,
    BlindAnswer,
    CpuAnswer,
    HostAnswer,
    HostDetail,
    Page,
    ProcessAnswer,
    SessionAnswer,
    Unknown,
)
from compliance.wire.messages import Kind

NOW = 1_795_528_980_000
"""2026-11-24 14:03:00 UTC."""
MINUTE, HOUR, DAY = 60_000, 3_600_000, 86_400_000
WEB, DB = "a1" * 16, "b2" * 16


def page(*items: Any, next: str | None = None, unknown: tuple[Unknown, ...] = (), at: int = NOW) -> Page[Any]:
    return Page(at=at, items=list(items), next=next, unknown=list(unknown))


def unknown(kind: Kind = "processes", **changes: Any) -> Unknown:
    members: dict[str, Any] = {
        "host": WEB,
        "hostname": "web-1",
        "since": NOW - 12 * MINUTE,
        "until": None,
        "reason": "no report for 12 min",
    }
    return Unknown(kind=kind, **members | changes)


def host(**changes: Any) -> HostAnswer:
    members: dict[str, Any] = {
        "id": WEB,
        "hostname": "web-1",
        "address": "10.0.0.7",
        "os_name": "Debian GNU/Linux",
        "os_version": "13",
        "state": "reporting",
        "seen_at": NOW - 3 * MINUTE,
        "interval_s": 60,
        "agent": "0.1.0",
        "processes": 83,
        "sessions": 2,
        "cpu_percent": 12.5,
    }
    return HostAnswer(**members | changes)


def detail(**changes: Any) -> HostDetail:
    members: dict[str, Any] = {
        "at": NOW,
        "host": host(),
        "machine_id": "0123456789abcdef0123456789abcdef",
        "kernel": "6.12.48",
        "architecture": "x86_64",
        "booted_at": NOW - 3 * DAY,
        "boot_id": "boot",
        "enrolled_at": NOW - 10 * DAY,
        "retired_at": None,
        "refused_at": None,
        "slowed": None,
        "skew_ms": 40,
        "corrections": 0,
        "looked_at": {"processes": NOW - 3 * MINUTE},
        "blind": [],
        "addresses": [AddressAnswer(address="10.0.0.7", interface="eth0", primary=True, first_seen_at=NOW - DAY)],
        "unknown": [],
        "gaps": [],
    }
    return HostDetail(**members | changes)


def process(**changes: Any) -> ProcessAnswer:
    members: dict[str, Any] = {
        "host": WEB,
        "hostname": "web-1",
        "pid": 4242,
        "ppid": 1,
        "user": "www-data",
        "name": "nginx",
        "exe": "/usr/sbin/nginx",
        "arguments": "nginx -g 'daemon off;'",
        "started_at": NOW - 2 * HOUR,
        "first_seen_at": NOW - 2 * HOUR,
        "ended_at": None,
        "last_seen_at": None,
    }
    return ProcessAnswer(**members | changes)


def session(**changes: Any) -> SessionAnswer:
    members: dict[str, Any] = {
        "host": WEB,
        "hostname": "web-1",
        "user": "alice",
        "terminal": "pts/0",
        "remote_host": "192.0.2.9",
        "opened_at": NOW - 20 * MINUTE,
        "first_seen_at": NOW - 19 * MINUTE,
        "ended_at": None,
        "last_seen_at": None,
    }
    return SessionAnswer(**members | changes)


def sample(**changes: Any) -> CpuAnswer:
    members: dict[str, Any] = {
        "host": WEB,
        "hostname": "web-1",
        "seen_at": NOW - 3 * MINUTE,
        "percent": 42.25,
        "percent_max": 42.25,
        "samples": 1,
        "cores": 4,
        "load_1": 1.5,
        "load_5": 1.25,
        "load_15": None,
    }
    return CpuAnswer(**members | changes)


def blind(**changes: Any) -> BlindAnswer:
    members: dict[str, Any] = {"kind": "processes", "rows": 0, "fields": 12, "reason": "no privilege to read exe"}
    return BlindAnswer(**members | changes)
