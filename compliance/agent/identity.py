"""Who this host is to its server: an id and a token that it made itself, and the lock of its state folder."""

from __future__ import annotations

import os
import secrets
import socket
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import msgspec

from compliance.agent.text import within
from compliance.errors import Broken
from compliance.settings import write_private
from compliance.wire.messages import HostId, Secret

LOCK_SECONDS = 60.0


class Identity(msgspec.Struct, frozen=True, kw_only=True):
    """STATE/identity.json."""

    id: HostId
    token: Secret
    server: str | None = None
    """The server that knows it; none before it was enrolled."""
    ca: str | None = None
    insecure: bool = False


def mint() -> Identity:
    """A new identity, of the system's random bits."""
    return Identity(id=secrets.token_hex(16), token="cmt_" + secrets.token_urlsafe(32))


def hostname() -> str:
    """As the machine has it; a machine without a name is `localhost`."""
    return within(socket.gethostname(), 255) or "localhost"


def read(folder: Path, name: str = "identity.json") -> Identity | None:
    """The identity kept in the state folder, if there is one."""
    path = folder / name
    try:
        return msgspec.json.decode(path.read_bytes(), type=Identity)
    except FileNotFoundError:
        return None
    except OSError as error:
        raise Broken(
            f"Cannot read {path} ({error.strerror}): run as the agent's user, or name another folder with --state-dir."
        ) from error
    except (msgspec.DecodeError, UnicodeDecodeError) as error:
        raise Broken(f"{path} is damaged: put it back from a backup, or remove it and enroll again.") from error


def write(folder: Path, identity: Identity, name: str = "identity.json") -> None:
    write_private(folder / name, msgspec.json.encode(identity))


def read_or_mint(folder: Path, anew: bool) -> Identity:
    """The identity to enroll, on disk before it is told: after a cut connection the same one is told again.

    A new one that takes an old one's place waits beside it until the server has it.
    """
    name = "identity.new.json" if anew else "identity.json"
    kept = read(folder, name)
    if kept is None:
        kept = mint()
        write(folder, kept, name)
    return kept


def adopt(folder: Path, identity: Identity) -> None:
    """The identity is this host's from now on."""
    write(folder, identity)
    (folder / "identity.new.json").unlink(missing_ok=True)


@contextmanager
def locked(folder: Path, seconds: float = LOCK_SECONDS) -> Iterator[None]:
    """One agent at a time in a state folder; the others wait for their turn. Ends with the process, however it ends."""
    file = _open_lock(folder / "agent.lock")
    try:
        until = time.monotonic() + seconds
        while not _try_lock(file):
            if time.monotonic() > until:
                raise Broken(f"Another agent has been using {folder} for {seconds:.0f} s: wait for it, or end it.")
            time.sleep(0.05)
        yield
    finally:
        os.close(file)


@contextmanager
def alone(folder: Path) -> Iterator[None]:
    """One resident agent in a state folder, by a lock of its own that holds its process id."""
    file = _open_lock(folder / "resident.lock")
    try:
        if not _try_lock(file):
            raise Broken(f"A resident agent (process {_pid_in(file)}) runs in {folder} already: end it first.")
        os.ftruncate(file, 0)
        os.write(file, f"{os.getpid()}\n".encode())
        yield
    finally:
        os.close(file)


def resident(folder: Path) -> int | None:
    """The process id of the resident agent that runs in this state folder."""
    if not (folder / "resident.lock").exists():
        return None
    file = _open_lock(folder / "resident.lock")
    try:
        return None if _try_lock(file) else _pid_in(file)
    finally:
        os.close(file)


def _pid_in(file: int) -> int | None:
    os.lseek(file, 0, os.SEEK_SET)
    text = os.read(file, 32).decode("ascii", "replace").strip()
    return int(text) if text.isdecimal() else None


def _open_lock(path: Path) -> int:
    try:
        file = os.open(path, os.O_RDWR | os.O_CREAT, 0o600)
        path.chmod(0o600)  # whatever the umask
    except OSError as error:
        raise Broken(f"Cannot lock {path} ({error.strerror}): make the folder writable.") from error
    return file


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
        except OSError as error:
            raise Broken(f"The state folder cannot be locked ({error.strerror}): keep it on a local disk.") from error
        return True
