"""GET /health/live and /health/ready: open to all, and saying nothing else."""

from __future__ import annotations

from typing import Any

from litestar import Request, get

from compliance.errors import ComplianceError
from compliance.server.routes.problems import ProblemFound


@get("/health/live", summary="Is the process alive", sync_to_thread=False)
def live() -> dict[str, str]:
    """Answers as long as the process does."""
    return {"status": "live"}


@get("/health/ready", summary="Can it take reports")
async def ready(request: Request[Any, Any, Any]) -> dict[str, str]:
    """Writes to the store, and looks whether the writer runs."""
    if not request.app.state.writer.alive:
        raise ProblemFound(503, "The writer does not run; the server's log says why.")
    try:
        await request.app.state.store.ready()
    except ComplianceError as error:
        raise ProblemFound(503, str(error)) from None
    return {"status": "ready"}


HANDLERS = [live, ready]
