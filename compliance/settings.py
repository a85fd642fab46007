"""Where settings come from: flags win over the environment, the environment over a TOML file. And the state folder."""

from __future__ import annotations

import difflib
import ipaddress
import os
import sys
import tempfile
import tomllib
from collections.abc import Mapping
from pathlib import Path
from typing import Any, NamedTuple
from urllib.parse import urlsplit

from compliance.errors import Broken, WrongUsage

OURS = frozenset(
    {"agent.db", "agent.lock", "agent.toml", "compliance.db", "identity.json", "read.key", "server.toml", "server.url"}
)
"""By these files a folder is known to be a state folder."""


class Setting(NamedTuple):
    """A value, and where it came from in the words of `status`."""

    value: Any
    source: str


def first(
    flag: Any,
    names: tuple[str, ...] = (),
    file_value: Any = None,
    default: Any = None,
    flag_name: str = "the flag",
    file_name: str = "the file",
) -> Setting:
    """The first that is set: the flag, the environment variables in their order, the file, the default."""
    if flag is not None:
        return Setting(flag, flag_name)
    for name in names:
        # TOKEN and URL_API are the brief's own names; TOKEN alone may be anybody's.
        if os.environ.get(name) and (name != "TOKEN" or os.environ.get("URL_API")):
            return Setting(os.environ[name], name)
    if file_value is not None:
        return Setting(file_value, file_name)
    return Setting(default, "the default")


def state_folder(flag: Path | None = None) -> Path:
    """The flag, COMPLIANCE_STATE_DIR, /var/lib/compliance for root, or ~/.local/state/compliance. Not made here."""
    named = flag or os.environ.get("COMPLIANCE_STATE_DIR")
    try:
        if named:
            return Path(named).expanduser().absolute()
        if hasattr(os, "geteuid") and os.geteuid() == 0:
            return Path("/var/lib/compliance")
        return Path.home() / ".local" / "state" / "compliance"
    except RuntimeError as error:
        raise WrongUsage(
            "This user has no home folder: name a state folder with --state-dir or COMPLIANCE_STATE_DIR."
        ) from error


def private_folder(path: Path) -> Path:
    """The folder, made where it is missing: nobody else may look into it, whatever the umask."""
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        _make_private(path)
        if not os.access(path, os.W_OK | os.X_OK):
            raise PermissionError(13, "Permission denied", str(path))
    except OSError as error:
        raise Broken(
            f"Cannot keep state in {path} ({error.strerror}): make the folder writable, or name another one with"
            " --state-dir or COMPLIANCE_STATE_DIR."
        ) from error
    return path


def _make_private(path: Path) -> None:
    try:
        path.mkdir(mode=0o700)
    except FileExistsError:
        if os.name != "posix" or (path.is_dir() and not path.stat().st_mode & 0o077):
            return
        # Whoever names /tmp or a home folder here must not find it closed to everybody else.
        if not OURS.intersection(inside := {entry.name for entry in path.iterdir()}) and inside - {"lost+found"}:
            raise WrongUsage(f"{path} holds other things, and is open to others: name a folder of its own.") from None
    path.chmod(0o700)


def write_private(path: Path, content: bytes) -> None:
    """Replaces the file at once, 0600 whatever the umask. It is on disk when this returns.

    After a crash it is the old one or the new one, whole.
    """
    try:
        number, name = tempfile.mkstemp(dir=path.parent, prefix=f".{path.name}.")
        try:
            Path(name).chmod(0o600)
            with os.fdopen(number, "wb") as file:
                file.write(content)
                file.flush()
                os.fsync(file.fileno())
            Path(name).replace(path)
            _sync_folder(path.parent)
        except BaseException:
            Path(name).unlink(missing_ok=True)
            raise
    except OSError as error:
        raise Broken(f"Cannot write {path} ({error.strerror}): make room or make it writable.") from error


def _sync_folder(path: Path) -> None:
    if os.name != "posix":
        return
    number = os.open(path, os.O_RDONLY)
    try:
        os.fsync(number)
    finally:
        os.close(number)


def read_toml(path: Path, known: Mapping[str, type], needed: bool = True) -> dict[str, Any]:
    """The file's settings. WrongUsage with the file, and the line or the key, for what is not understood."""
    try:
        found = tomllib.loads(path.read_text(encoding="utf-8"))
    except FileNotFoundError as error:
        if not needed:
            return {}
        raise WrongUsage(f"There is no file {path}.") from error
    except OSError as error:
        raise WrongUsage(f"Cannot read {path} ({error.strerror}).") from error
    except (tomllib.TOMLDecodeError, UnicodeDecodeError) as error:
        raise WrongUsage(f"{path} is not TOML: {error}.") from error
    for key, value in found.items():
        if key not in known:
            near = difflib.get_close_matches(key, known, 1)
            meant = f"did you mean {near[0]!r}?" if near else f"known are {', '.join(sorted(known))}."
            raise WrongUsage(f"{path}: there is no setting {key!r}; {meant}")
        if not isinstance(value, known[key]) or (isinstance(value, bool) and known[key] is int):
            raise WrongUsage(f"{path}: {key} has to be of type {known[key].__name__}, not {type(value).__name__}.")
    return found


def is_loopback(place: str) -> bool:
    """Whether a URL or a host name leads to this machine only."""
    host = (urlsplit(place).hostname if "://" in place else place.strip("[]")) or ""
    if host == "localhost":
        return True
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return False


def server_address(text: str, place: str) -> str:
    """A server's URL as it is asked, remembered and shown. WrongUsage for what is none; a password is not repeated.

    `place` is where it was found, in the words of `status`.
    """
    url = text.strip().rstrip("/")
    try:
        parts = urlsplit(url)
        usable = parts.scheme in ("http", "https") and bool(parts.hostname) and parts.port != 0
    except ValueError:
        usable = False
    if not usable or not url.isascii() or not url.isprintable() or " " in url:
        raise WrongUsage(f"What {place} holds is no server's address: it is a URL such as https://example.com:8443.")
    if parts.username is not None or parts.query or parts.fragment:
        raise WrongUsage(f"No user, password or query belongs in a server's address: see {place}.")
    return url


def check_secrecy(url: str, insecure: bool) -> None:
    """WrongUsage where a secret would cross a network in the clear and nobody said that it may."""
    if urlsplit(url).scheme == "http" and not is_loopback(url) and not insecure:
        raise WrongUsage(
            f"{url} would carry secrets in the clear: use https, or say --insecure (COMPLIANCE_INSECURE=1)."
        )


def insecure_allowed(flag: bool, otherwise: bool = False) -> bool:
    """The flag, COMPLIANCE_INSECURE, or what a file says."""
    text = os.environ.get("COMPLIANCE_INSECURE", "").lower()
    if text not in _SWITCH:
        raise WrongUsage("COMPLIANCE_INSECURE is 1 or 0.")
    said = _SWITCH[text]
    return flag or (otherwise if said is None else said)


_SWITCH = (
    {"": None} | dict.fromkeys(("1", "true", "yes", "on"), True) | dict.fromkeys(("0", "false", "no", "off"), False)
)


def read_secret(value: str | None, file: str | None, names: tuple[str, ...] = ()) -> str | None:
    """A secret from the flag, from a file (`-` is standard input) or from the environment; None where there is none."""
    if value and file:
        raise WrongUsage("Give --key or --key-file, not both.")
    if file == "-":
        return _secret(sys.stdin.read(), "standard input")
    if file:
        try:
            return _secret(Path(file).expanduser().read_text(encoding="utf-8"), file)
        except (OSError, RuntimeError, UnicodeDecodeError) as error:
            why = getattr(error, "strerror", None) or "it is not text"
            raise WrongUsage(f"Cannot read the key from {file} ({why}).") from error
    found = first(value, names, flag_name="--key")
    return _secret(found.value, found.source) if found.value else None


def from_file(name: str) -> str | None:
    """What stands in the file that this environment variable names: so Docker and Kubernetes hand over secrets."""
    path = os.environ.get(name)
    if not path:
        return None
    try:
        text = Path(path).read_text(encoding="utf-8").strip()
    except (OSError, UnicodeDecodeError) as error:
        why = getattr(error, "strerror", "not text")
        raise WrongUsage(f"Cannot read {path}, which {name} names ({why}).") from error
    if not text:
        raise WrongUsage(f"There is nothing in {path}, which {name} names.")
    return text


def _secret(text: str, place: str) -> str:
    """It goes into a header: a character that has no place there would show it in an error."""
    secret = text.strip()
    if not secret:
        raise WrongUsage(f"There is no key in {place}.")
    if not secret.isascii() or not secret.isprintable() or " " in secret:
        raise WrongUsage(f"What {place} holds is no key: it has characters that a key never has.")
    return secret
