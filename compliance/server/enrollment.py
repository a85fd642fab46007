"""Who may speak: keys for people and programs, and a token for each host; made, told, and ended."""

from __future__ import annotations

import secrets

from compliance.errors import ComplianceError, Refused, WrongUsage
from compliance.server.gate import KEY, hash_secret, key_of
from compliance.server.storage.clock import now_ms, to_text
from compliance.server.storage.engine import Store
from compliance.server.storage.tables import ApiKey, Host, HostToken
from compliance.wire.messages import Enrolled, Enrollment

ROLES = {
    "enroll": "lets new hosts in",
    "ingest": "writes and reads by the original contract",
    "read": "reads everything",
    "admin": "reads and administers",
}
AGENT = "agent"
"""The source of hosts that enrolled."""
NAME_LENGTH = 255
NUMBER_LENGTH = 18
"""Digits that an id has at most; more may not fit into the store's integers."""


class Taken(ComplianceError):
    """The host id is known under another secret, or its own was revoked."""


def mint_key() -> str:
    """256 random bits behind our prefix, by which redaction knows it."""
    return "cmk_" + secrets.token_urlsafe(32)


async def enroll(store: Store, message: Enrollment) -> Enrolled:
    """Makes the host known; saying the same again changes nothing. Raise Taken."""
    try:
        await _enroll(store, message)
    except Exception as error:
        if not (store.dialect.is_duplicate(error) or store.dialect.is_retryable(error)):
            raise
        await _enroll(store, message)  # the same enrollment came twice at once: now it is the second
    return Enrolled(id=message.id, name=message.hostname)


async def _enroll(store: Store, message: Enrollment) -> None:
    hashed, now = hash_secret(message.secret), to_text(now_ms())
    async with store.transaction():
        # One statement, so one moment: the same enrollment may be committed by another worker between two.
        known = await store.raw(_KNOWN, [AGENT, message.id, hashed])
        if known:
            _check_same(message.id, hashed, known)
            return
        await store.rows(Host.insert(Host(source=AGENT, identity=message.id, enrolled_at=now)))
        host_id = (
            await store.rows(Host.select(Host.id).where((Host.source == AGENT) & (Host.identity == message.id)))
        )[0]["id"]
        await store.rows(HostToken.insert(HostToken(hash=hashed, host_id=host_id, created_at=now)))
        await store.raw(*_first_contact(host_id))


def _first_contact(host_id: int) -> tuple[str, list[object]]:
    sql = (
        "INSERT INTO host_contact (host_id, recent, boots, skew_ms, revision, corrections, forks)"
        " VALUES (?, ?, ?, 0, 0, 0, 0)"
    )
    return sql, [host_id, b"", b""]


_KNOWN = " UNION ALL ".join(
    "SELECT h.identity, h.retired_at, t.hash, t.revoked_at FROM host h JOIN host_token t ON t.host_id = h.id WHERE "
    + by
    for by in ("h.source = ? AND h.identity = ?", "t.hash = ?")
)
"""By the host's id, and by its token: the same row twice where nothing is wrong."""


def _check_same(identity: str, hashed: bytes, known: list[dict[str, object]]) -> None:
    same = [row for row in known if (row["identity"], row["hash"]) == (identity, hashed)]
    if not same and any(row["identity"] == identity for row in known):
        raise Taken("This host id is enrolled with another secret: run `compliance agent enroll --anew`.")
    if not same:
        raise Taken("This token belongs to another host: run `compliance agent enroll --anew` there.")
    if same[0]["revoked_at"] is not None or same[0]["retired_at"] is not None:
        raise Taken("This host's identity was revoked: run `compliance agent enroll --anew` to give it a new one.")


async def create_key(store: Store, name: str, role: str, expires_ms: int | None = None) -> str:
    """The key itself, which is not kept. WrongUsage for a role that is none, or a name in use."""
    key = mint_key()
    await _insert_key(store, name, role, key, expires_ms)
    return key


async def give_key(store: Store, name: str, role: str, key: str, expires_ms: int | None = None) -> bool:
    """Makes what was chosen elsewhere the key of that name, in place of the one before it; whether that was news.

    WrongUsage for what could be guessed or means another key; Refused for a key that was revoked or expired here.
    """
    if not KEY.fullmatch(key) or len(set(key)) < 8:
        raise WrongUsage("A given key has 32 to 128 random letters, digits, - or _: let a generator make it.")
    try:
        return await _give(store, name, role, key, expires_ms)
    except Exception as error:
        # Another server that was given it at once may have committed it between what this one read and wrote.
        at_once = isinstance(error, WrongUsage) or store.dialect.is_duplicate(error)
        if at_once and await _is_given(store, name, role, key):
            return False
        raise


async def _give(store: Store, name: str, role: str, key: str, expires_ms: int | None) -> bool:
    async with store.transaction():
        if await _is_given(store, name, role, key):
            return False
        # The old key ends with the same COMMIT that the new one begins with.
        await store.raw(
            "UPDATE api_key SET revoked_at = ? WHERE name = ? AND role = ? AND revoked_at IS NULL",
            [to_text(now_ms()), name, role],
        )
        await _insert_key(store, name, role, key, expires_ms)
    return True


async def _is_given(store: Store, name: str, role: str, key: str) -> bool:
    rows = await store.rows(ApiKey.select().where(ApiKey.hash == hash_secret(key)))
    if not rows:
        return False
    known = key_of(rows[0])
    if (known.name, known.role) != (name, role):
        raise WrongUsage(f"This key is {known.name!r} with the role {known.role} already: give each its own.")
    objection = known.objection()
    if objection is not None:
        raise Refused(objection)
    return True


async def _insert_key(store: Store, name: str, role: str, key: str, expires_ms: int | None) -> None:
    if role not in ROLES:
        raise WrongUsage(f"There is no role {role!r}: choose one of {', '.join(ROLES)}.")
    if not 0 < len(name.strip()) <= NAME_LENGTH:
        raise WrongUsage(f"A key's name has 1 to {NAME_LENGTH} characters: say whose it is, or what for.")
    for row in await store.rows(ApiKey.select().where((ApiKey.name == name) & ApiKey.revoked_at.is_null())):
        if key_of(row).objection() is None:
            raise WrongUsage(f"A key named {name!r} is in use: choose another name, or revoke that one first.")
    expires = None if expires_ms is None else to_text(expires_ms)
    new = ApiKey(name=name, role=role, hash=hash_secret(key), created_at=to_text(now_ms()), expires_at=expires)
    await store.rows(ApiKey.insert(new))


async def list_keys(store: Store) -> list[dict[str, object]]:
    """All keys there ever were, oldest first, without their hashes."""
    columns = (ApiKey.id, ApiKey.name, ApiKey.role, ApiKey.created_at, ApiKey.expires_at, ApiKey.revoked_at)
    return await store.rows(ApiKey.select(*columns).order_by(ApiKey.id))


async def revoke_key(store: Store, name: str) -> None:
    """By its name or number. It opens nothing any more, 10 seconds from now at the latest."""
    by = ApiKey.name == name
    rows = await store.rows(ApiKey.select(ApiKey.id).where(by & ApiKey.revoked_at.is_null()))
    if not rows and name.isascii() and name.isdecimal() and len(name) <= NUMBER_LENGTH:
        rows = await store.rows(ApiKey.select(ApiKey.id).where((ApiKey.id == int(name)) & ApiKey.revoked_at.is_null()))
    if not rows:
        raise ComplianceError(f"No key {name!r} is in use: `compliance server keys list` shows them.")
    for row in rows:
        await store.raw("UPDATE api_key SET revoked_at = ? WHERE id = ?", [to_text(now_ms()), row["id"]])


async def retire(store: Store, host_id: int) -> None:
    """The host is gone for good: its token opens nothing, its history stays."""
    now = to_text(now_ms())
    async with store.transaction():
        await store.raw("UPDATE host SET retired_at = ? WHERE id = ? AND retired_at IS NULL", [now, host_id])
        await store.raw("UPDATE host_token SET revoked_at = ? WHERE host_id = ? AND revoked_at IS NULL", [now, host_id])


async def release(store: Store, host_id: int) -> None:
    """Ends the refusal of a clone: the shared identity is retired, and each machine may enroll anew as itself.

    Since when it was refused stays known: what was not taken from then on is unknown for good.
    """
    sql = "SELECT c.refused_at, h.retired_at FROM host h JOIN host_contact c ON c.host_id = h.id WHERE h.id = ?"
    rows = await store.raw(sql, [host_id])
    if not rows or rows[0]["refused_at"] is None or rows[0]["retired_at"] is not None:
        raise Refused("This host is not refused: there is nothing to release.")
    await retire(store, host_id)
