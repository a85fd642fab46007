"""`compliance report`: what the server knows, now or at any moment in the past."""

import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from compliance.console import Format

if TYPE_CHECKING:
    from compliance.report.client import Reader
    from compliance.report.source import Source
    from compliance.report.words import Moment

app = typer.Typer(
    help="Show the fleet, now or at any moment in the past.\n\n$ compliance report hosts\n\n"
    "$ compliance report processes --host web-1 --at '2026-03-03 14:03'",
    no_args_is_help=True,
)

Output = Annotated[Format, typer.Option("--output", "-o", help="A table for eyes, or json or csv for programs.")]
At = Annotated[
    str | None,
    typer.Option(help="Show what was so then: '2026-03-03 14:03' (UTC, or with a zone such as +01:00) or '2h ago'."),
]
Since = Annotated[
    str | None, typer.Option(help="Show what was there at any time since then, ended or not; written like --at.")
]
HostName = Annotated[str | None, typer.Option("--host", help="Show this host only, by its name or its id.")]
User = Annotated[str | None, typer.Option(help="Show what belongs to this user only.")]
Limit = Annotated[int, typer.Option(min=1, help="Show so many rows at most.")]
All = Annotated[bool, typer.Option("--all", help="Show every row there is, whatever --limit says.")]
Server = Annotated[
    str | None,
    typer.Option(help="Ask the server at this URL, not this machine's own; COMPLIANCE_SERVER and URL_API do the same."),
]
KeyFile = Annotated[
    str | None,
    typer.Option(help="Read the read key from this file, or from stdin for '-'; COMPLIANCE_KEY holds the key itself."),
]
Ca = Annotated[Path | None, typer.Option(help="Trust the authority in this PEM file for the server's certificate.")]
Insecure = Annotated[
    bool,
    typer.Option(
        "--insecure",
        envvar="COMPLIANCE_INSECURE",
        help="Send the key over http to another machine, where anybody between can read it.",
    ),
]


@app.command()
def hosts(
    output: Output = Format.table,
    host: HostName = None,
    state: Annotated[
        str | None,
        typer.Option(help="Show hosts in this state only: reporting, silent, once, never, refused or retired."),
    ] = None,
    at: At = None,
    limit: Limit = 200,
    all: All = False,
    server: Server = None,
    key_file: KeyFile = None,
    ca: Ca = None,
    insecure: Insecure = False,
) -> None:
    """Show the hosts: which report, which are silent, and what each one is.

    $ compliance report hosts --state silent
    """
    from compliance.report.hosts import show_hosts

    filters = {"host": host, "state": state, "at": _moment(at, "--at")}
    with _reader(server, key_file, ca, insecure) as (reader, source):
        page = reader.hosts(filters, _most(limit, all))
    show_hosts(page, output, _about(page, at), url=source.url, filtered=bool(host or state))


@app.command()
def host(
    name: Annotated[str, typer.Argument(metavar="NAME", help="The host's name or its id.")],
    output: Output = Format.table,
    at: At = None,
    server: Server = None,
    key_file: KeyFile = None,
    ca: Ca = None,
    insecure: Insecure = False,
) -> None:
    """Show one host: what it is, who is on it, what runs, and what of that could not be seen.

    $ compliance report host web-1 --at '2h ago'
    """
    from compliance.report.host import as_raw, show_host

    with _reader(server, key_file, ca, insecure) as (reader, _):
        detail = reader.host(name, _moment(at, "--at"))
        if output is not Format.table:
            as_raw(detail, output)
            return
        # All three tell of one moment, though they are asked for one after the other.
        same: dict[str, str | int | None] = {"host": detail.host.id, "at": detail.at}
        processes, sessions = reader.processes(same, None), reader.sessions(same, None)
    show_host(detail, processes.items, sessions.items, _about(detail, at))


@app.command()
def processes(
    output: Output = Format.table,
    host: HostName = None,
    name: Annotated[str | None, typer.Option(help="Show processes of this name only.")] = None,
    user: User = None,
    at: At = None,
    since: Since = None,
    limit: Limit = 200,
    all: All = False,
    server: Server = None,
    key_file: KeyFile = None,
    ca: Ca = None,
    insecure: Insecure = False,
) -> None:
    """Show the processes that run, ran at a moment, or ran since one.

    $ compliance report processes --host web-1 --user root --at '2026-03-03 14:03'
    """
    from compliance.report.processes import show_processes

    filters = {"host": host, "name": name, "user": user, **_times(at, since)}
    with _reader(server, key_file, ca, insecure) as (reader, _):
        page = reader.processes(filters, _most(limit, all))
    show_processes(page, output, _about(page, at), filtered=bool(host or name or user))


@app.command()
def sessions(
    output: Output = Format.table,
    host: HostName = None,
    user: User = None,
    at: At = None,
    since: Since = None,
    limit: Limit = 200,
    all: All = False,
    server: Server = None,
    key_file: KeyFile = None,
    ca: Ca = None,
    insecure: Insecure = False,
) -> None:
    """Show who is logged in, was at a moment, or was since one.

    $ compliance report sessions --since '1 day ago' --user root
    """
    from compliance.report.sessions import show_sessions

    filters = {"host": host, "user": user, **_times(at, since)}
    with _reader(server, key_file, ca, insecure) as (reader, _):
        page = reader.sessions(filters, _most(limit, all))
    show_sessions(page, output, _about(page, at), filtered=bool(host or user))


@app.command()
def cpu(
    output: Output = Format.table,
    host: HostName = None,
    at: At = None,
    since: Since = None,
    limit: Limit = 200,
    all: All = False,
    server: Server = None,
    key_file: KeyFile = None,
    ca: Ca = None,
    insecure: Insecure = False,
) -> None:
    """Show how busy the hosts are, were at a moment, or were since one.

    $ compliance report cpu --host web-1 --since 6h -o csv
    """
    from compliance.report.cpu import show_cpu

    filters = {"host": host, **_times(at, since)}
    with _reader(server, key_file, ca, insecure) as (reader, _):
        page = reader.cpu(filters, _most(limit, all))
    show_cpu(page, output, _about(page, at))


@contextmanager
def _reader(
    server: str | None, key_file: str | None, ca: Path | None, insecure: bool
) -> Iterator[tuple["Reader", "Source"]]:
    # Late, so that --help and completion need neither httpx nor a state folder.
    from compliance.report.client import reading
    from compliance.report.source import find

    source = find(server, key_file, ca, insecure)
    with reading(source) as reader:
        yield reader, source


def _times(at: str | None, since: str | None) -> dict[str, int | None]:
    from compliance.errors import WrongUsage

    times = {"at": _moment(at, "--at"), "since": _moment(since, "--since")}
    if times["since"] is not None and times["since"] > (times["at"] if times["at"] is not None else _now_ms()):
        raise WrongUsage("--since lies after the moment asked for: give an earlier one, such as '2h ago'.")
    return times


def _moment(text: str | None, option: str) -> int | None:
    from compliance.moments import parse

    return None if text is None else parse(text, option, _now_ms())


def _now_ms() -> int:
    return time.time_ns() // 1_000_000


def _most(limit: int, all: bool) -> int | None:
    return None if all else limit


def _about(answer: Any, at: str | None) -> "Moment":
    from compliance.report.words import Moment

    return Moment(answer.at, past=at is not None)
