"""CloudFormation at work, live: a table that moves on a terminal, a line an event anywhere else."""

from __future__ import annotations

import time
from collections.abc import Iterator

from rich.console import Group
from rich.table import Table
from rich.text import Text

from compliance import console
from compliance.console import BAD, QUIET
from compliance.ops.events import Event
from compliance.ops.tables import event_style

MOST_ROWS = 12


class Board:
    """The last state of each resource. What is at work and what failed is shown, what is done is counted."""

    def __init__(self, title: str, started: float) -> None:
        self._title, self._started = title, started
        self._last: dict[str, Event] = {}
        self._failed: list[Event] = []

    def take(self, event: Event) -> None:
        if not event.own:
            self._last[event.resource] = event
        if event.failed and event.reason:
            self._failed.append(event)

    def __rich__(self) -> Group:
        """Asked for anew at each refresh, so that the time moves while nothing else does."""
        working = [event for event in self._last.values() if event.state.endswith("_IN_PROGRESS")]
        done = sum(event.state.endswith("_COMPLETE") for event in self._last.values())
        took = console.duration((time.monotonic() - self._started) * 1000)
        head = Text.assemble((self._title, "bold"), f"  {done} done, {len(working)} at work", (f"  {took}", QUIET))
        table = Table.grid(padding=(0, 2, 0, 0))
        for event in working[-MOST_ROWS:]:
            state = Text(event.state, style=event_style(event.state))
            table.add_row(Text(console.clean(event.resource)), Text(event.type, style=QUIET), state)
        failed = [Text(f"{event.resource}: {console.clean(event.reason or '')}", style=BAD) for event in self._failed]
        return Group(head, table, *failed[:MOST_ROWS])


def watch(title: str, happening: Iterator[Event]) -> None:
    """Shows events until there are no more; what they end in is raised by whoever yields them."""
    err = console.err()
    if not err.is_terminal:
        for event in happening:
            console.say(line(event))
        return
    from rich.live import Live

    board = Board(title, time.monotonic())
    with Live(board, console=err, refresh_per_second=4, redirect_stdout=False, redirect_stderr=False):
        for event in happening:
            board.take(event)


def line(event: Event) -> str:
    reason = f"  {event.reason}" if event.reason else ""
    return f"{console.moment(event.at_ms)[11:]}  {event.stack}  {event.resource}  {event.state}{reason}"
