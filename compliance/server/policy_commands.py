"""`compliance server policies ...`: check a folder, try it on the fleet, apply it, and see what stands."""

from __future__ import annotations

import asyncio
from collections import Counter
from collections.abc import Sequence
from enum import StrEnum
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from compliance import console
from compliance.console import Column, Format
from compliance.errors import ComplianceError, WrongUsage
from compliance.server.options import ConfigFile, Database, Output, opened

if TYPE_CHECKING:
    from compliance.server.judging.question import Said
    from compliance.server.policies.catalogue import Catalogue
    from compliance.server.policies.policy import Policy
    from compliance.server.storage.engine import Store

app = typer.Typer(help="What hosts have to be like: check it, try it, apply it.", no_args_is_help=True)

Folder = Annotated[Path | None, typer.Argument(help="The folder with the policies' YAML files.")]
STYLES = {"fail": console.BAD, "pass": console.GOOD, "unknown": console.WARN}


class Whose(StrEnum):
    """Which policies are asked."""

    today = "today"
    stored = "stored"


class Outcome(StrEnum):
    """What a policy says of a host."""

    passed = "pass"
    fail = "fail"
    unknown = "unknown"


@app.command()
def check(
    folder: Annotated[Path, typer.Argument(help="The folder with the policies' YAML files.")],
    output: Output = Format.table,
) -> None:
    """Read the policies of a folder and run their own tests; say what is wrong, by file and line.

    $ compliance server policies check policies/
    """
    from compliance.server.policies import trials
    from compliance.server.policies.catalogue import read_folder
    from compliance.server.policies.reading import Problem

    catalogue = read_folder(folder)
    problems = list(catalogue.problems)
    for one in catalogue.loaded:
        problems += [
            Problem(one.file, one.line, f"`{one.policy.id}`: {trial}")
            for trial in trials.run(one.policy)
            if not trial.succeeded
        ]
    columns = [
        Column("file", "File", flexible=True),
        Column("line", "Line", justify="right"),
        Column("message", "What is wrong", flexible=True, min_width=40),
    ]
    count = len(catalogue.loaded)
    said = f"{count} {'policy is' if count == 1 else 'policies are'} in order."
    if output is Format.table:
        for problem in sorted(problems):
            typer.echo(console.clean(str(problem)))
    else:
        console.show(sorted(problems), columns, output, empty=said)
    if problems:
        raise ComplianceError(_count(len(problems), "mistake", "mistakes") + " in " + str(folder) + ".")
    console.say(said if count else f"There is no policy in {folder}.")


@app.command("test")
def try_out(
    folder: Folder = None,
    at: Annotated[
        str | None, typer.Option("--at", help="The moment of the facts: '2026-03-01 14:03' (UTC), or '2h ago'.")
    ] = None,
    host: Annotated[str | None, typer.Option("--host", help="Only this one: its name, address or id.")] = None,
    policies: Annotated[
        Whose,
        typer.Option("--with", help="today: the policies of the folder; stored: those that stood at that moment."),
    ] = Whose.today,
    outcome: Annotated[Outcome | None, typer.Option("--outcome", help="Only what comes out like this.")] = None,
    database: Database = None,
    output: Output = Format.table,
    config: ConfigFile = None,
) -> None:
    """Show what policies WOULD say over the stored fleet, now or in the past. Nothing is written.

    $ compliance server policies test policies/ --at 2026-03-01 --outcome fail
    $ compliance server policies test --with stored --at "2h ago" --host web-1
    """
    from compliance import moments
    from compliance.server.judging import question
    from compliance.server.storage.clock import now_ms

    if (folder is None) is (policies is Whose.today):
        raise WrongUsage("Name the folder whose policies to try, or say --with stored and no folder.")
    now = now_ms()
    moment = now if at is None else min(moments.parse(at, "--at", now), now)
    asked = None if folder is None else _in_order(folder)
    with opened(database, config) as store:
        host_id = None if host is None else _find(store, host, moment)
        said = question.would_say(store, question.stood(store, moment) if asked is None else asked, moment, host_id)
    rows = [one for one in said if outcome is None or one.outcome == outcome.value]
    console.show(rows, _SAID, output, title="What would be said", empty="Nothing would be said of any host.")
    console.say(_summary(said, moment, folder))


_SAID = [
    Column("hostname", "Host", flexible=True, min_width=8),
    Column("host", "Id", droppable=2, min_width=8, flexible=True),
    Column("policy", "Policy", flexible=True, min_width=12),
    Column("severity", "Severity", droppable=1),
    Column("outcome", "Verdict", style=lambda value: STYLES[value]),
    Column("observed", "Observed", flexible=True),
    Column("exempt_until", "Exempt until", droppable=1),
]


def _summary(said: Sequence[Said], moment: int, folder: Path | None) -> str:
    counts = Counter(one.outcome for one in said)
    told = ", ".join(f"{counts[one.value]} {one.value}" for one in Outcome)
    whose = "those that stood at that moment" if folder is None else f"those of {folder} as they are today"
    return f"Facts of {console.moment(moment)}, policies: {whose}. {told}."


@app.command()
def apply(
    what: Annotated[
        list[str] | None,
        typer.Argument(help="A folder; with --builtin the packs to take, all without one.", metavar="FOLDER | PACK..."),
    ] = None,
    builtin: Annotated[
        bool, typer.Option("--builtin", help="Apply the policies that come along, in place of what they were before.")
    ] = False,
    database: Database = None,
    output: Output = Format.table,
    config: ConfigFile = None,
) -> None:
    """Judge by the policies of a folder from now on; those that left it are withdrawn, with their history kept.

    $ compliance server policies apply policies/
    $ compliance server policies apply --builtin patching malware
    """
    from compliance.server.judging.book import apply as apply_policies
    from compliance.server.storage.clock import now_ms

    named = what or []
    if not builtin and len(named) != 1:
        raise WrongUsage("Name one folder, or say --builtin, with the names of packs for a part of them.")
    asked = _shipped(named) if builtin else _in_order(Path(named[0]))
    with opened(database, config) as store:
        applied = apply_policies(store, asked, "builtin" if builtin else "folder", now_ms())
    words = ("added", "changed", "withdrawn", "unchanged", "left")
    rows = [{"policy": name, "what": word} for word in words for name in getattr(applied, word)]
    if output is not Format.table:
        console.show(rows, [Column("policy", "Policy"), Column("what", "What")], output, empty="")
    told = ", ".join(f"{len(getattr(applied, word))} {word}" for word in words[:4])
    console.say(f"Policies: {told}.")
    if applied.left:
        console.warn(f"A folder's own stand in place of {', '.join(applied.left)}.")


@app.command("list")
def list_policies(database: Database = None, output: Output = Format.table, config: ConfigFile = None) -> None:
    """Show the policies that hosts are judged by now.

    $ compliance server policies list
    """
    from compliance.server.judging.book import FOREVER, read_book

    with opened(database, config) as store, store.session() as db:
        standing = read_book(db).standing(FOREVER - 1)
    rows = [
        {
            "policy": one.policy.id,
            "title": one.policy.title,
            "severity": one.policy.severity,
            "pack": one.policy.pack,
            "version": one.version,
            "applied_at": one.since,
            "origin": one.origin,
            "exceptions": len(one.policy.exceptions),
        }
        for one in sorted(standing, key=lambda one: one.policy.id)
    ]
    columns = [
        Column("policy", "Policy", flexible=True, min_width=16),
        Column("title", "Title", flexible=True, droppable=3),
        Column("severity", "Severity"),
        Column("pack", "Pack", droppable=2),
        Column("version", "Version", justify="right", droppable=1),
        Column("applied_at", "Applied", format=console.moment),
        Column("origin", "From", droppable=2),
        Column("exceptions", "Exceptions", justify="right", droppable=1),
    ]
    empty = (
        "Hosts are judged by no policy yet: `compliance server policies apply --builtin` takes those that come along."
    )
    console.show(rows, columns, output, title="Policies", empty=empty)


def _in_order(folder: Path) -> list[Policy]:
    from compliance.server.policies.catalogue import read_folder

    return _policies(read_folder(folder), str(folder))


def _policies(catalogue: Catalogue, where: str) -> list[Policy]:
    """All of them, or none."""
    if catalogue.problems:
        lines = "\n".join(str(one) for one in catalogue.problems)
        count = _count(len(catalogue.problems), "mistake", "mistakes")
        raise WrongUsage(f"{lines}\n{count} in {where}: nothing was done.")
    return [one.policy for one in catalogue.loaded]


def _shipped(packs: Sequence[str]) -> list[Policy]:
    from compliance.server.policies.catalogue import builtin

    found = _policies(builtin(), "the policies that come along")
    known = sorted({policy.pack for policy in found if policy.pack is not None})
    unknown = [pack for pack in packs if pack not in known]
    if unknown:
        raise WrongUsage(f"There is no pack {unknown[0]!r}; known are {', '.join(known)}.")
    return [policy for policy in found if not packs or policy.pack in packs]


def _find(store: Store, name: str, at: int) -> int:
    from compliance.server.queries.hosts import find_host

    async def ask() -> Any:
        return await find_host(store, name, at)

    host_id = asyncio.run(ask())
    if host_id is None:
        raise ComplianceError(f"No host answered to {name!r} then: `compliance report hosts` lists them.")
    return int(host_id)


def _count(number: int, one: str, more: str) -> str:
    return f"{number} {one if number == 1 else more}"
