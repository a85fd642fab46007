"""All that is known of one host at a moment."""

from __future__ import annotations

from typing import Any

from compliance.server.queries.fleet import answer_one
from compliance.server.queries.hosts import find_host
from compliance.server.queries.unknown import gaps, unknown
from compliance.server.storage.clock import to_ms, to_text
from compliance.server.storage.engine import Store
from compliance.wire.answers import AddressAnswer, BlindAnswer, HostDetail
from compliance.wire.messages import Kind

KINDS: tuple[Kind, ...] = ("host", "os", "addresses", "cpu", "processes", "sessions")
_OPEN_AT = "host_id = ? AND first_seen_at <= ? AND ended_at > ?"


async def host(store: Store, name: str, at: int) -> HostDetail | None:
    """By its id, its name or its address; None where nobody answers to it."""
    host_id = await find_host(store, name, at)
    line = None if host_id is None else await answer_one(store, host_id, at)
    if host_id is None or line is None:
        return None
    moment = to_text(at)
    args = [host_id, moment, moment]
    identity = (
        await store.raw("SELECT * FROM host h JOIN host_contact c ON c.host_id = h.id WHERE h.id = ?", [host_id])
    )[0]
    fact = await _first(store, f"SELECT * FROM host_fact WHERE {_OPEN_AT}", args)
    boot = await _first(store, f"SELECT * FROM host_boot WHERE {_OPEN_AT}", args)
    system = await _first(
        store,
        f"SELECT s.* FROM host_os o JOIN operating_system s ON s.id = o.operating_system_id WHERE {_OPEN_AT}",
        args,
    )
    addresses = await store.raw(f"SELECT * FROM host_address WHERE {_OPEN_AT} ORDER BY is_primary DESC, address", args)
    blind = await store.raw(f"SELECT * FROM blind_spot WHERE {_OPEN_AT} ORDER BY kind", args)
    looked = {kind: identity[f"{kind}_looked_at"] for kind in KINDS}
    return HostDetail(
        at=at,
        host=line,
        machine_id=fact.get("machine_id"),
        kernel=system.get("kernel"),
        architecture=system.get("architecture"),
        booted_at=_ms(fact.get("booted_at")),
        boot_id=boot.get("boot_id"),
        enrolled_at=to_ms(identity["enrolled_at"]),
        retired_at=_by(identity["retired_at"], moment),
        refused_at=_by(identity["refused_at"], moment),
        slowed=identity["slowed"],
        skew_ms=None if identity["seen_at"] is None else identity["skew_ms"],
        corrections=identity["corrections"],
        looked_at={kind: to_ms(text) for kind, text in looked.items() if _by(text, moment) is not None},
        blind=[
            BlindAnswer(kind=r["kind"], rows=r["lacking_rows"], fields=r["lacking_fields"], reason=r["reason"])
            for r in blind
        ],
        addresses=[_address(row) for row in addresses],
        unknown=[told for kind in KINDS for told in await unknown(store, kind, at, host_id)],
        gaps=await gaps(store, host_id, line.id, line.hostname, at),
    )


def _address(row: dict[str, Any]) -> AddressAnswer:
    return AddressAnswer(
        address=row["address"],
        interface=row["interface"],
        primary=bool(row["is_primary"]),
        first_seen_at=to_ms(row["first_seen_at"]),
    )


async def _first(store: Store, sql: str, args: list[Any]) -> dict[str, Any]:
    rows = await store.raw(sql, args)
    return rows[0] if rows else {}


def _by(text: str | None, moment: str) -> int | None:
    """What came after the moment was not known then."""
    return None if text is None or text > moment else to_ms(text)


def _ms(text: str | None) -> int | None:
    return None if text is None else to_ms(text)
