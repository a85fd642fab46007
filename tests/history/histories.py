"""Random histories: single events, and short stories that lead where chance alone seldom comes."""

from __future__ import annotations

from hypothesis import strategies as st
from hypothesis.strategies import SearchStrategy

from tests.history.events import (
    Anew,
    Backup,
    Cap,
    Configure,
    CopyDisk,
    Doubled,
    Down,
    Event,
    Exec,
    Exit,
    Fates,
    LetGo,
    LogIn,
    LogOut,
    Minutes,
    Partly,
    Pass,
    Poorly,
    Prune,
    Reboot,
    Release,
    Rename,
    Replay,
    Restore,
    Retire,
    RollBack,
    Setuid,
    Start,
    StepAgent,
    StepServer,
    Tick,
    Twin,
    Up,
)
from tests.history.line import DEAF, HELD, LOST
from tests.history.machine import KINDS

Story = list[Event]
Stories = SearchStrategy[Story]

hosts = st.integers(0, 1)
few = st.integers(0, 6)
intervals = st.sampled_from([60, 60, 60, 30, 600, None])
fates = st.lists(st.sampled_from([LOST, DEAF, HELD]), min_size=1, max_size=4).map(tuple)
some_kinds = st.lists(st.sampled_from(KINDS), min_size=1, max_size=4, unique=True).map(tuple)
seconds = st.sampled_from([1, 59, 60, 61, 179, 181, 600, 3_599, 3_700, 86_400])
steps = st.sampled_from([-1, 1, -90, 90, -4_000, 4_000, -90_000, 90_000])
far_steps = st.sampled_from([-4_000_000_000, 4_000_000_000, -56 * 31_556_952])
caps = st.sampled_from([1, 1_500, 4_000])

machine: SearchStrategy[Event] = st.one_of(
    st.builds(Start, hosts, st.integers(1, 4), few, few, few),
    st.builds(Exit, hosts, few),
    st.builds(Exec, hosts, few, few, few),
    st.builds(Rename, hosts, few, few),
    st.builds(Setuid, hosts, few, few),
    st.builds(LogIn, hosts, few, few, few),
    st.builds(LogOut, hosts, few),
    st.builds(Reboot, hosts, st.booleans()),
    st.builds(Configure, hosts, st.integers(0, 20)),
)
looks: SearchStrategy[Event] = st.one_of(
    st.builds(Tick, hosts, intervals),
    st.builds(Tick, hosts, intervals),
    st.builds(Partly, hosts, some_kinds, intervals),
    st.builds(Poorly, hosts, some_kinds, st.just(0), intervals),
    st.builds(Poorly, hosts, st.just(()), st.integers(1, 9), intervals),
    st.builds(Doubled, hosts),
)
rest: SearchStrategy[Event] = st.one_of(
    st.builds(Pass, seconds),
    st.builds(Pass, seconds),
    st.builds(Minutes, st.integers(1, 3)),
    st.builds(Fates, hosts, fates),
    st.builds(Release, hosts, st.booleans()),
    st.builds(Replay, hosts, few),
    st.just(Down()),
    st.just(Up()),
    st.just(Backup()),
    st.builds(Restore, st.integers(0, 2)),
    st.builds(CopyDisk, hosts),
    st.builds(RollBack, hosts),
    st.builds(StepAgent, hosts, steps),
    st.builds(StepServer, steps),
    st.builds(Cap, hosts, caps),
)
rare: SearchStrategy[Event] = st.one_of(
    st.builds(Anew, hosts),
    st.builds(Twin, hosts),
    st.builds(Retire, hosts),
    st.builds(LetGo, hosts),
    st.builds(Prune, st.sampled_from([1, 2])),
    st.builds(StepAgent, hosts, far_steps),
)
events: SearchStrategy[Event] = st.one_of(machine, machine, looks, looks, rest, rest, rare)
changes = st.lists(machine, min_size=1, max_size=3)
anything = st.lists(events, min_size=0, max_size=12)


@st.composite
def busy(draw: st.DrawFn) -> Story:
    """Changes and looks in turn."""
    told: Story = []
    for _ in range(draw(st.integers(1, 4))):
        told += [*draw(changes), Pass(draw(seconds)), draw(looks)]
    return told


@st.composite
def outage(draw: st.DrawFn) -> Story:
    """The server is down while agents look; then a backlog, perhaps through a spool that was full."""
    host = draw(hosts)
    told: Story = [Cap(host, draw(caps))] if draw(st.booleans()) else []
    told.append(Down())
    for _ in range(draw(st.integers(2, 5))):
        told += [*draw(changes), Pass(60), draw(looks), Tick(host)]
    return [*told, *draw(st.lists(rest, max_size=2)), Up(), Tick(host)]


@st.composite
def restored(draw: st.DrawFn) -> Story:
    """The server goes back to a backup, perhaps while reports wait on the hosts."""
    told: Story = [Tick(0), Backup(), *draw(busy())]
    if draw(st.booleans()):
        told += [Down(), *draw(busy())]
    return [*told, Restore(0), Up(), *draw(st.lists(events, max_size=3)), Tick(0), Tick(1)]


@st.composite
def rolled_back(draw: st.DrawFn) -> Story:
    """An agent's disk goes back; perhaps to one on which reports were waiting."""
    host = draw(hosts)
    told: Story = [Tick(host)]
    if draw(st.booleans()):
        told += [Down(), Tick(host), CopyDisk(host), Up()]
    else:
        told.append(CopyDisk(host))
    told += [*draw(busy()), Tick(host)]
    if draw(st.booleans()):
        told.append(Reboot(host))
    return [*told, RollBack(host), *draw(st.lists(st.one_of(machine, rest), max_size=3)), Tick(host)]


@st.composite
def bad_line(draw: st.DrawFn) -> Story:
    """Requests and answers get lost, arrive late, and come twice."""
    host = draw(hosts)
    told: Story = [Tick(host)]
    for _ in range(draw(st.integers(1, 3))):
        told += [Fates(host, draw(fates)), *draw(changes), Pass(60), Tick(host), *draw(changes), Tick(host)]
        told.append(draw(st.one_of(st.builds(Release, st.just(host), st.booleans()), st.builds(Replay, hosts, few))))
    return told


@st.composite
def deaf_and_full(draw: st.DrawFn) -> Story:
    """What was taken is not known to be, and the spool has no room to wait for the answer."""
    host = draw(hosts)
    told: Story = [Tick(host), Cap(host, 1)]
    for _ in range(draw(st.integers(1, 4))):
        told += [Fates(host, (DEAF,) * 3), *draw(changes), Pass(60), Tick(host)]
    return [*told, Fates(host, (LOST,)), Tick(host), Tick(host)]


@st.composite
def old(draw: st.DrawFn) -> Story:
    """Days pass, and the old is pruned; what was forgotten comes back."""
    return [*draw(busy()), Pass(draw(st.sampled_from([90_000, 200_000]))), Tick(0), Prune(1), *draw(busy()), Tick(0)]


@st.composite
def cloned(draw: st.DrawFn) -> Story:
    """Two machines with one token take turns, until they are refused and let go."""
    told: Story = [Tick(0), Twin(0), *draw(changes), Tick(2), Tick(0), Pass(60), Tick(2), Tick(0), Tick(2)]
    return [*told, *draw(st.lists(events, max_size=3)), LetGo(0), Anew(0), Tick(0), Anew(2), Tick(2)]


stories: Stories = st.one_of(
    anything,
    anything,
    busy(),
    busy(),
    outage(),
    restored(),
    rolled_back(),
    bad_line(),
    deaf_and_full(),
    old(),
    cloned(),
)
histories: Stories = st.lists(stories, min_size=1, max_size=6).map(lambda told: [e for story in told for e in story])
