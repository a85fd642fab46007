"""What really is on a host, whatever anybody reports of it: the truth that every look is taken from."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from dataclasses import dataclass, field

from msgspec.structs import replace

from compliance.agent.collectors import CannotSee, Collector, Look, Memory
from compliance.wire.facts import Address, Cpu, Fact, Host, OperatingSystem, Process, Session
from compliance.wire.messages import Blind, Kind

KINDS: tuple[Kind, ...] = ("host", "os", "addresses", "cpu", "processes", "sessions")
# Texts that a store may hold for equal, cut, or lose: case, spaces at the end, four-byte characters, a long tail.
USERS = ("root", "Root", "root ", "ana", "ána", "1000")
PROGRAMS = ("sh", "sh ", "SH", "nginx: worker", "naïve-🦊")
TAILS = (None, "", "-c 'x'", "-C 'x'", "-c 'x' ", "ü" * 5000, "ü" * 4999 + "v")
TERMINALS = (None, "pts/0", "pts/1")
REMOTES = (None, "192.0.2.9")
HIDDEN = "The kernel hides processes of other users (hidepid)."


def blind_to(kind: str) -> str:
    """The reason of a look that failed."""
    return f"No privilege to see the {kind}."


@dataclass
class Machine:
    """Numbers given by an event are taken modulo what there is, so that every event fits every machine."""

    number: int
    boots: int = 1
    ticks: int = 100
    hostname: str = ""
    address: str = ""
    kernel: str = "6.1.0"
    booted_at: int = 0
    busy: int = 0
    processes: dict[int, Process] = field(default_factory=dict)
    sessions: dict[object, Session] = field(default_factory=dict)
    doubled: bool = False
    """The next look has a pid twice, which the server refuses as malformed."""

    def __post_init__(self) -> None:
        self.hostname = f"web-{self.number}"
        self.address = f"192.0.2.{self.number + 1}"

    @property
    def boot_id(self) -> str:
        return f"boot-{self.number}-{self.boots}"

    def start(self, pid: int, program: int, tail: int, user: int, now: int) -> None:
        """On a pid that is in use, this is an exit and a pid used again."""
        self.ticks += 7
        name = PROGRAMS[program % len(PROGRAMS)]
        self.processes[pid] = Process(
            pid=pid,
            ticks=self.ticks,
            ppid=None if pid == 1 else 1,
            started_at=max(now, 0),
            user=USERS[user % len(USERS)],
            name=name,
            exe=f"/usr/bin/{name.strip().lower()}" if tail % 3 else None,
            arguments=TAILS[tail % len(TAILS)],
        )

    def exit(self, nth: int) -> None:
        if self.processes:
            del self.processes[self._pid(nth)]

    def exec(self, nth: int, program: int, tail: int) -> None:
        """The key stays; program and arguments are others."""
        if self.processes:
            name = PROGRAMS[program % len(PROGRAMS)]
            self._change(nth, name=name, exe=f"/opt/{name.strip()}", arguments=TAILS[tail % len(TAILS)])

    def rename(self, nth: int, program: int) -> None:
        if self.processes:
            self._change(nth, name=PROGRAMS[program % len(PROGRAMS)])

    def setuid(self, nth: int, user: int) -> None:
        if self.processes:
            self._change(nth, user=USERS[user % len(USERS)])

    def log_in(self, user: int, terminal: int, remote: int, now: int) -> None:
        session = Session(
            user=USERS[user % len(USERS)],
            terminal=TERMINALS[terminal % len(TERMINALS)],
            remote_host=REMOTES[remote % len(REMOTES)],
            opened_at=max(now, 0),
        )
        self.sessions[session.key] = session

    def log_out(self, nth: int) -> None:
        if self.sessions:
            del self.sessions[list(self.sessions)[nth % len(self.sessions)]]

    def reboot(self, now: int, same: bool) -> None:
        """`same`: the same processes come up with the same pids and ticks, as those of an early boot do."""
        self.boots += 1
        self.booted_at = max(now, 0)
        self.sessions.clear()
        if not same:
            self.processes.clear()
            self.ticks = 100
            self.start(1, 0, 1, 0, now)

    def _pid(self, nth: int) -> int:
        return list(self.processes)[nth % len(self.processes)]

    def _change(self, nth: int, **what: str | None) -> None:
        pid = self._pid(nth)
        self.processes[pid] = replace(self.processes[pid], **what)

    def rows(self, kind: str) -> tuple[Fact, ...]:
        """What a look at the kind sees now."""
        if kind == "processes":
            rows = tuple(self.processes.values())
            twice = [Process(pid=99, ticks=ticks, name="sh") for ticks in (1, 2)]
            return (*rows, *twice) if self.doubled else rows
        if kind == "sessions":
            return tuple(self.sessions.values())
        if kind == "host":
            return (Host(hostname=self.hostname, machine_id=f"machine-{self.number}", booted_at=self.booted_at),)
        if kind == "os":
            return (OperatingSystem(name="Debian GNU/Linux", version="12", kernel=self.kernel, architecture="x86_64"),)
        if kind == "addresses":
            return (Address(address=self.address, interface="eth0", primary=True),)
        self.busy += 1
        return (Cpu(percent=float(self.busy % 100), cores=4, load_1=0.5),)

    def collectors(self, failing: Collection[str], hidden: int) -> Mapping[Kind, Collector]:
        """One for each kind; those named fail, and `hidden` processes are known to be there and not seen."""

        def collector(kind: Kind) -> Collector:
            def collect(memory: Memory) -> Look:
                if kind in failing:
                    raise CannotSee(blind_to(kind))
                blind = Blind(rows=hidden, reason=HIDDEN) if hidden and kind == "processes" else None
                return Look(self.rows(kind), blind)

            return collect

        return {kind: collector(kind) for kind in KINDS}
