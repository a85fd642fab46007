"""What `agent status` tells, from the state on disk alone."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from rich.text import Text

from compliance import console
from compliance.agent import config as configs
from compliance.agent import identity as identities
from compliance.agent.snapshot import clock
from compliance.agent.spoolfile import NO_SPOOL, read_standing
from compliance.console import Format


def show(folder: Path | None, config: Path | None, output: Format) -> None:
    given = configs.gather(folder, config=config)
    told = facts(given)
    if output is not Format.table:
        console.details(told, format=output)
        return
    console.details(_words(told), title="Agent")
    if told["insecure"]:
        console.warn("Secrets may go over plain http (--insecure).")
    if told["host_id"] is None:
        console.say("This host is not enrolled: compliance agent enroll --server URL --key-file FILE")


def facts(given: configs.Given) -> dict[str, Any]:
    """Raw values; None where nothing is known. Nothing is touched, and no lock is needed."""
    identity = identities.read(given.folder)
    standing = read_standing(given.folder / "agent.db") or NO_SPOOL
    return {
        "state": str(given.folder),
        "host_id": identity.id if identity and identity.server else None,
        "server": given.server,
        "server_from": given.sources["server"] if given.server else None,
        "insecure": given.insecure,
        "last_report": standing.last_report,
        "accepted_at": standing.accepted_at,
        "waiting": standing.waiting,
        "waiting_bytes": standing.waiting_bytes,
        "oldest_taken_at": standing.oldest_taken_at,
        "dropped": standing.dropped,
        "set_aside": standing.set_aside,
    }


def _words(told: dict[str, Any]) -> dict[str, Any]:
    now = clock()
    waiting = "nothing"
    if told["waiting"]:
        oldest = console.ago(told["oldest_taken_at"], now)
        waiting = f"{told['waiting']} ({console.size(told['waiting_bytes'])}), the oldest taken {oldest}"
    accepted = told["accepted_at"]
    return {
        "Host id": told["host_id"] or "none yet",
        "Server": f"{told['server']} (from {told['server_from']})" if told["server"] else "none yet",
        "State": told["state"],
        "Last accepted": console.ago(accepted, now) if accepted else "nothing yet",
        "Waiting": Text(waiting, console.WARN if told["waiting"] else ""),
        "Dropped": Text(str(told["dropped"]), console.BAD if told["dropped"] else ""),
        "Set aside": Text(str(told["set_aside"]), console.BAD if told["set_aside"] else ""),
    }
