"""Who this host is to its server: an id and a token that it made itself, and the lock of its state folder."""

from __future__ import annotations

import os
import secrets
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import msgspec

from compliance.errors import Broken
from compliance.settings import write_private

LOCK_SECONDS = 60.0


class Identity(msgspec.Struct, frozen=True, kw_only=True):
    """STATE/identity.json."""

    id: str
    token: str
    server: str | None = None
    """The server that knows it; none before it was enrolled."""
    ca: str | None = None
    insecure: bool = False


def mint() -> Identity:
    """A new identity, of the system's random bits."""
    return Identity(id=secrets.token_hex(16), token="cmt_" + secrets.token_urlsafe(32))


def read(folder: Path) -> Identity | None:
    """The identity kept in the state folder, if there is one."""
    path = folder / "identity.json"
    try:
        return msgspec.json.decode(path.read_bytes(), type=Identity)
    except FileNotFoundError:
        return None
    except (OSError, msgspec.DecodeError) as error:
        raise Broken(f"Cannot read {path} ({error}): mend it, or remove it and enroll again.") from error


def write(folder: Path, identity: Identity) -> None:
    write_private(folder / "identity.json", msgspec.json.encode(identity))


@contextmanager
def locked(folder: Path, seconds: float = LOCK_SECONDS) -> Iterator[None]:
    """One agent at a time in a state folder; the others wait for their turn. Ends with the process, however it ends."""
    path = folder / "agent.lock"
    try:
        file = os.fdopen(os.open(path, os.O_RDWR | os.O_CREAT, 0o600), "r+b")
    except OSError as error:
        raise Broken(f"Cannot lock {path} ({error.strerror}): make the folder writable.") from error
    with file:
        until = time.monotonic() + seconds
        while not _try_lock(file.fileno()):
            if time.monotonic() > until:
                raise Broken(f"Another agent has been using {folder} for {seconds:.0f} s: wait for it, or end it.")
            time.sleep(0.05)
        yield


if sys.platform == "win32":
    import msvcrt

    def _try_lock(number: int) -> bool:
        try:
            msvcrt.locking(number, msvcrt.LK_NBLCK, 1)
        except OSError:
            return False
        return True
else:
    import fcntl

    def _try_lock(number: int) -> bool:
        try:
            fcntl.flock(number, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            return False
        return True
