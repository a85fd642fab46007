"""Who has an open session: from utmp, or from systemd-logind where utmp is gone (Debian 13).

An existing utmp that holds no record is the truth only where no logind knows better: musl's is always empty.
In a container that looks at its host, the same two places are read as the host's files.
"""

from __future__ import annotations

import os
import subprocess
from collections.abc import Iterable, Mapping
from datetime import datetime
from pathlib import Path

import psutil

from compliance.agent.collectors import boot, hostsessions
from compliance.agent.collectors.look import CannotSee, Look, Memory, moment
from compliance.agent.collectors.root import host_root, on_host, sees_host_processes
from compliance.agent.text import within
from compliance.wire.facts import Session
from compliance.wire.messages import MAX_ROWS, Blind

UTMP = (Path("/run/utmp"), Path("/var/run/utmp"))
SYSTEMD = Path("/run/systemd")
PEOPLE = frozenset({"user", "user-early", "user-light", "user-early-light", "user-incomplete"})
"""Classes of logind that are a person's session; `manager`, `background`, `greeter`, `lock-screen` are none."""
PROPERTIES = ("Name", "TTY", "Display", "RemoteHost", "Timestamp", "Class", "State")


def collect(memory: Memory) -> Look:
    """The place that was asked is the look's source."""
    if not boot.LINUX:
        return _bounded(_users(), "the operating system")
    utmp = next((path for path in map(on_host, UTMP) if path.exists()), None)
    if utmp and utmp.stat().st_size:
        return _bounded(_users() if host_root() is None else _users_of(utmp), "utmp")
    try:
        return _bounded(_ask_logind() if host_root() is None else _kept_by_logind(), "systemd-logind")
    except (OSError, subprocess.SubprocessError) as error:
        if utmp:
            return Look((), source="utmp")
        raise CannotSee(
            "There is no utmp and no systemd-logind: where sessions are kept (in a container: on its host) "
            "is not visible from here."
        ) from error


def row(user: str, terminal: str | None, remote_host: str | None, opened_at: int | None) -> Session | None:
    """`None` for an entry without a user, which is no session."""
    name = within(user, 255)
    if not name:
        return None
    return Session(
        user=name,
        terminal=within(terminal or "", 255) or None,
        remote_host=within(remote_host or "", 255) or None,
        opened_at=moment(opened_at),
    )


def parse_logind(text: str) -> list[Session]:
    """What `loginctl show-session -p ...` prints with TZ=UTC: a block of `Name=value` lines for each session."""
    blocks = [dict(line.split("=", 1) for line in block.splitlines() if "=" in line) for block in text.split("\n\n")]
    found = [of_logind(fields, parse_moment(fields.get("Timestamp", ""))) for fields in blocks]
    return [session for session in found if session]


def of_logind(fields: Mapping[str, str], opened_at: int | None) -> Session | None:
    """`None` for a session that is no person's, or that is ending."""
    if fields.get("Class") not in PEOPLE or fields.get("State") == "closing":
        return None
    return row(fields.get("Name", ""), fields.get("TTY") or fields.get("Display"), fields.get("RemoteHost"), opened_at)


def parse_moment(text: str) -> int | None:
    """`Tue 2026-11-24 16:20:02 UTC` in milliseconds since 1970; logind tells whole seconds."""
    try:
        moment = datetime.strptime(text.removesuffix("UTC") + "+0000", "%a %Y-%m-%d %H:%M:%S %z")
    except ValueError:
        return None
    return int(moment.timestamp()) * 1000


def parse_ids(text: str) -> list[str]:
    """The first word of each line of `loginctl list-sessions --no-legend`."""
    return [words[0] for words in map(str.split, text.splitlines()) if words]


def _bounded(found: Iterable[Session], source: str) -> Look:
    rows = sorted({session.key: session for session in found}.values(), key=lambda session: session.key)
    left_out = len(rows) - MAX_ROWS
    blind = Blind(rows=left_out, reason=f"More than {MAX_ROWS:,} sessions.") if left_out > 0 else None
    return Look(tuple(rows[:MAX_ROWS]), blind, source)


def _users() -> list[Session]:
    found = (
        # utmp keeps the entry of a session that crashed: `who` asks for its process too
        row(user.name, user.terminal, user.host, int(user.started * 1000))
        for user in psutil.users()
        if not user.pid or psutil.pid_exists(int(user.pid))
    )
    return [session for session in found if session]


def _users_of(utmp: Path) -> list[Session]:
    all_seen = sees_host_processes()
    found = (
        row(entry.user, entry.terminal, entry.remote_host, entry.opened_at)
        for entry in hostsessions.parse_utmp(utmp.read_bytes())
        if not all_seen or not entry.pid or psutil.pid_exists(entry.pid)
    )
    return [session for session in found if session]


def _kept_by_logind() -> list[Session]:
    kept = hostsessions.read_sessions(on_host(SYSTEMD))
    found = (of_logind(fields, _in_seconds(fields.get("Realtime", ""))) for fields in kept)
    return [session for session in found if session]


def _in_seconds(micros: str) -> int | None:
    """Milliseconds; logind keeps a moment to the microsecond, and tells whole seconds to who asks."""
    return int(micros) // 1_000_000 * 1000 if micros.isdecimal() else None


def _ask_logind() -> list[Session]:
    wanted = [f"--property={name}" for name in PROPERTIES]
    for last_try in (False, False, True):
        ids = parse_ids(_loginctl("list-sessions", "--no-legend", "--no-pager"))
        try:
            return parse_logind(_loginctl("show-session", "--no-pager", *wanted, *ids)) if ids else []
        except subprocess.CalledProcessError:  # a session ended between the two calls
            if last_try:
                raise
    return []


def _loginctl(*arguments: str) -> str:
    environment = {**os.environ, "TZ": "UTC", "LC_ALL": "C"}
    done = subprocess.run(["loginctl", *arguments], capture_output=True, timeout=10, check=True, env=environment)
    return done.stdout.decode("utf-8", "surrogateescape")
