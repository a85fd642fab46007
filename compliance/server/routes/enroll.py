"""POST /api/v1/enroll: a new host makes itself known."""

from __future__ import annotations

from typing import Any

import msgspec
from litestar import Request, Response, post

from compliance.server.enrollment import Taken, enroll
from compliance.server.gate import Gate
from compliance.server.routes import body
from compliance.server.routes.guard import ENROLLS, enrollers
from compliance.server.routes.problems import ProblemFound
from compliance.server.storage.engine import Store
from compliance.wire.codec import decode_enrollment


@post("/api/v1/enroll", status_code=200, guards=[enrollers], security=[ENROLLS], summary="Enroll a host")
async def enroll_host(request: Request[Any, Any, Any]) -> Response[bytes]:
    """With an enrollment key. The host made its id and its token itself; saying them again is harmless."""
    message, _ = await body.read(request, decode_enrollment)
    store: Store = request.app.state.store
    try:
        enrolled = await enroll(store, message)
    except Taken as error:
        raise ProblemFound(409, str(error)) from None
    gate: Gate = request.app.state.gate
    gate.forget_token(message.secret)
    return Response(msgspec.json.encode(enrolled), status_code=200, media_type="application/json")


HANDLERS = [enroll_host]
