"""The whole application over a store that the test fills, and a client with a key."""

from __future__ import annotations

import asyncio
import re
from collections.abc import Iterator
from contextlib import contextmanager

from litestar import Litestar
from litestar.handlers import HTTPRouteHandler
from litestar.testing import TestClient

from compliance.server.app import ROUTES, create_app
from compliance.server.config import Config
from compliance.server.enrollment import create_key
from compliance.server.storage.engine import Store


@contextmanager
def client(database: str, store: Store, role: str) -> Iterator[TestClient[Litestar]]:
    """It sends a key of the role, in the header that the role's routes want."""
    key = asyncio.run(create_key(store, f"the tests' {role} key", role))
    with TestClient(create_app(Config(database=database))) as http:
        http.headers.update({"x-api-key": key} if role == "ingest" else {"authorization": f"Bearer {key}"})
        yield http


def problem(answer: object, status: int) -> str:
    """The sentence of a problem with that status."""
    assert answer.status_code == status, answer.text  # type: ignore[attr-defined]
    assert answer.headers["content-type"] == "application/problem+json"  # type: ignore[attr-defined]
    return str(answer.json()["detail"])  # type: ignore[attr-defined]


OPEN = ("/health/live", "/health/ready")


def operations():
    """Method and path of every handler there is, with an example for what a path leaves open."""
    found = []
    for handler in ROUTES:
        assert isinstance(handler, HTTPRouteHandler)
        for path in handler.paths:
            for method in handler.http_methods - {"OPTIONS"}:
                found.append((method, re.sub(r"\{[^}]*\}", "x", path)))
    return sorted(found)


GUARDED = [operation for operation in operations() if operation[1] not in OPEN]


def needed(method, path):
    """Who may."""
    if path == "/api/v1/enroll":
        return ("enroll",)
    if path == "/api/v1/reports":
        return ()
    return ("read", "admin") if path.startswith("/api/") else ("ingest",)


def asked(http, method, path, secret, content=None):
    headers = {"authorization": f"Bearer {secret}"} if path.startswith("/api/") else {"x-api-key": secret}
    return http.request(method, path, headers=headers, content=content)
