"""Sessions out of the files of a host that this container looks at.

The libc in here reads its own utmp, and there is no bus to ask: so utmp is parsed, and so is what logind keeps of each
session in /run/systemd/sessions, where libsystemd reads it too.
"""

from __future__ import annotations

import struct
from collections.abc import Iterator
from pathlib import Path
from typing import NamedTuple

UTMP = (
    struct.Struct("=h2xi32s4s32s256s4x4xi40x"),
    struct.Struct("=h2xi32s4s32s256s4x8xq48x"),
)
"""A record of glibc: where 32-bit programs share it (x86-64, ppc64, s390x), and where they do not (arm64)."""
LAST_KIND = 9
USER_PROCESS = 7
HERE = ("", ":0", ":0.0")
"""A remote host that is this one: `localhost`, in psutil's words."""
SHOWN = {
    "USER": "Name",
    "TTY": "TTY",
    "DISPLAY": "Display",
    "REMOTE_HOST": "RemoteHost",
    "REALTIME": "Realtime",
    "CLASS": "Class",
    "STATE": "State",
}
"""Of the names in logind's files those of `loginctl`; `Realtime`, which it does not have, is in microseconds."""


class Entry(NamedTuple):
    """One session; texts may hold surrogates for bytes that are no UTF-8."""

    user: str
    terminal: str
    remote_host: str
    opened_at: int
    """Milliseconds since 1970, in whole seconds."""
    pid: int
    """Of the process that opened it."""


def parse_utmp(raw: bytes) -> Iterator[Entry]:
    """As psutil tells it of the host that it runs on."""
    for kind, pid, line, _, user, host, seconds in _record(raw).iter_unpack(raw):
        if kind == USER_PROCESS:
            remote_host = _text(host)
            where = "localhost" if remote_host in HERE else remote_host
            yield Entry(_text(user), _text(line), where, seconds * 1000, pid)


def parse_session(text: str) -> dict[str, str]:
    """What logind keeps of a session, by the names that `loginctl show-session` has for it."""
    kept = dict(line.split("=", 1) for line in text.splitlines() if "=" in line and not line.startswith("#"))
    return {SHOWN[name]: value for name, value in kept.items() if name in SHOWN}


def read_sessions(systemd: Path) -> list[dict[str, str]]:
    """Every session that logind keeps below /run/systemd. OSError where it was never started since the boot."""
    # It makes its first seat when it starts; the folder of sessions is there without it, too.
    (systemd / "seats" / "seat0").stat()
    found = []
    for path in sorted((systemd / "sessions").iterdir()):
        try:
            if path.is_file():  # beside each lies a pipe that logind waits at
                found.append(parse_session(path.read_text(encoding="utf-8", errors="surrogateescape")))
        except OSError:  # it ended while we looked
            continue
    return found


def _record(raw: bytes) -> struct.Struct:
    """The first one that the whole file is made of, each kind in it a known one."""
    for record in UTMP:
        if len(raw) % record.size == 0 and all(0 <= entry[0] <= LAST_KIND for entry in record.iter_unpack(raw)):
            return record
    raise ValueError("utmp is made of records that are not known here")


def _text(field: bytes) -> str:
    return field.partition(b"\0")[0].decode("utf-8", "surrogateescape")
