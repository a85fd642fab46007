"""POST /api/v1/reports: what a host has to say."""

from __future__ import annotations

from typing import Any

import msgspec
from litestar import Request, Response, post

from compliance.server.ingest.apply import Arrival
from compliance.server.ingest.check import check
from compliance.server.ingest.decide import CloneFound, HostGone
from compliance.server.ingest.writer import Busy, Writer
from compliance.server.routes import body
from compliance.server.routes.guard import REPORTS, reporting_host, unknown_host
from compliance.server.routes.problems import RETRY_SECONDS, ProblemFound
from compliance.server.storage.clock import now_ms
from compliance.wire.codec import decode_report


@post("/api/v1/reports", status_code=200, security=[REPORTS], summary="Take a report")
async def take_report(request: Request[Any, Any, Any]) -> Response[bytes]:
    """Answered after the commit: `applied`, `repeat`, or `wanted` with what has to come whole."""
    received = now_ms()
    host_id = await reporting_host(request)
    report, size = await body.read(request, decode_report)
    check(report)
    writer: Writer = request.app.state.writer
    try:
        answer = await writer.write(Arrival(host_id, report, received), size)
    except Busy as error:
        raise ProblemFound(503, str(error), {"retry-after": RETRY_SECONDS}) from None
    if isinstance(answer, CloneFound):
        sentence = (
            "Two machines report with this host's identity, so neither is taken. On the server, `compliance server"
            " hosts release` ends this; then `compliance agent enroll --anew` on each machine."
        )
        raise ProblemFound(403, sentence)
    if isinstance(answer, HostGone):
        raise unknown_host()
    return Response(msgspec.json.encode(answer), status_code=200, media_type="application/json")


HANDLERS = [take_report]
