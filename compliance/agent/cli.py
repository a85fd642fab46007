"""`compliance agent ...`: look at this host, tell its server, and say how that stands."""

from __future__ import annotations

import signal
from collections.abc import Iterable
from contextlib import closing
from enum import StrEnum
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from compliance import console
from compliance.console import Column, Format
from compliance.errors import ComplianceError, Refused, Unreachable, WrongUsage
from compliance.settings import private_folder

if TYPE_CHECKING:
    from compliance.agent.config import Given
    from compliance.agent.identity import Identity
    from compliance.agent.loop import Sent
    from compliance.agent.snapshot import Snapshot
    from compliance.agent.spool import Spool

app = typer.Typer(help="Look at this host and report what is seen.", no_args_is_help=True)

Kinds = Annotated[
    list[str] | None,
    typer.Argument(
        help="host os addresses cpu processes sessions, or so-name so-version ps users; all by default.",
        show_default=False,
    ),
]
Output = Annotated[Format, typer.Option("--output", "-o", help="How to print it.")]
StateDir = Annotated[
    Path | None, typer.Option("--state-dir", help="Where the agent keeps its state (COMPLIANCE_STATE_DIR).")
]
Server = Annotated[str | None, typer.Option("--server", help="The server's address (COMPLIANCE_SERVER).")]
Key = Annotated[
    str | None,
    typer.Option("--key", help="The enrollment key; others can read a command line, so prefer --key-file."),
]
KeyFile = Annotated[
    str | None, typer.Option("--key-file", help="A file with the enrollment key; - reads standard input.")
]
Ca = Annotated[Path | None, typer.Option("--ca", help="The authority of the server's certificate, a PEM file.")]
Insecure = Annotated[
    bool, typer.Option("--insecure", help="Send secrets over plain http to another machine (COMPLIANCE_INSECURE=1).")
]
ConfigFile = Annotated[
    Path | None, typer.Option("--config", help="A TOML file with these settings; examples/agent.toml lists them.")
]


class LogForm(StrEnum):
    """How a resident agent writes what happens."""

    text = "text"
    json = "json"


FIELDS = {"so-name": "name", "so-version": "version"}
"""Names of the brief that mean one field of a kind."""


def kinds_of(names: Iterable[str] | None) -> list[Any]:
    """The kinds that the names mean; WrongUsage for one that means none."""
    from compliance.agent.collectors import BRIEF_NAMES, COLLECTORS

    chosen = [BRIEF_NAMES.get(name, name) for name in names or ()]
    for name in chosen:
        if name not in COLLECTORS:
            raise WrongUsage(f"There is nothing called {name!r} to look at: choose from {', '.join(COLLECTORS)}.")
    return [kind for kind in COLLECTORS if kind in chosen] if chosen else list(COLLECTORS)


@app.command()
def collect(kinds: Kinds = None, output: Output = Format.table) -> None:
    """Show what this host would say; nothing is sent and nothing is kept.

    $ compliance agent collect processes -o json
    """
    from compliance.agent import tables
    from compliance.agent.collectors import Memory
    from compliance.agent.snapshot import take

    chosen = kinds_of(kinds)
    if output is Format.csv and len(chosen) != 1:
        raise WrongUsage("CSV holds one kind of row: name one, such as `collect processes -o csv`.")
    tables.show(take(chosen, Memory()), output, _only(kinds or []))


def _only(names: list[str]) -> str | None:
    """The one field that is asked for by its name in the brief."""
    of_os = {FIELDS.get(name) for name in names if name in FIELDS or name == "os"}
    return of_os.pop() if len(of_os) == 1 else None


@app.command()
def enroll(
    server: Server = None,
    key: Key = None,
    key_file: KeyFile = None,
    ca: Ca = None,
    anew: Annotated[
        bool, typer.Option("--anew", help="Make a new identity: after a clone, or when the old one was revoked.")
    ] = False,
    insecure: Insecure = False,
    state_dir: StateDir = None,
    config: ConfigFile = None,
) -> None:
    """Make this host known to its server; saying it again is harmless.

    $ compliance agent enroll --server https://fleet.example --key-file enroll.key
    """
    from compliance.agent import config as configs
    from compliance.agent import identity as identities

    given = configs.gather(state_dir, server, key, key_file, ca, insecure, config=config)
    with closing(configs.connect(given)) as transport, identities.locked(private_folder(given.folder)):
        identity = configs.enroll(given, transport, anew)
    name = identities.hostname()
    console.say(f"Enrolled at {given.server} as {name} ({identity.id}). Next: compliance agent send --all")


@app.command()
def send(
    kinds: Kinds = None,
    everything: Annotated[bool, typer.Option("--all", help="Look at everything; the same as naming nothing.")] = False,
    server: Server = None,
    key: Key = None,
    key_file: KeyFile = None,
    ca: Ca = None,
    insecure: Insecure = False,
    output: Output = Format.table,
    state_dir: StateDir = None,
    config: ConfigFile = None,
) -> None:
    """Look, keep the report on disk, and send it after all that waits; enrolls first where it has a server and a key.

    $ compliance agent send --all
    """
    from compliance.agent import config as configs
    from compliance.agent import identity as identities

    if everything and kinds:
        raise WrongUsage("Say --all or name what to send, not both.")
    chosen = kinds_of(kinds)
    given = configs.gather(state_dir, server, key, key_file, ca, insecure, config=config)
    if _asked_resident(given, output):
        return
    with closing(configs.connect(given)) as transport, identities.locked(private_folder(given.folder)):
        sent, snapshot, trouble = _send(given, transport, chosen)
    _show_sent(sent, snapshot, output)
    if trouble is not None:
        raise trouble


def _asked_resident(given: Given, output: Format) -> bool:
    """Whether a resident agent was there to look and send in our place: one agent keeps a host's chain of reports."""
    from compliance.agent import identity as identities
    from compliance.agent import resident, standing

    pid = identities.resident(given.folder) if given.folder.is_dir() else None
    if pid is None or not hasattr(signal, "SIGUSR1"):
        return False
    if not resident.ask(given.folder, pid):
        raise ComplianceError(f"The resident agent (process {pid}) was asked to look and has not: see its log.")
    if output is Format.table:
        console.say(f"The resident agent (process {pid}) looked and sent what waited.")
    standing.show(given.folder, None, output)
    return True


def _send(given: Given, transport: Any, chosen: list[Any]) -> tuple[list[Sent], Snapshot, ComplianceError | None]:
    """What was sent before a trouble stopped it, and the trouble. The report is on disk in any case."""
    from compliance.agent.loop import drain, look, report_of
    from compliance.agent.spool import Spool

    identity, trouble = _identity(given, transport)
    sent: list[Sent] = []
    with closing(Spool(given.folder)) as spool:
        if spool.healed:
            console.warn(spool.healed)
        snapshot, _ = look(spool, chosen)
        spool.add(report_of(snapshot, spool, identity.id))
        try:
            if trouble is not None:
                raise trouble
            drain(spool, transport, identity, sent)
        except (Unreachable, Refused) as error:
            trouble = _kept(error, spool)
    return sent, snapshot, trouble or _refused(sent, given.folder)


def _identity(given: Given, transport: Any) -> tuple[Identity, ComplianceError | None]:
    """Who we are; where enrolling did not work, who we shall be: the next `send` enrolls, and then sends all."""
    from compliance.agent import config as configs
    from compliance.agent import identity as identities

    known = identities.read(given.folder)
    if known is not None and known.server is not None and (known.server == given.server or not given.enrollment_key()):
        return known, None
    try:
        return configs.enroll(given, transport), None
    except (Unreachable, Refused) as error:
        minted = identities.read(given.folder)
        if minted is None:
            raise
        return minted, error


def _kept(error: ComplianceError, spool: Spool) -> ComplianceError:
    count = spool.waiting()
    kept = "1 report is kept on disk" if count == 1 else f"{count} reports are kept on disk"
    return type(error)(f"{error} {kept}: the next `compliance agent send` begins there.")


def _refused(sent: list[Sent], folder: Path) -> ComplianceError | None:
    count = sum(one.outcome == "set aside" for one in sent)
    if not count:
        return None
    noun = "report is" if count == 1 else "reports are"
    return Refused(f"{count} {noun} set aside in {folder / 'rejected'}: see the note.")


def _show_sent(sent: list[Sent], snapshot: Snapshot, output: Format) -> None:
    columns = [
        Column("report_id", "Report", droppable=1),
        Column("taken_at", "Taken", format=console.moment),
        Column("size", "On the wire", justify="right", format=console.size),
        Column("outcome", "Receipt", style=lambda outcome: console.BAD if outcome == "set aside" else console.GOOD),
        Column("note", "Note", flexible=True),
    ]
    if sent or output is not Format.table:
        console.show(sent, columns, output, title="Sent", empty="")
    if output is Format.table:
        from compliance.agent import tables

        console.say("Looked at " + ", ".join(tables.summary(snapshot)) + ".")


@app.command()
def run(
    interval: Annotated[
        int | None, typer.Option("--interval", min=1, max=86_400, help="Seconds between looks.", show_default="60")
    ] = None,
    server: Server = None,
    key_file: KeyFile = None,
    ca: Ca = None,
    insecure: Insecure = False,
    log: Annotated[LogForm, typer.Option("--log", help="Lines for a person, or a JSON object each.")] = LogForm.text,
    state_dir: StateDir = None,
    config: ConfigFile = None,
) -> None:
    """Stay, look every interval, and send; enrolls first where it has a server and a key. SIGTERM ends it.

    $ compliance agent run --interval 60
    """
    from compliance.settings import state_folder

    folder = private_folder(state_folder(state_dir))
    from compliance.agent import running

    given: dict[str, Any] = {
        "folder": str(folder),
        "server": server,
        "key_file": key_file,
        "insecure": insecure,
        "interval": interval,
    }
    given |= {"ca": ca and str(ca), "config": config and str(config), "log": log.value}
    running.replace_this_process(given)


@app.command()
def status(output: Output = Format.table, state_dir: StateDir = None, config: ConfigFile = None) -> None:
    """Say who this host is to its server, what was accepted last, and what waits; asks nobody.

    $ compliance agent status -o json
    """
    from compliance.agent import standing

    standing.show(state_dir, config, output)
