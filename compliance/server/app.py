"""`create_app`: the only place where the server's parts meet."""

from __future__ import annotations

import asyncio
import os
import sys
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

from litestar import Litestar
from litestar.datastructures import State
from litestar.di import Provide
from litestar.openapi.config import OpenAPIConfig
from litestar.types import ASGIApp, ControllerRouterHandler

from compliance import __version__
from compliance.errors import ComplianceError
from compliance.server.config import Config
from compliance.server.gate import Gate
from compliance.server.ingest.writer import Writer
from compliance.server.judging.worker import Judge
from compliance.server.routes import (
    cpus,
    enroll,
    health,
    hosts,
    original,
    problems,
    processes,
    reports,
    sessions,
)
from compliance.server.routes.health import Readiness
from compliance.server.routes.schema import SECURITY, Description, SchemaPage
from compliance.server.serving import end_with_the_supervisor, hear_ctrl_c
from compliance.server.storage.engine import Store, open_store
from compliance.server.storage.migrate import migrate
from compliance.server.storage.migrations import MIGRATIONS

ROUTES: list[ControllerRouterHandler] = [
    *health.HANDLERS,
    *enroll.HANDLERS,
    *reports.HANDLERS,
    *hosts.HANDLERS,
    *processes.HANDLERS,
    *sessions.HANDLERS,
    *cpus.HANDLERS,
    *original.HANDLERS,
]


def create_app(config: Config) -> Litestar:
    """The application; it opens and migrates its store when it starts, and empties its queue when it ends."""

    @asynccontextmanager
    async def life(app: Litestar) -> AsyncIterator[None]:
        store = await asyncio.to_thread(_open, config.database)
        judge = Judge(store)
        writer = Writer(store, config.queue_bytes, judge.wake)
        readiness = Readiness(store, writer)
        app.state.update(
            {"store": store, "gate": Gate(store), "writer": writer, "readiness": readiness, "config": config}
        )
        writer.start()
        judge.start()
        try:
            yield
        finally:
            await writer.stop()
            await judge.stop()
            store.close()

    def provide_store(state: State) -> Store:
        store: Store = state.store
        return store

    return Litestar(
        route_handlers=ROUTES,
        lifespan=[life],
        dependencies={"store": Provide(provide_store, sync_to_thread=False)},
        exception_handlers=problems.HANDLERS,
        request_max_body_size=config.max_body,
        openapi_config=OpenAPIConfig(
            title="compliance",
            version=__version__,
            path="/schema",
            components=SECURITY,
            render_plugins=[SchemaPage(), Description()],
            use_handler_docstrings=True,
        ),
        logging_config=None,
    )


def _open(database: str) -> Store:
    store = open_store(database)
    try:
        migrate(store, MIGRATIONS)
    except BaseException:
        store.close()
        raise
    return store


def from_environment() -> ASGIApp:
    """What each worker process starts: `compliance server run` leaves the settings in the environment."""
    hear_ctrl_c()  # uvicorn's handlers stand by now
    end_with_the_supervisor()
    return in_a_sentence(create_app(Config(database=os.environ["COMPLIANCE_DATABASE"])))


def in_a_sentence(app: ASGIApp) -> ASGIApp:
    """The same; a start that fails for a reason of ours says the reason, where the framework says its traceback."""

    async def call(scope: Any, receive: Any, send: Any) -> None:
        async def say(message: Any) -> None:
            error = _first(sys.exc_info()[1])
            if message["type"] == "lifespan.startup.failed" and isinstance(error, ComplianceError):
                message["message"] = str(error)
            await send(message)

        await app(scope, receive, say if scope["type"] == "lifespan" else send)

    return call


def _first(error: BaseException | None) -> BaseException | None:
    """The framework starts several things at once, and tells what went wrong as a group."""
    return _first(error.exceptions[0]) if isinstance(error, BaseExceptionGroup) else error
