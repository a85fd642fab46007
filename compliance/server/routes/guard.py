"""Who may call what. Nothing but the health pages is open without a key or a host's token."""

from __future__ import annotations

from typing import Any

from litestar.connection import ASGIConnection
from litestar.handlers import BaseRouteHandler

from compliance.server.gate import TOKEN, Gate
from compliance.server.routes.problems import ProblemFound

Connection = ASGIConnection[Any, Any, Any, Any]
CHALLENGE = {"www-authenticate": 'Bearer realm="compliance"'}

# Who may call, by the names of the security schemes in `schema`.
READS: dict[str, list[str]] = {"reading": []}
ENROLLS: dict[str, list[str]] = {"enrolling": []}
REPORTS: dict[str, list[str]] = {"reporting": []}
ORIGINAL: dict[str, list[str]] = {"original": []}


def bearer(connection: Connection) -> str:
    """The secret of the Authorization header; 401 where there is none."""
    scheme, _, secret = connection.headers.get("authorization", "").partition(" ")
    if scheme.lower() != "bearer" or not secret:
        raise ProblemFound(401, "Send your key as `Authorization: Bearer ...`.", CHALLENGE)
    return secret.strip()


async def _require(connection: Connection, secret: str, roles: tuple[str, ...]) -> None:
    needed = " or ".join(roles)
    if TOKEN.fullmatch(secret):
        raise ProblemFound(403, f"A host's token is for its reports only; this needs a key with the role {needed}.")
    gate: Gate = connection.app.state.gate
    key = await gate.key(secret)
    if key is None:
        raise ProblemFound(401, "This key is not known here: `compliance server keys create` makes one.", CHALLENGE)
    objection = key.objection()
    if objection is not None:
        raise ProblemFound(401, objection, CHALLENGE)
    if key.role not in roles:
        raise ProblemFound(403, f"The key {key.name!r} has the role {key.role}; this needs {needed}.")


async def readers(connection: Connection, handler: BaseRouteHandler) -> None:
    await _require(connection, bearer(connection), ("read", "admin"))


async def enrollers(connection: Connection, handler: BaseRouteHandler) -> None:
    await _require(connection, bearer(connection), ("enroll",))


async def original_clients(connection: Connection, handler: BaseRouteHandler) -> None:
    secret = connection.headers.get("x-api-key", "")
    if not secret:
        raise ProblemFound(401, "Send an ingest key in the header x-api-key.")
    await _require(connection, secret, ("ingest",))


def unknown_host() -> ProblemFound:
    return ProblemFound(401, "This host is not known here: enroll it with `compliance agent enroll`.", CHALLENGE)


async def reporting_host(connection: Connection) -> int:
    """The host that the token belongs to: only it says who reports."""
    gate: Gate = connection.app.state.gate
    secret = bearer(connection)
    token = await gate.token(secret)
    if token is None:
        key = await gate.key(secret)
        if key is not None:
            raise ProblemFound(403, f"The key {key.name!r} has the role {key.role}; this needs a host's own token.")
        raise unknown_host()
    if token.revoked:
        sentence = "This host's token was revoked: `compliance agent enroll --anew` gives it a new identity."
        raise ProblemFound(401, sentence, CHALLENGE)
    return token.host_id
