"""GET /api/v1/sessions."""

from __future__ import annotations

from litestar import get
from litestar.di import NamedDependency

from compliance.server.queries import sessions
from compliance.server.routes.guard import READS, readers
from compliance.server.routes.hosts import NOBODY
from compliance.server.routes.parameters import At, Cursor, HostName, Limit, Since, User, question
from compliance.server.storage.engine import Store
from compliance.wire.answers import Page, SessionAnswer


@get("/api/v1/sessions", guards=[readers], security=[READS], exception_handlers=NOBODY, summary="Sessions")
async def list_sessions(
    store: NamedDependency[Store],
    host: HostName = None,
    user: User = None,
    at: At = None,
    since: Since = None,
    cursor: Cursor = None,
    limit: Limit = 100,
) -> Page[SessionAnswer]:
    """Who is on the hosts, was at a moment, or was since one."""
    return await sessions.sessions(store, question(at, since, host, user, cursor, limit))


HANDLERS = [list_sessions]
