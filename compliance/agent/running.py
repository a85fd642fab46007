"""`compliance agent run`: the process that stays. It is started anew without the command line's own libraries.

    python -m compliance.agent.running '{"folder": ...}'      what `compliance agent run` turns itself into

SIGTERM and SIGINT end it in order, SIGHUP reads its settings again, SIGUSR1 makes it look at once.
"""

from __future__ import annotations

import json
import os
import signal
import sys
import time
from collections.abc import Callable
from contextlib import closing
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from compliance.agent import config as configs
from compliance.agent import identity as identities
from compliance.agent.notify import notify, watchdog_seconds
from compliance.agent.resident import Resident
from compliance.errors import ComplianceError, Refused, Unreachable
from compliance.settings import private_folder

Say = Callable[[str], None]


def replace_this_process(given: dict[str, Any]) -> None:
    """Never returns where a process can be replaced; runs in this one elsewhere (Windows)."""
    said = json.dumps(given)
    if sys.platform == "win32":
        sys.exit(main(said))
    sys.stdout.flush()
    os.execv(sys.executable, [sys.executable, "-m", "compliance.agent.running", said])  # noqa: S606


def main(said: str) -> int:
    """The exit code; whatever went wrong has been said."""
    told = json.loads(said)
    as_json = told.pop("log") == "json"
    say, warn = speaker(as_json, "info"), speaker(as_json, "warning")
    try:
        with identities.alone(private_folder(Path(told["folder"]))):
            return _run(told, say, warn)
    except ComplianceError as error:
        speaker(as_json, "error")(str(error))
        return error.exit_code


def _run(told: dict[str, Any], say: Say, warn: Say) -> int:
    given = _gather(told)
    with closing(configs.connect(given)) as transport:
        identity = enrolled(given, transport, warn)

        def enroll() -> identities.Identity:
            with identities.locked(given.folder):
                return configs.enroll(given, transport)

        resident = Resident(given.folder, identity, transport, say, warn, given.interval, enroll=enroll)

        def reload(*_: Any) -> None:
            notify(f"RELOADING=1\nMONOTONIC_USEC={time.monotonic_ns() // 1000}")
            resident.reload = lambda: _reload(resident, told, say, warn)
            resident.wake()

        _on("SIGTERM", lambda *_: resident.stop())
        _on("SIGINT", lambda *_: resident.stop())
        _on("SIGHUP", reload)
        _on("SIGUSR1", lambda *_: resident.ask())
        say(f"Reporting to {given.server} every {given.interval} s as {identities.hostname()} ({identity.id}).")
        pulse = watchdog_seconds()
        notify(f"READY=1\nSTATUS=reporting to {given.server} every {given.interval} s")
        resident.run(alive=lambda: notify("WATCHDOG=1"), pulse=pulse or 3600.0)
        notify("STOPPING=1")
    say("Stopped; what was not sent yet waits on disk.")
    return 0


def _gather(told: dict[str, Any]) -> configs.Given:
    """The settings as they are now: the file may have changed since."""
    return configs.gather(
        folder=Path(told["folder"]),
        server=told.get("server"),
        key_file=told.get("key_file"),
        ca=Path(told["ca"]) if told.get("ca") else None,
        insecure=bool(told.get("insecure")),
        interval=told.get("interval"),
        config=Path(told["config"]) if told.get("config") else None,
    )


def enrolled(given: configs.Given, transport: Any, warn: Say) -> identities.Identity:
    """Who this host is; enrolls where it is not known yet. A server that cannot be reached now is asked later."""
    with identities.locked(given.folder):
        known = identities.read(given.folder)
        if known is not None and known.server is not None and known.server == given.server:
            return known
        try:
            return configs.enroll(given, transport)
        except (Unreachable, Refused) as error:
            minted = identities.read(given.folder)
            if minted is None or not isinstance(error, Unreachable):
                raise
            warn(f"{error} Reports are kept on disk until this host could be enrolled.")
            return minted


def _reload(resident: Resident, told: dict[str, Any], say: Say, warn: Say) -> None:
    try:
        given = _gather(told)
        resident.interval = given.interval
        say(f"Settings read again: reporting every {given.interval} s.")
    except ComplianceError as error:
        warn(f"The settings stay as they were: {error}")
    notify("READY=1")


def _on(name: str, handler: Callable[..., None]) -> None:
    number = getattr(signal, name, None)
    if number is not None:
        signal.signal(number, handler)


def speaker(as_json: bool, level: str) -> Say:
    """Writes a line to stderr: a moment and a sentence, or one object of JSON."""

    def write(sentence: str) -> None:
        moment = datetime.now(UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z")
        if as_json:
            line = json.dumps({"time": moment, "level": level, "message": sentence})
        else:
            line = f"{moment} {level}: {sentence}" if level != "info" else f"{moment} {sentence}"
        sys.stderr.write(line + "\n")
        sys.stderr.flush()

    return write


if __name__ == "__main__":
    sys.exit(main(sys.argv[1]))
