"""What the agent is told: agent.toml, the environment, and what it remembers of its enrollment."""

from __future__ import annotations

import os
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
    check_secrecy,
    first,
    insecure_allowed,
    private_folder,
    read_secret,
    read_toml,
    state_folder,
)
from compliance.wire.messages import Enrollment

SETTINGS = {"server": str, "key_file": str, "ca": str, "insecure": bool, "interval": int}
"""What agent.toml may say."""
KEY_NAMES = ("COMPLIANCE_KEY", "TOKEN")
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
    sources: dict[str, str] = field(default_factory=dict)


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
    file = _file(given.folder, config)
    known = identities.read(given.folder) if given.folder.is_dir() else None
    remembered: dict[str, Any] = msgspec.structs.asdict(known) if known is not None and known.server else {}

    def choose(name: str, flag: Any, names: tuple[str, ...], default: Any = None) -> Any:
        setting = first(flag, names, file.get(name), flag_name=f"--{name}")
        if setting.value is None and remembered.get(name) is not None:
            setting = setting._replace(value=remembered[name], source="the enrollment")
        given.sources[name] = setting.source
        return default if setting.value is None else setting.value

    given.server = choose("server", server, SERVER_NAMES)
    given.ca = choose("ca", None if ca is None else str(ca), ("COMPLIANCE_CA",))
    given.interval = choose("interval", interval, (), 60)
    given.insecure = insecure_allowed(insecure or bool(file.get("insecure")) or bool(remembered.get("insecure")))
    given.key = read_secret(key, key_file, KEY_NAMES) or read_secret(None, file.get("key_file"))
    return given


def _file(folder: Path, named: Path | None) -> dict[str, Any]:
    if named is not None:
        return read_toml(named, SETTINGS)
    usual = folder / "agent.toml"
    return read_toml(usual, SETTINGS) if usual.is_file() else {}


def connect(given: Given) -> Transport:
    """A transport to the server, once it is clear that no secret crosses a network in the clear."""
    if given.server is None:
        raise WrongUsage(
            "No server is known: `compliance agent enroll --server URL --key-file FILE` (or COMPLIANCE_SERVER and"
            " COMPLIANCE_KEY) says where to report."
        )
    check_secrecy(given.server, given.insecure)
    return Transport(make_client(given.server, given.ca, os.environ.get("COMPLIANCE_GATEWAY_KEY")))


def enroll(given: Given, transport: Transport, hostname: str, anew: bool = False) -> Identity:
    """Makes this host known to the server, under the identity it has or a new one. The caller holds the lock."""
    if given.key is None:
        raise WrongUsage(
            "Enrolling needs an enrollment key: --key-file FILE, `-` for standard input, or COMPLIANCE_KEY."
        )
    private_folder(given.folder)
    known = identities.read(given.folder)
    fresh = known is None or anew
    identity = identities.mint() if known is None or anew else known
    if fresh and not anew:
        # Kept before it is told: a cut connection then repeats the same enrollment.
        identities.write(given.folder, identity)
    transport.enroll(Enrollment(id=identity.id, secret=identity.token, hostname=hostname), given.key)
    if fresh:
        # What waits was said by another identity. A new server, though, gets all that the old one did not take.
        spool = Spool(given.folder)
        spool.forget()
        spool.close()
    identity = msgspec.structs.replace(identity, server=given.server, ca=given.ca, insecure=given.insecure)
    identities.write(given.folder, identity)
    return identity
