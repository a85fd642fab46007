"""One history, from its beginning to the last question."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable
from pathlib import Path
from tempfile import TemporaryDirectory

from tests.history.events import Event
from tests.history.fleet import Fleet, steered
from tests.history.questions import Questions
from tests.history.server import Server

SETTLED = 30
"""Seconds after which a fleet that is left in peace has told all."""


def replay(history: Iterable[Event], server: Server, hosts: int = 2, most: int = 40) -> Counter[str]:
    """What was reached. AssertionError where an answer is not the model's, or something accepted was lost."""
    with TemporaryDirectory(prefix="history-") as folder, steered(Fleet(server, Path(folder), hosts)) as fleet:
        for event in history:
            fleet.passes(1000)
            event.happen(fleet)
        _settle(fleet)
        Questions(fleet, most).ask()
        return fleet.reached


def _settle(fleet: Fleet) -> None:
    """The troubles end; each agent that may report does, and the server then has all that it took."""
    fleet.server.start()
    for agent in fleet.agents:
        agent.line.fates.clear()
        fleet.passes(SETTLED * 1000)
        fleet.tick(agent)
        host = fleet.host_of(agent)
        if host is None or host.refused_at is not None or host.retired_at is not None:
            continue
        assert not agent.waiting(), "a report still waits, and nothing is in its way"
        ever = fleet.applied
        lost = [report_id for report_id in agent.added if report_id not in ever]
        assert not lost, f"left the agent and never reached the server: {lost}"
        last = host.heard[-1]
        assert last.rows("processes") == agent.machine.rows("processes")
