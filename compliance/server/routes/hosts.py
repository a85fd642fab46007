"""GET /api/v1/hosts and /api/v1/hosts/{name}."""

from __future__ import annotations

from typing import Any

from litestar import Request, Response, get
from litestar.di import NamedDependency

from compliance.server.queries import fleet
from compliance.server.queries.host import host as ask_host
from compliance.server.queries.intervals import NoSuchHost
from compliance.server.routes.guard import READS, readers
from compliance.server.routes.parameters import At, Cursor, HostName, HostPath, Limit, State, moment
from compliance.server.routes.problems import ProblemFound, answer
from compliance.server.storage.engine import Store
from compliance.wire.answers import HostAnswer, HostDetail, Page


def _nobody(request: Request[Any, Any, Any], error: NoSuchHost) -> Response[bytes]:
    return answer(404, str(error))


NOBODY: Any = {NoSuchHost: _nobody}
"""For the handlers whose lists may be of one host."""


@get("/api/v1/hosts", guards=[readers], security=[READS], summary="The hosts")
async def list_hosts(
    store: NamedDependency[Store],
    host: HostName = None,
    standing: State = None,  # `state` is the framework's own
    at: At = None,
    cursor: Cursor = None,
    limit: Limit = 100,
) -> Page[HostAnswer]:
    """The fleet, now or at a moment, a line a host."""
    return await fleet.hosts(store, moment(at), host or None, standing or None, cursor, limit)


@get("/api/v1/hosts/{name:str}", guards=[readers], security=[READS], summary="One host")
async def show_host(store: NamedDependency[Store], name: HostPath, at: At = None) -> HostDetail:
    """All that is known of a host, and what is not."""
    found = await ask_host(store, name, moment(at))
    if found is None:
        raise ProblemFound(404, f"No host answered to {name!r} then: `compliance report hosts` lists them.")
    return found


HANDLERS = [list_hosts, show_host]
