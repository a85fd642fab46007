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


class Setting(NamedTuple):
    """A value, and where it came from in the words of `status`."""

    value: Any
    source: str


def first(
    flag: Any, names: tuple[str, ...] = (), file_value: Any = None, default: Any = None, flag_name: str = "the flag"
) -> Setting:
    """The first that is set: the flag, the environment variables in their order, the file, the default."""
    if flag is not None:
        return Setting(flag, flag_name)
    for name in names:
        # TOKEN and URL_API are the brief's own names; TOKEN alone may be anybody's.
        if os.environ.get(name) and (name != "TOKEN" or os.environ.get("URL_API")):
            return Setting(os.environ[name], name)
    if file_value is not None:
        return Setting(file_value, "the file")
    return Setting(default, "the default")


def state_folder(flag: Path | None = None) -> Path:
    """The flag, COMPLIANCE_STATE_DIR, /var/lib/compliance for root, or ~/.local/state/compliance. Not made here."""
    if flag is not None:
        return flag.expanduser().absolute()
    if os.environ.get("COMPLIANCE_STATE_DIR"):
        return Path(os.environ["COMPLIANCE_STATE_DIR"]).expanduser().absolute()
    if hasattr(os, "geteuid") and os.geteuid() == 0:
        return Path("/var/lib/compliance")
    return Path.home() / ".local" / "state" / "compliance"


def private_folder(path: Path) -> Path:
    """The folder, made where it is missing: nobody else may look into it, whatever the umask."""
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        if not path.is_dir():
            path.mkdir(mode=0o700)
        if path.stat().st_mode & 0o077:
            path.chmod(0o700)
        if not os.access(path, os.W_OK):
            raise PermissionError(13, "Permission denied", str(path))
    except OSError as error:
        raise Broken(
            f"Cannot keep state in {path} ({error.strerror}): make the folder writable, or name another one with"
            " --state-dir or COMPLIANCE_STATE_DIR."
        ) from error
    return path


def write_private(path: Path, content: bytes) -> None:
    """Replaces the file at once, 0600 whatever the umask: after a crash it is the old one or the new one, whole."""
    try:
        number, name = tempfile.mkstemp(dir=path.parent, prefix=f".{path.name}.")  # makes it 0600
        try:
            with os.fdopen(number, "wb") as file:
                file.write(content)
                file.flush()
                os.fsync(file.fileno())
            Path(name).replace(path)
        except BaseException:
            Path(name).unlink(missing_ok=True)
            raise
    except OSError as error:
        raise Broken(f"Cannot write {path} ({error.strerror}): make room or make it writable.") from error


def read_toml(path: Path, known: Mapping[str, type]) -> dict[str, Any]:
    """The file's settings. WrongUsage with the file, and the line or the key, for what is not understood."""
    try:
        found = tomllib.loads(path.read_text(encoding="utf-8"))
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


def check_secrecy(url: str, insecure: bool) -> None:
    """WrongUsage where a secret would cross a network in the clear and nobody said that it may."""
    if urlsplit(url).scheme not in ("http", "https"):
        raise WrongUsage(f"{url!r} is no server's address: it begins with https:// (or http:// on this machine).")
    if urlsplit(url).scheme == "http" and not is_loopback(url) and not insecure:
        raise WrongUsage(
            f"{url} would carry secrets in the clear: use https, or say --insecure (COMPLIANCE_INSECURE=1)."
        )


def insecure_allowed(flag: bool) -> bool:
    return flag or os.environ.get("COMPLIANCE_INSECURE", "") not in ("", "0")


def read_secret(value: str | None, file: str | None, names: tuple[str, ...] = ()) -> str | None:
    """A secret from the flag, from a file (`-` is standard input) or from the environment; None where there is none."""
    if value and file:
        raise WrongUsage("Give --key or --key-file, not both.")
    if file == "-":
        return _stripped(sys.stdin.read(), "standard input")
    if file:
        try:
            return _stripped(Path(file).expanduser().read_text(encoding="utf-8"), file)
        except (OSError, UnicodeDecodeError) as error:
            raise WrongUsage(f"Cannot read the key from {file} ({getattr(error, 'strerror', 'not text')}).") from error
    found: str | None = first(value, names).value
    return found.strip() if found else None


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


def _stripped(text: str, place: str) -> str:
    if not text.strip():
        raise WrongUsage(f"There is no key in {place}.")
    return text.strip()
