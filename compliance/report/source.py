"""Which server a report reads, and with which key: flags, then the environment, then what `compliance up` left."""

import os
import sys
from dataclasses import dataclass
from pathlib import Path
from urllib.parse import urlsplit

from compliance.errors import Broken, WrongUsage
from compliance.settings import is_loopback, read_secret, state_folder

DEFAULT_SERVER = "http://127.0.0.1:8080"
KEY_FILE = "read.key"
URL_FILE = "server.url"
HOW = "give a read key with --key-file FILE, on stdin with --key-file -, or in COMPLIANCE_KEY"


@dataclass(frozen=True)
class Source:
    """Where to ask. The keys stay out of every printed form."""

    url: str
    key: str
    ca: Path | None = None
    gateway_key: str | None = None
    """What an API gateway in front of the server asks for, beside the key."""

    def __repr__(self) -> str:
        return f"Source({self.url!r})"


def find(server: str | None, key_file: str | None, ca: Path | None, insecure: bool) -> Source:
    """WrongUsage when there is no key, or when it would travel where anybody can read it."""
    url = _checked(_server(server))
    key = _key(url, key_file, beside_url_api=_says_url_api(server))
    if not key.isascii() or not key.isprintable() or " " in key:
        raise WrongUsage(f"That is no key: it holds characters that a key never has; {HOW}.")
    if ca is not None and not ca.is_file():
        raise WrongUsage(f"There is no certificate file {ca}: --ca takes a file in PEM form.")
    if url.startswith("http://") and not is_loopback(url) and not insecure:
        raise WrongUsage(
            f"The key would travel to {url} for anybody to read: use https://, or --insecure if the network is trusted."
        )
    return Source(url, key, ca, read_secret(None, None, ("COMPLIANCE_GATEWAY_KEY",)))


def _says_url_api(server: str | None) -> bool:
    return not server and not os.environ.get("COMPLIANCE_SERVER") and bool(os.environ.get("URL_API"))


def _server(flag: str | None) -> str:
    return flag or os.environ.get("COMPLIANCE_SERVER") or os.environ.get("URL_API") or _local_server()


def _local_server() -> str:
    return _left_behind(URL_FILE) or DEFAULT_SERVER


def _checked(url: str) -> str:
    url = url.strip().rstrip("/")
    try:
        parts = urlsplit(url)
        usable = parts.scheme in {"http", "https"} and bool(parts.hostname) and (parts.port is None or parts.port > 0)
    except ValueError:
        usable = False
    if not usable:
        raise WrongUsage("The server's address has to be a URL such as https://compliance.example.com:8443.")
    if parts.username is not None or parts.query or parts.fragment:
        raise WrongUsage("The server's address is only http(s)://HOST:PORT: no user, password or query belongs in it.")
    return url


def _key(url: str, key_file: str | None, *, beside_url_api: bool) -> str:
    if key_file:
        return _from_file(key_file)
    environment = os.environ.get("COMPLIANCE_KEY") or (os.environ.get("TOKEN") if beside_url_api else None)
    if environment:
        return environment.strip()
    # The key that lies here was made for the server that was started here, and goes to no other.
    if url == _local_server().strip().rstrip("/"):
        left = _left_behind(KEY_FILE)
        if left:
            return left
        raise WrongUsage(
            f"No read key for {url}: start the server with `compliance up`, which leaves one in "
            f"{state_folder(None)}, or {HOW}."
        )
    raise WrongUsage(
        f"No read key for {url}: {HOW}; whoever runs it makes one with `compliance server keys create --role read`."
    )


def _from_file(name: str) -> str:
    try:
        text = sys.stdin.readline() if name == "-" else Path(name).read_text(encoding="utf-8")
    except (OSError, UnicodeDecodeError) as error:
        why = getattr(error, "strerror", None) or "it is not text"
        raise WrongUsage(f"Cannot read the key file {name} ({why}): {HOW}.") from error
    if not text.strip():
        raise WrongUsage(f"There is no key in {'stdin' if name == '-' else name}: {HOW}.")
    return text.strip()


def _left_behind(name: str) -> str | None:
    path = state_folder(None) / name
    try:
        return path.read_text(encoding="utf-8").strip() or None
    except FileNotFoundError:
        return None
    except (OSError, UnicodeDecodeError) as error:
        why = getattr(error, "strerror", None) or "it is not text"
        raise Broken(f"Cannot read {path} ({why}): run as the user who ran `compliance up`, or {HOW}.") from error
