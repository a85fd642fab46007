"""One struct per kind of fact: a row of what a host is, or of what runs on it.

A row holds nothing that moves from look to look (CPU apart, which is a sample), so that a host on which nothing
happened says nothing. `None` is "this look could not see it", never "empty". Times are integer milliseconds since 1970,
UTC. The bounds stand here, so that whatever decodes can be stored as it is.
"""

from __future__ import annotations

from typing import Annotated, Literal

from msgspec import Meta, Struct

LAST_MOMENT = 4_102_444_800_000
"""The end of the year 2099."""
Moment = Annotated[int, Meta(ge=0, le=LAST_MOMENT, description="Milliseconds since 1970, UTC; until the year 2100.")]
Pid = Annotated[int, Meta(ge=0, lt=2**32)]
Ticks = Annotated[int, Meta(ge=0, le=2**63 - 1)]
Name = Annotated[str, Meta(min_length=1, max_length=255)]
Text = Annotated[str, Meta(max_length=255)]
Path = Annotated[str, Meta(max_length=4096)]
Arguments = Annotated[str, Meta(max_length=65_536)]
Percent = Annotated[float, Meta(ge=0, le=100)]
Load = Annotated[float, Meta(ge=0, le=1e9)]
Cores = Annotated[int, Meta(ge=1, le=1_000_000)]
# Alone, `$` lets a line end stand behind it; `\Z` means nothing in the API's description, which shows this pattern.
IpText = Annotated[str, Meta(min_length=2, max_length=45, pattern=r"^[0-9a-f:.]+$(?!\n)")]

OnlyKey = Literal[""]
"""Of a kind that has one row."""
ProcessKey = tuple[Pid, Ticks]
SessionKey = tuple[Name, Text, Text, Moment]


class Fact(Struct, frozen=True, kw_only=True, omit_defaults=True):
    """A row of a section; `key` is what tells it from the other rows of the same look."""


class Host(Fact, frozen=True, kw_only=True):
    """Which machine this is. One row."""

    hostname: Name
    machine_id: Annotated[str, Meta(max_length=64)] | None = None
    """/etc/machine-id, the Windows MachineGuid or the macOS IOPlatformUUID: evidence, never identity."""
    booted_at: Moment | None = None
    """When the machine started, by its own clock; derived once a boot."""

    @property
    def key(self) -> str:
        return ""


class OperatingSystem(Fact, frozen=True, kw_only=True):
    """Which operating system runs on it. One row."""

    name: Name
    """The distribution's or maker's own name: `Debian GNU/Linux`, `macOS`, `Windows`."""
    version: Text | None = None
    """`12`, `24.04`, `14.5`; absent on a rolling release that has none."""
    kernel: Text | None = None
    """The running kernel's release, as `uname -r` has it."""
    architecture: Annotated[str, Meta(max_length=64)] | None = None

    @property
    def key(self) -> str:
        return ""


class Address(Fact, frozen=True, kw_only=True):
    """An IP address of an interface that is up, loopback left out."""

    address: IpText
    """IPv4 or IPv6 in its canonical text, without a zone."""
    interface: Name
    primary: bool = False
    """The one that packets to the rest of the network leave by; at most one."""

    @property
    def key(self) -> str:
        return self.address


class Cpu(Fact, frozen=True, kw_only=True):
    """How busy the processors were since the last look. A sample: it has no key and no digest."""

    percent: Percent
    """Of all cores together; a first look measures a short while instead of the time since the last one."""
    cores: Cores
    """Logical processors."""
    load_1: Load | None = None
    load_5: Load | None = None
    load_15: Load | None = None


class Process(Fact, frozen=True, kw_only=True):
    """A process. It keeps its key through exec, setuid and a new name: then its row is replaced."""

    pid: Pid
    ticks: Ticks
    """When it started: clock ticks since boot on Linux, milliseconds since 1970 elsewhere. Tells a pid used again."""
    ppid: Pid | None = None
    started_at: Moment | None = None
    """By the host's own clock; derived once and kept, so that a clock step does not change the row."""
    user: Name | None = None
    """Who owns it; the number as text where no account has it."""
    name: Name
    exe: Path | None = None
    """The program's file; `None` for kernel threads and where it could not be read."""
    arguments: Arguments | None = None
    """The command line as a shell would read it, its secrets already taken out on the host."""

    @property
    def key(self) -> ProcessKey:
        return self.pid, self.ticks


class Session(Fact, frozen=True, kw_only=True):
    """A user with an open session; the whole row is its key."""

    user: Name
    terminal: Text | None = None
    """`pts/0`, `tty1`, `:0`; none for a session without one."""
    remote_host: Text | None = None
    """Where it came from, as the host tells it; none for a local one."""
    opened_at: Moment | None = None

    @property
    def key(self) -> SessionKey:
        return self.user, self.terminal or "", self.remote_host or "", self.opened_at or 0
