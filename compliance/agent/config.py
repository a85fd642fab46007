"""What the agent is told: agent.toml, the environment, and what it remembers of its enrollment."""

from __future__ import annotations

from collections.abc import Callable
from contextlib import closing
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import msgspec

from compliance.agent import identity as identities
from compliance.agent.identity import Identity
from compliance.agent.spool import Spool
from compliance.agent.transport import Transport, make_client
from compliance.errors import WrongUsage
from compliance.settings import (
    Setting,
    check_secrecy,
    first,
    insecure_allowed,
    read_secret,
    read_toml,
    server_address,
    state_folder,
)
from compliance.wire.messages import Enrollment

SETTINGS = {"server": str, "key_file": str, "ca": str, "insecure": bool, "interval": int}
"""What agent.toml may say."""
KEY_NAMES = ("COMPLIANCE_KEY", "TOKEN")
LONGEST_INTERVAL = 86_400
SERVER_NAMES = ("COMPLIANCE_SERVER", "URL_API")


@dataclass
class Given:
    """The settings of one run, and where each came from."""

    folder: Path
    server: str | None = None
    key: str | None = None
    ca: str | None = None
    insecure: bool = False
    interval: int = 60
    key_file: str | None = None
    """Read only when a key is needed: once the host is enrolled, the file may be gone."""
    sources: dict[str, str] = field(default_factory=dict)

    def enrollment_key(self) -> str | None:
        """WrongUsage where the file that is to hold it cannot be read."""
        return self.key or read_secret(None, self.key_file)


def gather(
    folder: Path | None = None,
    server: str | None = None,
    key: str | None = None,
    key_file: str | None = None,
    ca: Path | None = None,
    insecure: bool = False,
    interval: int | None = None,
    config: Path | None = None,
) -> Given:
    """Flags win over the environment, the environment over the file, the file over what enrolling remembered."""
    given = Given(state_folder(folder))
    path = config or given.folder / "agent.toml"
    file = read_toml(path, SETTINGS, needed=config is not None)
    remembered = _remembered(given.folder)

    def choose(name: str, flag: Any, names: tuple[str, ...], default: Any = None) -> Any:
        setting = first(flag, names, file.get(name), default, f"--{name}", str(path))
        if setting.source == "the default" and remembered.get(name) is not None:
            setting = Setting(remembered[name], "the enrollment")
        given.sources[name] = setting.source
        return setting.value

    given.server = choose("server", server, SERVER_NAMES)
    if given.server is not None:
        given.server = server_address(given.server, given.sources["server"])
    if given.server != remembered.get("server"):
        remembered = {}  # that was another server's authority, and another server's network
    given.ca = choose("ca", ca, ("COMPLIANCE_CA",))
    if given.ca is not None:
        given.ca = str(Path(given.ca).expanduser().absolute())
    given.interval = choose("interval", interval, (), 60)
    if not 1 <= given.interval <= LONGEST_INTERVAL:
        place = given.sources["interval"]
        raise WrongUsage(f"{place}: interval has to be from 1 to {LONGEST_INTERVAL} seconds, not {given.interval}.")
    given.insecure = insecure_allowed(insecure, bool(file.get("insecure", remembered.get("insecure"))))
    given.key = read_secret(key, key_file, KEY_NAMES)
    given.key_file = file.get("key_file")
    return given


def _remembered(folder: Path) -> dict[str, Any]:
    known = identities.read(folder)
    return msgspec.structs.asdict(known) if known is not None and known.server else {}


def connect(given: Given) -> Transport:
    """A transport to the server, once it is clear that no secret crosses a network in the clear."""
    if given.server is None:
        raise WrongUsage(
            "No server is known: `compliance agent enroll --server URL --key-file FILE` (or COMPLIANCE_SERVER and"
            " COMPLIANCE_KEY) says where to report."
        )
    check_secrecy(given.server, given.insecure)
    return Transport(make_client(given.server, given.ca, read_secret(None, None, ("COMPLIANCE_GATEWAY_KEY",))))


def enroll(given: Given, transport: Transport, anew: bool = False) -> Identity:
    """Makes this host known to the server, under the identity it has or a new one. The caller holds the lock."""
    key = given.enrollment_key()
    if key is None:
        raise WrongUsage(
            "Enrolling needs an enrollment key: --key-file FILE, `-` for standard input, or COMPLIANCE_KEY."
        )
    known = identities.read(given.folder)
    if known is None and not anew:
        _spool(given.folder, Spool.forget)
    identity = identities.read_or_mint(given.folder, anew)
    transport.enroll(Enrollment(id=identity.id, secret=identity.token, hostname=identities.hostname()), key)
    if anew:
        _spool(given.folder, Spool.forget)
    elif known is None or known.server != given.server:
        _spool(given.folder, Spool.forget_server)
    identity = msgspec.structs.replace(identity, server=given.server, ca=given.ca, insecure=given.insecure)
    identities.adopt(given.folder, identity)
    return identity


def _spool(folder: Path, do: Callable[[Spool], None]) -> None:
    with closing(Spool(folder)) as spool:
        do(spool)
