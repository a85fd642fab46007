"""What every command of `compliance server` that opens the database asks for, and the opening."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, TypeVar

import typer

from compliance.console import Format
from compliance.settings import first, from_file, private_folder, read_toml, state_folder

if TYPE_CHECKING:
    from compliance.server.storage.engine import Store

T = TypeVar("T")

SETTINGS = {
    "database": str,
    "host": str,
    "port": int,
    "workers": int,
    "tls_cert": str,
    "tls_key": str,
    "insecure": bool,
    "ingest_key_file": str,
    "enroll_key_file": str,
}
"""What server.toml may say."""

Database = Annotated[
    str | None,
    typer.Option(
        "--database",
        help="sqlite:///path or mysql://user:password@host:port/name?ssl-ca=...; COMPLIANCE_DATABASE, or"
        " COMPLIANCE_DATABASE_FILE with the name of a file, keeps it off the command line.",
        show_default=False,
    ),
]
ConfigFile = Annotated[
    Path | None, typer.Option("--config", help="A TOML file with these settings; examples/server.toml lists them.")
]
Output = Annotated[Format, typer.Option("--output", "-o", help="How to print it.")]


def settings(file: Path | None) -> dict[str, Any]:
    """server.toml: the one named, or STATE/server.toml where there is one."""
    if file is not None:
        return read_toml(file, SETTINGS)
    usual = state_folder() / "server.toml"
    return read_toml(usual, SETTINGS) if usual.is_file() else {}


def database_url(flag: str | None, file: dict[str, Any]) -> str:
    """The flag, the environment, a file that it names, server.toml; without a word, SQLite in the state folder."""
    said: str | None = first(flag, ("COMPLIANCE_DATABASE",)).value
    url = said or from_file("COMPLIANCE_DATABASE_FILE") or file.get("database")
    return url or f"sqlite:///{private_folder(state_folder()) / 'compliance.db'}"


@contextmanager
def opened(flag: str | None, config: Path | None) -> Iterator[Store]:
    """The store, migrated."""
    from compliance.server.storage.engine import open_store
    from compliance.server.storage.migrate import migrate
    from compliance.server.storage.migrations import MIGRATIONS

    store = open_store(database_url(flag, settings(config)))
    try:
        migrate(store, MIGRATIONS)
        yield store
    finally:
        store.close()


def ask(flag: str | None, config: Path | None, question: Callable[[Store], Awaitable[T]]) -> T:
    """The answer of one question to the store."""

    async def answer(store: Store) -> T:
        return await question(store)

    with opened(flag, config) as store:
        return asyncio.run(answer(store))
