"""`compliance server ...`: run it, migrate its database, and administer keys, hosts and history."""

from __future__ import annotations

import asyncio
import re
from collections.abc import Awaitable, Callable, Mapping
from datetime import UTC, datetime, timedelta
from enum import StrEnum
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from compliance import console
from compliance.console import Column, Format
from compliance.errors import ComplianceError, Refused, WrongUsage
from compliance.server.options import ConfigFile, Database, Output, ask, database_url, opened, settings
from compliance.server.policy_commands import app as policies
from compliance.settings import first, insecure_allowed, read_secret

if TYPE_CHECKING:
    from compliance.server.storage.engine import Store

app = typer.Typer(help="Keep the fleet's evidence, and answer for it.", no_args_is_help=True)
keys = typer.Typer(help="Keys that let hosts in, and people and programs read.", no_args_is_help=True)
hosts = typer.Typer(help="Hosts that are gone, or that are two; and labels.", no_args_is_help=True)
app.add_typer(keys, name="keys")
app.add_typer(hosts, name="hosts")
app.add_typer(policies, name="policies")


class Role(StrEnum):
    """What a key opens."""

    enroll = "enroll"
    ingest = "ingest"
    read = "read"
    admin = "admin"


@app.command()
def run(
    host: Annotated[
        str | None, typer.Option("--host", help="The address to listen on.", show_default="127.0.0.1")
    ] = None,
    port: Annotated[
        int | None, typer.Option("--port", help="The port; 0 takes any free one.", show_default="8080")
    ] = None,
    database: Database = None,
    workers: Annotated[int | None, typer.Option("--workers", min=1, help="Server processes.", show_default="1")] = None,
    tls_cert: Annotated[Path | None, typer.Option("--tls-cert", help="The certificate chain, a PEM file.")] = None,
    tls_key: Annotated[Path | None, typer.Option("--tls-key", help="Its private key, a PEM file.")] = None,
    insecure: Annotated[
        bool, typer.Option("--insecure", help="Listen beyond this machine without TLS (COMPLIANCE_INSECURE=1).")
    ] = False,
    ingest_key_file: Annotated[
        Path | None,
        typer.Option(
            "--ingest-key-file",
            help="A file with a key to take as the ingest key `given-ingest` (COMPLIANCE_INGEST_KEY_FILE).",
        ),
    ] = None,
    enroll_key_file: Annotated[
        Path | None,
        typer.Option(
            "--enroll-key-file",
            help="A file with a key to take as the enrollment key `given-enroll` (COMPLIANCE_ENROLL_KEY_FILE).",
        ),
    ] = None,
    config: ConfigFile = None,
) -> None:
    """Take reports and answer for them, until Ctrl-C.

    $ compliance server run --host 0.0.0.0 --tls-cert tls.pem --tls-key tls.key
    """
    from compliance.server import serving
    from compliance.server.storage.url import parse_url

    file = settings(config)

    def chosen(flag: Any, name: str, default: Any = None) -> Any:
        return first(flag, (), file.get(name), default).value

    def path(flag: Path | None, name: str) -> Path | None:
        value = chosen(flag, name)
        return None if value is None else Path(value)

    listening = serving.Listening(
        host=chosen(host, "host", "127.0.0.1"),
        port=chosen(port, "port", 8080),
        workers=chosen(workers, "workers", 1),
        tls_cert=path(tls_cert, "tls_cert"),
        tls_key=path(tls_key, "tls_key"),
    )
    serving.check(listening, insecure_allowed(insecure, bool(file.get("insecure"))))
    url = database_url(database, file)
    given = {
        role: first(flag, (f"COMPLIANCE_{role.upper()}_KEY_FILE",), file.get(f"{role}_key_file")).value
        for role, flag in (("ingest", ingest_key_file), ("enroll", enroll_key_file))
    }
    # Before any worker starts: what is wrong with the database is said here, once, in a sentence.
    with opened(url, config) as store:
        asyncio.run(_take_given(store, given))
    with serving.bind(listening) as sock:
        server = serving.make_server(listening, url)
        serving.end_on_signals(server)
        console.say(f"Listening on {serving.url(sock, listening)}, keeping {parse_url(url)}. Ctrl-C ends it.")
        serving.serve(server, sock)


async def _take_given(store: Store, files: dict[str, Any]) -> None:
    """Keys that a secret store made, at each start: what is known already changes nothing."""
    from compliance.server import enrollment

    for role, file in files.items():
        key = read_secret(None, None if file is None else str(file))
        if key is None:
            continue
        try:
            await enrollment.give_key(store, f"given-{role}", role, key)
        except Refused as error:  # revoked on purpose: a restart neither brings it back nor keeps the server down
            console.warn(f"{file} is not taken: {error}")


@app.command()
def migrate(database: Database = None, config: ConfigFile = None) -> None:
    """Bring the database's tables to this version; `run` does it too.

    $ compliance server migrate --database sqlite:////srv/compliance.db
    """
    from compliance.server.storage.engine import open_store
    from compliance.server.storage.migrate import migrate as run_migrations
    from compliance.server.storage.migrations import MIGRATIONS

    store = open_store(database_url(database, settings(config)))
    try:
        done = run_migrations(store, MIGRATIONS)
    finally:
        store.close()
    console.say("Migrated: " + ", ".join(done) + "." if done else "The tables are up to date.")


@app.command()
def prune(
    older_than: Annotated[int, typer.Option("--older-than", min=1, help="Days of history to keep.")],
    database: Database = None,
    config: ConfigFile = None,
) -> None:
    """Forget what ended more than so many days ago; what lies before is then unknown, and says so.

    $ compliance server prune --older-than 400
    """
    from compliance.server.ingest.prune import prune as run_prune

    with opened(database, config) as store:
        pruned = run_prune(store, older_than)
    gone = ", ".join(f"{count} of {table}" for table, count in pruned.rows.items()) or "nothing was that old"
    console.say(f"Pruned: {gone}. History is kept from {console.moment(pruned.kept_from)} on.")


@keys.command("create")
def create_key(
    role: Annotated[
        Role, typer.Option("--role", help="enroll: lets hosts in; read: reports; ingest: the original API.")
    ],
    name: Annotated[str, typer.Option("--name", help="Whose it is, or what for.")],
    expires: Annotated[
        str | None, typer.Option("--expires", help="When it ends: 90d, 12h, or a date such as 2027-01-31.")
    ] = None,
    key_file: Annotated[
        str | None,
        typer.Option(
            "--key-file",
            help="Take the key in this file (- reads standard input) in place of the one of that name; print none.",
        ),
    ] = None,
    database: Database = None,
    output: Output = Format.table,
    config: ConfigFile = None,
) -> None:
    """Make a key and print it, once: only its hash is kept.

    $ compliance server keys create --role enroll --name rollout --expires 90d
    $ compliance server keys create --role ingest --name gateway --key-file gw.key
    """
    from compliance.server import enrollment

    ends = None if expires is None else expiry_ms(expires, datetime.now(UTC))
    given = read_secret(None, key_file)
    if given is not None:
        news = ask(database, config, lambda store: enrollment.give_key(store, name, role.value, given, ends))
        said = "is taken; one that it had before opens nothing any more" if news else "is known already"
        console.say(f"The {role.value} key {name!r} {said}.")
        return
    key = ask(database, config, lambda store: enrollment.create_key(store, name, role.value, ends))
    if output is Format.table:
        typer.echo(key)
        console.say(f"This is the {role.value} key {name!r}. It is shown this once: keep it where only its user reads.")
    else:
        console.details({"key": key}, format=output)


@keys.command("list")
def list_keys(database: Database = None, output: Output = Format.table, config: ConfigFile = None) -> None:
    """Show the keys there are, without the keys themselves.

    $ compliance server keys list
    """
    from compliance.server import enrollment
    from compliance.server.storage.clock import to_ms

    rows = ask(database, config, enrollment.list_keys)
    for row in rows:
        for name in ("created_at", "expires_at", "revoked_at"):
            text = row[name]
            row[name] = to_ms(text) if isinstance(text, str) else None
    columns = [
        Column("id", "Number", justify="right"),
        Column("name", "Name", flexible=True),
        Column("role", "Role"),
        Column("created_at", "Made", format=console.moment, droppable=1),
        Column("expires_at", "Expires", format=console.moment),
        Column("revoked_at", "Revoked", format=console.moment, style=console.BAD),
    ]
    empty = "There is no key yet: `compliance server keys create --role enroll --name rollout` makes one."
    console.show(rows, columns, output, title="Keys", empty=empty)


@keys.command("revoke")
def revoke_key(
    name: Annotated[str, typer.Argument(help="The key's name or number.")],
    database: Database = None,
    config: ConfigFile = None,
) -> None:
    """Make a key useless: within 10 seconds it opens nothing any more.

    $ compliance server keys revoke rollout
    """
    from compliance.server import enrollment

    ask(database, config, lambda store: enrollment.revoke_key(store, name))
    console.say(f"The key {name!r} is revoked.")


@hosts.command("retire")
def retire_host(
    name: Annotated[str, typer.Argument(help="The host's name, address or id.")],
    database: Database = None,
    config: ConfigFile = None,
) -> None:
    """Say that a host is gone for good: its token is revoked, its history stays.

    $ compliance server hosts retire web-1
    """
    from compliance.server import enrollment

    ask(database, config, lambda store: _on_host(store, name, enrollment.retire))
    console.say(f"{name} is retired; its history stays readable.")


@hosts.command("release")
def release_host(
    name: Annotated[str, typer.Argument(help="The host's name, address or id.")],
    database: Database = None,
    config: ConfigFile = None,
) -> None:
    """End the refusal of two machines that shared one identity; then `agent enroll --anew` on each.

    $ compliance server hosts release web-1
    """
    from compliance.server import enrollment

    ask(database, config, lambda store: _on_host(store, name, enrollment.release))
    console.say(f"{name} is released: run `compliance agent enroll --anew` on each of the machines.")


@hosts.command("label")
def label_host(
    name: Annotated[str, typer.Argument(help="The host's name, address or id.")],
    labels: Annotated[list[str], typer.Argument(help="Labels and their values: role=web env=production.")],
    database: Database = None,
    config: ConfigFile = None,
) -> None:
    """Call a host something that policies and reports can ask for.

    $ compliance server hosts label web-1 role=web env=production
    """
    given = dict(_label(text) for text in labels)
    ask(database, config, lambda store: _on_host(store, name, _labelling(given)))
    console.say(f"{name} is labelled {', '.join(labels)}.")


@hosts.command("unlabel")
def unlabel_host(
    name: Annotated[str, typer.Argument(help="The host's name, address or id.")],
    labels: Annotated[list[str], typer.Argument(help="Names of labels that were given by hand.")],
    database: Database = None,
    config: ConfigFile = None,
) -> None:
    """Take labels from a host that were given by `hosts label`.

    $ compliance server hosts unlabel web-1 env
    """
    ask(database, config, lambda store: _on_host(store, name, _labelling(dict.fromkeys(labels))))
    console.say(f"{name} is not labelled {', '.join(labels)} any more.")


def _label(text: str) -> tuple[str, str]:
    name, sign, value = text.partition("=")
    if not sign or not re.fullmatch(r"[A-Za-z0-9][A-Za-z0-9._/-]{0,63}", name) or not 0 < len(value) <= 255:
        raise WrongUsage(f"{text!r} is no label: write name=value, such as role=web.")
    return name, value


def _labelling(labels: Mapping[str, str | None]) -> Callable[[Store, int], Awaitable[None]]:
    from compliance.server.judging.labels import label
    from compliance.server.storage.clock import now_ms

    async def act(store: Store, host_id: int) -> None:
        await asyncio.to_thread(label, store, host_id, labels, now_ms())

    return act


async def _on_host(store: Store, name: str, act: Callable[[Store, int], Awaitable[None]]) -> None:
    from compliance.server.queries.hosts import find_host
    from compliance.server.storage.clock import now_ms

    host_id = await find_host(store, name, now_ms())
    if host_id is None:
        raise ComplianceError(f"No host {name!r} is known: `compliance report hosts` lists them.")
    await act(store, host_id)


def expiry_ms(text: str, now: datetime) -> int:
    """`90d`, `12h` or a date (UTC), as milliseconds since 1970. WrongUsage for what is none, or is past."""
    try:
        if text[-1:] in ("d", "h") and text[:-1].isdecimal():
            moment = now + timedelta(**{{"d": "days", "h": "hours"}[text[-1]]: int(text[:-1])})
        else:
            moment = datetime.fromisoformat(text)
            moment = moment if moment.tzinfo else moment.replace(tzinfo=UTC)
    except (ValueError, OverflowError):
        raise WrongUsage(f"{text!r} is no end: write 90d, 12h or a date such as 2027-01-31.") from None
    if moment <= now:
        raise WrongUsage(f"{text} is past: a key that ends then would never open anything.")
    return int(moment.timestamp() * 1000)
