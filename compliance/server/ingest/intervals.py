"""How each kind of fact lies in its table: a literal that `diff` and `apply` follow without knowing the kinds."""

from collections.abc import Callable
from dataclasses import dataclass
from hashlib import blake2b
from typing import Any

import msgspec

from compliance.server.ingest.dictionary import Known
from compliance.server.storage.clock import to_text
from compliance.wire.facts import Address, Host, OperatingSystem, Process, Session, SessionKey

Value = str | bytes | int | float | None
Values = tuple[Value, ...]


@dataclass(frozen=True)
class Interval:
    """A kind's table: the key beside host_id, the other columns, and how a wire row and a wire key become them."""

    table: str
    key: tuple[str, ...]
    values: tuple[str, ...]
    row: Callable[[Any, Known], Values]
    """Key columns, then value columns."""
    ended: Callable[[Any], Values]
    boot_bound: bool = False
    """Nothing of it outlives a start of the machine."""
    one_open: bool = False
    """The store refuses a second open row of a key, so that only the ends that a report tells need be written."""

    @property
    def columns(self) -> tuple[str, ...]:
        return *self.key, *self.values


def session_digest(key: SessionKey) -> bytes:
    """What tells a session from the others of its host, in the 16 bytes that its key column holds."""
    return blake2b(msgspec.json.encode(key), digest_size=16).digest()


def _moment(ms: int | None) -> str | None:
    return None if ms is None else to_text(ms)


def _host(row: Host, known: Known) -> Values:
    return row.hostname, row.machine_id, _moment(row.booted_at)


def _os(row: OperatingSystem, known: Known) -> Values:
    return (known.system(row),)


def _address(row: Address, known: Known) -> Values:
    return row.address, row.interface, int(row.primary)


def _process(row: Process, known: Known) -> Values:
    account = None if row.user is None else known.account(row.user)
    return row.pid, row.ticks, row.ppid, _moment(row.started_at), account, known.command(row)


def _session(row: Session, known: Known) -> Values:
    digest = session_digest(row.key)
    return digest, known.account(row.user), row.terminal, row.remote_host, _moment(row.opened_at)


INTERVALS: dict[str, Interval] = {
    "host": Interval("host_fact", (), ("hostname", "machine_id", "booted_at"), _host, lambda key: ()),
    "os": Interval("host_os", (), ("operating_system_id",), _os, lambda key: ()),
    "addresses": Interval("host_address", ("address",), ("interface", "is_primary"), _address, lambda key: (key,)),
    "processes": Interval(
        "process",
        ("pid",),
        ("ticks", "ppid", "started_at", "account_id", "command_id"),
        _process,
        lambda key: (key[0],),
        boot_bound=True,
        one_open=True,
    ),
    "sessions": Interval(
        "session",
        ("digest",),
        ("account_id", "terminal", "remote_host", "opened_at"),
        _session,
        lambda key: (session_digest(key),),
        boot_bound=True,
    ),
}
