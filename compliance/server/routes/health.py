"""GET /health/live and /health/ready: open to all, and saying nothing else."""

from __future__ import annotations

import asyncio
from typing import Any

from litestar import Request, get

from compliance.errors import ComplianceError
from compliance.server.ingest.writer import Writer
from compliance.server.routes.problems import RETRY_SECONDS, ProblemFound
from compliance.server.storage.engine import Store


class Readiness:
    """Whether reports can be taken. One look at a time: it writes, and whoever likes may ask."""

    def __init__(self, store: Store, writer: Writer) -> None:
        self._store = store
        self._writer = writer
        self._look: asyncio.Task[str | None] | None = None

    async def trouble(self) -> str | None:
        """A sentence where they cannot."""
        if not self._writer.alive:
            return "The writer does not run; the server's log says why, and it starts again by itself."
        if self._look is None or self._look.done():
            self._look = asyncio.create_task(self._write())
        return await asyncio.shield(self._look)

    async def _write(self) -> str | None:
        try:
            await self._store.ready()
        except ComplianceError as error:
            return str(error)
        return None


@get("/health/live", summary="Is the process alive", sync_to_thread=False)
def live() -> dict[str, str]:
    """Answers as long as the process does."""
    return {"status": "live"}


@get("/health/ready", summary="Can it take reports")
async def ready(request: Request[Any, Any, Any]) -> dict[str, str]:
    """Writes to the store, and looks whether the writer runs."""
    readiness: Readiness = request.app.state.readiness
    trouble = await readiness.trouble()
    if trouble is not None:
        raise ProblemFound(503, trouble, {"retry-after": RETRY_SECONDS})
    return {"status": "ready"}


HANDLERS = [live, ready]
