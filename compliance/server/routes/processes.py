"""GET /api/v1/processes."""

from __future__ import annotations

from litestar import get
from litestar.di import NamedDependency

from compliance.server.queries import processes
from compliance.server.routes.guard import READS, readers
from compliance.server.routes.hosts import NOBODY
from compliance.server.routes.parameters import At, Cursor, HostName, Limit, Name, Since, User, question
from compliance.server.storage.engine import Store
from compliance.wire.answers import Page, ProcessAnswer


@get("/api/v1/processes", guards=[readers], security=[READS], exception_handlers=NOBODY, summary="Processes")
async def list_processes(
    store: NamedDependency[Store],
    host: HostName = None,
    name: Name = None,
    user: User = None,
    at: At = None,
    since: Since = None,
    cursor: Cursor = None,
    limit: Limit = 100,
) -> Page[ProcessAnswer]:
    """What runs, ran at a moment, or ran since one."""
    return await processes.processes(store, question(at, since, host, user, cursor, limit), name or None)


HANDLERS = [list_processes]
