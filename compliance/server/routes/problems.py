"""Every error as problem details (RFC 9457): a sentence that says what to do next, never a secret."""

from __future__ import annotations

import logging
from http import HTTPStatus
from typing import Any

import msgspec
from litestar import Request, Response
from litestar.exceptions import HTTPException, ValidationException

from compliance.errors import Broken, ComplianceError, Refused, Unreachable, WrongUsage
from compliance.server.config import MEGABYTE, Config
from compliance.server.ingest.check import Malformed
from compliance.server.ingest.writer import Poisoned
from compliance.wire.answers import Problem

log = logging.getLogger(__name__)

RETRY_SECONDS = "5"


class ProblemFound(Exception):
    """A handler's answer that is not the one asked for."""

    def __init__(self, status: int, detail: str, headers: dict[str, str] | None = None) -> None:
        super().__init__(detail)
        self.status = status
        self.detail = detail
        self.headers = headers or {}


def answer(status: int, detail: str, headers: dict[str, str] | None = None) -> Response[bytes]:
    """A problem as a response."""
    title = HTTPStatus(status).phrase
    body = msgspec.json.encode(Problem(type="about:blank", title=title, status=status, detail=detail))
    return Response(body, status_code=status, headers=headers or {}, media_type="application/problem+json")


def _found(request: Request[Any, Any, Any], error: ProblemFound) -> Response[bytes]:
    return answer(error.status, error.detail, error.headers)


def _http(request: Request[Any, Any, Any], error: HTTPException) -> Response[bytes]:
    detail = error.detail
    if isinstance(error, ValidationException) and isinstance(error.extra, list):
        places = (
            f"{item.get('key', '?')}: {item.get('message', '')}" for item in error.extra if isinstance(item, dict)
        )
        detail = "; ".join(places) or detail
    headers = dict(error.headers or {})
    if detail == HTTPStatus(error.status_code).phrase:
        detail = _sentence(request, error.status_code, headers)
    return answer(error.status_code, detail, headers)


def _sentence(request: Request[Any, Any, Any], status: int, headers: dict[str, str]) -> str:
    """For what the framework says in two words."""
    if status == 404:
        return f"There is no {request.url.path} here: /schema lists what there is."
    if status == 405:
        return f"{request.url.path} does not take {request.method}, but {headers.get('allow', 'another method')}."
    if status == 413:
        config: Config = request.app.state.config
        return f"The body is larger than {config.max_body // MEGABYTE} MB: send less at once, or compress it."
    return HTTPStatus(status).phrase


def _trouble(request: Request[Any, Any, Any], error: ComplianceError) -> Response[bytes]:
    """What the server cannot do now, the agent keeps and sends again."""
    if isinstance(error, WrongUsage):
        return answer(400, str(error))
    if isinstance(error, Poisoned):
        return answer(422, str(error))
    if isinstance(error, Unreachable | Broken | Refused):
        log.error("%s %s: %s", request.method, request.url.path, error)
        return answer(503, str(error), {"retry-after": RETRY_SECONDS})
    return answer(500, str(error))


def _malformed(request: Request[Any, Any, Any], error: Malformed) -> Response[bytes]:
    return answer(400, str(error))


def _unexpected(request: Request[Any, Any, Any], error: Exception) -> Response[bytes]:
    log.exception("%s %s failed", request.method, request.url.path)
    return answer(500, "The server failed on this request; its log says why.")


HANDLERS: Any = {
    ProblemFound: _found,
    HTTPException: _http,
    Malformed: _malformed,
    ComplianceError: _trouble,
    Exception: _unexpected,
}
