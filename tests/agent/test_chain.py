"""Any mixture of what can go wrong between an agent and its server ends with what the host last saw."""

from __future__ import annotations

import shutil
import sqlite3
from contextlib import ExitStack, closing, suppress
from pathlib import Path
from tempfile import TemporaryDirectory

from hypothesis import example, given, settings
from hypothesis import strategies as st

from compliance.agent.transport import Transport
from compliance.errors import Unreachable
from compliance.server.storage.engine import open_store
from compliance.settings import private_folder
from compliance.wire.messages import Failed
from tests.agent.laidout import Agent, process, serving

STEPS = (
    "look",
    "send",
    "cut",
    "dead",
    "backup",
    "restore",
    "image",
    "set-back",
    "boot",
    "fail",
    "partial",
    "malformed",
)

looks = st.sets(st.integers(1, 6), max_size=5)
names = st.sampled_from(["sh", "vi"])
steps = st.lists(st.tuples(st.sampled_from(STEPS), looks, names), max_size=14)


class World:
    """A host, its agent and its server, and copies of either's disk."""

    def __init__(self, folder: Path, template: Path) -> None:
        self.folder = folder
        self.boot = 1
        self.was_set_back = False
        shutil.copyfile(template, folder / "server.db")
        self.stack = ExitStack()
        self.start()
        self.agent = Agent(private_folder(self.folder / "agent"), self.server, cap=2_500)
        self.back_up()
        self.image()

    def start(self) -> None:
        url = f"sqlite:///{self.folder / 'server.db'}"
        self.server = self.stack.enter_context(serving(url, self.stack.enter_context(closing(open_store(url)))))

    def restore(self) -> None:
        """A running server knows more than its database: it is stopped for that."""
        self.stack.close()
        _copy(self.folder / "backup.db", self.folder / "server.db")
        self.start()
        self.agent.transport = Transport(self.server.http)

    def look(self, pids: set[int], name: str) -> None:
        # A pid that is used again has other ticks; here each boot is one more use.
        rows = [process(pid, name, ticks=self.boot, arguments="x" * 40) for pid in sorted(pids)]
        self.agent.take(f"boot-{self.boot}", processes=rows)
        self.seen = {(row.pid, row.ticks, row.name) for row in rows}

    def drain(self) -> None:
        with suppress(Unreachable):
            self.agent.drain()

    def back_up(self) -> None:
        _copy(self.folder / "server.db", self.folder / "backup.db")

    def image(self) -> None:
        with self.agent.spool():  # closed: all of it is in the one file
            pass
        _copy(self.folder / "agent" / "agent.db", self.folder / "image.db")

    def live(self, history: list[tuple[str, set[int], str]]) -> None:
        for what, pids, name in history:
            self.step(what, pids, name)
        self.look({1, 2}, "sh")
        self.agent.drain()
        assert self.agent.waiting() == 0
        assert self.server.processes() == self.agent.accepted() == self.seen

    def step(self, what: str, pids: set[int], name: str) -> None:
        server, agent = self.server, self.agent
        match what:
            case "look":
                self.look(pids, name)
            case "send":
                self.look(pids, name)
                self.drain()
            case "cut":
                self.look(pids, name)
                with server.cut():
                    self.drain()
            case "dead":
                self.look(pids, name)
                with server.dead():
                    self.drain()
            case "backup":
                self.back_up()
            case "restore":
                self.restore()
            case "image":
                self.image()
            case "set-back" if not self.was_set_back:  # twice in an hour is what a clone does
                _copy(self.folder / "image.db", self.folder / "agent" / "agent.db")
                self.was_set_back = True
            case "boot":
                self.boot += 1
            case "fail":
                agent.take(f"boot-{self.boot}", processes=Failed(reason="Not today."))
            case "partial":
                agent.take(f"boot-{self.boot}", sessions=[])
            case "malformed":
                agent.take(f"boot-{self.boot}", processes=[process(9, ticks=1), process(9, ticks=2)])


def _copy(source: Path, target: Path) -> None:
    with closing(sqlite3.connect(source)) as old, closing(sqlite3.connect(target)) as new:
        old.backup(new)


@settings(max_examples=25)
@given(steps)
@example([("send", {1}, "sh"), ("backup", {1}, "sh"), ("send", {2}, "sh"), ("restore", {1}, "sh"), ("dead", {3}, "sh")])
@example([("look", {pid}, "sh") for pid in (1, 2, 3, 4, 5, 6)])
@example([("malformed", {1}, "sh"), ("look", {1}, "sh"), ("boot", {1}, "sh"), ("partial", {1}, "sh")])
@example([("image", {1}, "sh"), ("cut", {1}, "sh"), ("send", {2}, "sh"), ("set-back", {1}, "sh"), ("cut", {3}, "vi")])
def test_after_whatever_happened_the_server_has_what_the_host_last_saw(sqlite_template: Path, history):
    with TemporaryDirectory() as place:
        world = World(Path(place), sqlite_template)
        with world.stack:
            world.live(history)
