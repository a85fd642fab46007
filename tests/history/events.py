"""What may happen. Numbers are taken modulo what there is, so that every event is possible at any time."""

from __future__ import annotations

import asyncio
from dataclasses import dataclass

from compliance.errors import ComplianceError
from compliance.server import enrollment
from compliance.server.ingest.prune import prune
from compliance.wire.messages import Kind
from tests.history.fleet import Fleet

SECOND = 1000
HOUR = 3_600_000
DAY = 86_400_000


@dataclass(frozen=True)
class Event:
    def happen(self, fleet: Fleet) -> None:
        raise NotImplementedError


@dataclass(frozen=True)
class OnHost(Event):
    host: int


# On a machine


@dataclass(frozen=True)
class Start(OnHost):
    """On a pid that is in use: the pid is used again."""

    pid: int
    program: int = 0
    tail: int = 0
    user: int = 0

    def happen(self, fleet: Fleet) -> None:
        agent = fleet.agent(self.host)
        agent.machine.start(self.pid, self.program, self.tail, self.user, agent.now())


@dataclass(frozen=True)
class Exit(OnHost):
    nth: int

    def happen(self, fleet: Fleet) -> None:
        fleet.agent(self.host).machine.exit(self.nth)


@dataclass(frozen=True)
class Exec(OnHost):
    nth: int
    program: int
    tail: int = 0

    def happen(self, fleet: Fleet) -> None:
        fleet.agent(self.host).machine.exec(self.nth, self.program, self.tail)


@dataclass(frozen=True)
class Rename(OnHost):
    nth: int
    program: int

    def happen(self, fleet: Fleet) -> None:
        fleet.agent(self.host).machine.rename(self.nth, self.program)


@dataclass(frozen=True)
class Setuid(OnHost):
    nth: int
    user: int

    def happen(self, fleet: Fleet) -> None:
        fleet.agent(self.host).machine.setuid(self.nth, self.user)


@dataclass(frozen=True)
class LogIn(OnHost):
    user: int
    terminal: int = 0
    remote: int = 0

    def happen(self, fleet: Fleet) -> None:
        agent = fleet.agent(self.host)
        agent.machine.log_in(self.user, self.terminal, self.remote, agent.now())


@dataclass(frozen=True)
class LogOut(OnHost):
    nth: int

    def happen(self, fleet: Fleet) -> None:
        fleet.agent(self.host).machine.log_out(self.nth)


@dataclass(frozen=True)
class Reboot(OnHost):
    same: bool = False
    """The same processes come up, with the pids and ticks that they had."""

    def happen(self, fleet: Fleet) -> None:
        agent = fleet.agent(self.host)
        agent.machine.reboot(agent.now(), self.same)


@dataclass(frozen=True)
class Configure(OnHost):
    """Another name, address or kernel."""

    what: int

    def happen(self, fleet: Fleet) -> None:
        machine = fleet.agent(self.host).machine
        match self.what % 3:
            case 0:
                machine.hostname = f"web-{machine.number}-{self.what}"
            case 1:
                machine.address = f"198.51.100.{self.what % 200}"
            case _:
                machine.kernel = f"6.1.{self.what}"


# An agent and its reports


@dataclass(frozen=True)
class Tick(OnHost):
    """A look at everything, put into the spool and sent after all that waits."""

    interval: int | None = 60

    def happen(self, fleet: Fleet) -> None:
        fleet.tick(fleet.agent(self.host), interval=self.interval)


@dataclass(frozen=True)
class Partly(OnHost):
    """A look at some kinds only, as `compliance agent send cpu` has it."""

    kinds: tuple[Kind, ...]
    interval: int | None = None

    def happen(self, fleet: Fleet) -> None:
        fleet.tick(fleet.agent(self.host), kinds=self.kinds, interval=self.interval)


@dataclass(frozen=True)
class Poorly(OnHost):
    """Some collectors fail, or some processes are hidden."""

    failing: tuple[Kind, ...] = ()
    hidden: int = 0
    interval: int | None = 60

    def happen(self, fleet: Fleet) -> None:
        fleet.tick(fleet.agent(self.host), failing=self.failing, hidden=self.hidden, interval=self.interval)


@dataclass(frozen=True)
class Doubled(OnHost):
    """A look that the server refuses as malformed: one pid twice."""

    def happen(self, fleet: Fleet) -> None:
        agent = fleet.agent(self.host)
        agent.machine.doubled = True
        fleet.tick(agent)
        agent.machine.doubled = False


@dataclass(frozen=True)
class Pass(Event):
    """Time."""

    seconds: int

    def happen(self, fleet: Fleet) -> None:
        fleet.passes(self.seconds * SECOND)


@dataclass(frozen=True)
class Minutes(Event):
    """All hosts report once a minute."""

    count: int

    def happen(self, fleet: Fleet) -> None:
        for _ in range(self.count):
            fleet.passes(60 * SECOND)
            for agent in fleet.agents:
                fleet.tick(agent)


@dataclass(frozen=True)
class Cap(OnHost):
    """So many bytes of waiting reports, at most."""

    size: int

    def happen(self, fleet: Fleet) -> None:
        fleet.agent(self.host).cap = self.size


@dataclass(frozen=True)
class Anew(OnHost):
    """`agent enroll --anew`"""

    def happen(self, fleet: Fleet) -> None:
        agent = fleet.agent(self.host)
        if fleet.server.http is not None and fleet.host_of(agent) is not None:
            fleet.enroll(agent, anew=True)
            fleet.reached["a new identity"] += 1


@dataclass(frozen=True)
class CopyDisk(OnHost):
    def happen(self, fleet: Fleet) -> None:
        fleet.agent(self.host).copy()


@dataclass(frozen=True)
class RollBack(OnHost):
    """The agent's disk is what it was when it was copied."""

    def happen(self, fleet: Fleet) -> None:
        agent = fleet.agent(self.host)
        if agent.roll_back():
            fleet.troubled(agent, 1)
            fleet.reached["agent rolled back"] += 1


@dataclass(frozen=True)
class Twin(OnHost):
    """A clone of the machine comes up beside it."""

    def happen(self, fleet: Fleet) -> None:
        agent = fleet.agent(self.host)
        if fleet.host_of(agent) is not None and len(fleet.agents) < 4:
            fleet.twin(agent)


@dataclass(frozen=True)
class StepAgent(OnHost):
    """Its clock jumps."""

    seconds: int

    def happen(self, fleet: Fleet) -> None:
        fleet.agent(self.host).offset += self.seconds * SECOND
        fleet.reached["agent's clock stepped " + ("back" if self.seconds < 0 else "ahead")] += 1


# The network


@dataclass(frozen=True)
class Fates(OnHost):
    """What becomes of the next reports that are sent: lost, deaf or held."""

    fates: tuple[str, ...]

    def happen(self, fleet: Fleet) -> None:
        fleet.agent(self.host).line.fates[:] = self.fates


@dataclass(frozen=True)
class Release(OnHost):
    """What the network held back arrives now, in whatever order; nobody waits for the answer."""

    backwards: bool = False

    def happen(self, fleet: Fleet) -> None:
        line = fleet.agent(self.host).line
        if fleet.server.http is None:
            return
        held, line.held = line.held, []
        for request in reversed(held) if self.backwards else held:
            line.deliver(request, "late")
            fleet.reached["arrived late"] += 1


@dataclass(frozen=True)
class Replay(OnHost):
    """A proxy sends the same bytes again."""

    back: int

    def happen(self, fleet: Fleet) -> None:
        line = fleet.agent(self.host).line
        if line.sent and fleet.server.http is not None:
            line.deliver(line.sent[-1 - self.back % len(line.sent)], "replayed")
            line.sent.pop()
            fleet.reached["replayed by a proxy"] += 1


# The server


@dataclass(frozen=True)
class Down(Event):
    def happen(self, fleet: Fleet) -> None:
        fleet.server.stop()


@dataclass(frozen=True)
class Up(Event):
    def happen(self, fleet: Fleet) -> None:
        fleet.server.start()


@dataclass(frozen=True)
class Backup(Event):
    def happen(self, fleet: Fleet) -> None:
        fleet.backups.append((fleet.server.copy(), fleet.model.copy()))


@dataclass(frozen=True)
class Restore(Event):
    """The server is what it was at one of its backups, the newest being 0."""

    back: int = 0

    def happen(self, fleet: Fleet) -> None:
        if fleet.backups:
            copy, model = fleet.backups[-1 - self.back % len(fleet.backups)]
            fleet.server.put_back(copy)
            fleet.model.put_back(model)
            fleet.reached["server restored"] += 1
            fleet.reached["server restored while reports waited"] += any(agent.waiting() for agent in fleet.agents)


@dataclass(frozen=True)
class StepServer(Event):
    """Its clock jumps."""

    seconds: int

    def happen(self, fleet: Fleet) -> None:
        fleet.offset += self.seconds * SECOND
        fleet.reached["server's clock stepped " + ("back" if self.seconds < 0 else "ahead")] += 1


@dataclass(frozen=True)
class Prune(Event):
    days: int

    def happen(self, fleet: Fleet) -> None:
        with fleet.server.store() as store:
            pruned = prune(store, self.days)
        horizon = (fleet.server_now - self.days * DAY) // HOUR * HOUR
        fleet.model.horizon = max(horizon, fleet.model.horizon or horizon)
        assert pruned.kept_from == fleet.model.horizon
        fleet.reached["rows pruned"] += bool(pruned.rows)


@dataclass(frozen=True)
class Retire(OnHost):
    def happen(self, fleet: Fleet) -> None:
        self._administer(fleet, released=False)

    def _administer(self, fleet: Fleet, released: bool) -> None:
        host = fleet.host_of(fleet.agent(self.host))
        if host is None or host.retired_at is not None:
            return
        with fleet.server.store() as store:
            rows = asyncio.run(store.raw("SELECT id FROM host WHERE identity = ?", [host.id]))
            act = enrollment.release if released else enrollment.retire
            try:
                asyncio.run(act(store, rows[0]["id"]))
            except ComplianceError:
                assert released
                assert host.refused_at is None
                return
        host.retired_at = fleet.server_now
        fleet.reached["released" if released else "retired"] += 1
        # A running server may remember a token for 10 seconds of the true time.
        if fleet.server.http is not None:
            fleet.server.stop()
            fleet.server.start()


@dataclass(frozen=True)
class LetGo(Retire):
    """`hosts release`: ends the refusal of a clone."""

    def happen(self, fleet: Fleet) -> None:
        self._administer(fleet, released=True)
