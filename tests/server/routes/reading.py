"""The whole application over a store that the test fills, and a client with a key."""

from __future__ import annotations

import asyncio
from collections.abc import Iterator
from contextlib import contextmanager

from litestar import Litestar
from litestar.testing import TestClient

from compliance.server.app import create_app
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
