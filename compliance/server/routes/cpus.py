"""GET /api/v1/cpu."""

from __future__ import annotations

from litestar import get
from litestar.di import NamedDependency

from compliance.server.queries import cpu
from compliance.server.routes.guard import READS, readers
from compliance.server.routes.hosts import NOBODY
from compliance.server.routes.parameters import At, Cursor, HostName, Limit, Since, question
from compliance.server.storage.engine import Store
from compliance.wire.answers import CpuAnswer, Page


@get("/api/v1/cpu", guards=[readers], security=[READS], exception_handlers=NOBODY, summary="CPU usage")
async def list_cpu(
    store: NamedDependency[Store],
    host: HostName = None,
    at: At = None,
    since: Since = None,
    cursor: Cursor = None,
    limit: Limit = 100,
) -> Page[CpuAnswer]:
    """How busy the hosts were, in the hour before the moment or since another one."""
    return await cpu.cpu(store, question(at, since, host, None, cursor, limit))


HANDLERS = [list_cpu]
