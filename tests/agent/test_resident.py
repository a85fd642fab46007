"""The resident agent, against the real application; its looks are real too."""

import math
import threading
from contextlib import closing

import pytest

from compliance.agent.budget import Budget
from compliance.agent.identity import locked
from compliance.agent.resident import ANSWERED, Resident
from compliance.agent.schedule import Schedule
from compliance.agent.spool import Spool
from compliance.wire.messages import Kind
from tests.agent.laidout import Agent, Server


class Told:
    def __init__(self) -> None:
        self.lines: list[str] = []
        self.warnings: list[str] = []


@pytest.fixture
def told() -> Told:
    return Told()


@pytest.fixture
def resident(agent: Agent, told: Told) -> Resident:
    kinds: tuple[Kind, ...] = ("cpu", "os")
    return Resident(agent.folder, agent.identity, agent.transport, told.lines.append, told.warnings.append, 60, kinds)


def waiting(agent: Agent) -> int:
    with agent.spool() as spool:
        return spool.waiting()


def scheduled() -> Schedule:
    schedule = Schedule(60, 0.0, first_look=0)
    schedule.looked(0.0, 60)
    return schedule


def test_a_look_is_on_disk_before_anything_is_sent_and_promises_the_next_one(
    resident: Resident, agent: Agent, server: Server
):
    resident.look()
    assert (waiting(agent), server.heard) == (1, [])
    resident.send(scheduled())
    assert waiting(agent) == 0
    assert server.heard[0].interval == 60


def test_a_dead_server_is_told_and_asked_again_later_and_nothing_is_lost(
    resident: Resident, agent: Agent, server: Server, told: Told
):
    schedule = scheduled()
    with server.dead():
        for _ in range(3):
            resident.look()
            resident.send(schedule)
    assert waiting(agent) == 3
    assert len(told.warnings) == 3
    assert "Cannot reach" in told.warnings[0]
    assert "nothing is lost" in told.warnings[0]
    resident.send(schedule)
    assert "The server answers again." in told.lines
    assert (waiting(agent), schedule.send_at) != (0, math.inf)
    resident.send(schedule)
    resident.send(schedule)
    assert [report.interval for report in server.heard] == [60, 60, 60]
    assert schedule.send_at == math.inf


def test_a_revoked_token_stops_nothing_but_the_sending(resident: Resident, agent: Agent, server: Server, told: Told):
    server.ask("UPDATE host_token SET revoked_at = '2026-01-01 00:00:00.000'")
    resident.look()
    resident.send(scheduled())
    assert "revoked" in told.warnings[0]
    resident.look()
    assert waiting(agent) == 2


def test_it_runs_until_it_is_stopped_and_finishes_the_step_at_hand(resident: Resident, agent: Agent, server: Server):
    steps = 0

    def count() -> None:
        nonlocal steps
        steps += 1
        if steps == 4:
            resident.stop()

    resident.run(first_look=0.0, alive=count, pulse=0.001)
    assert len(server.heard) == 1
    assert waiting(agent) == 0


def test_asked_it_looks_and_sends_all_that_waits_at_once(resident: Resident, agent: Agent, server: Server):
    resident.look()
    resident.look()
    thread = threading.Thread(target=lambda: resident.run(first_look=3600.0, pulse=0.01))
    thread.start()
    try:
        resident.ask()
        until = threading.Event()
        for _ in range(1000):
            with locked(agent.folder), closing(Spool(agent.folder)) as spool:
                if spool.note(ANSWERED, 0):
                    break
            until.wait(0.02)
    finally:
        resident.stop()
        thread.join()
    assert len(server.heard) == 3
    assert waiting(agent) == 0


def test_its_settings_are_read_again_between_two_steps(resident: Resident):
    seen = []

    def reload() -> None:
        seen.append("read")
        resident.interval = 7
        resident.stop()

    resident.reload = reload
    resident.wake()
    resident.run(first_look=3600.0)
    assert (seen, resident.every) == (["read"], 7)


def test_an_agent_past_its_budget_says_so_and_promises_what_it_does(agent: Agent, server: Server, told: Told):
    budget = Budget(cpu_percent=-1.0)
    resident = Resident(
        agent.folder, agent.identity, agent.transport, told.lines.append, told.warnings.append, 60, ("os",), budget
    )
    for _ in range(6):
        resident.look()
    resident.send_all()
    assert server.heard[0].interval == 60
    last = server.heard[-1]
    assert last.interval == 120
    assert "2 times less often" in str(last.slowed)
    assert server.ask("SELECT slowed FROM host_contact") == [(last.slowed,)]


def test_a_host_that_no_server_knows_yet_is_enrolled_before_its_first_report(agent: Agent, server: Server, told: Told):
    from msgspec.structs import replace

    asked = []

    def enroll():
        asked.append(1)
        return agent.identity

    resident = Resident(
        agent.folder,
        replace(agent.identity, server=None),
        agent.transport,
        told.lines.append,
        told.warnings.append,
        60,
        ("os",),
        enroll=enroll,
    )
    resident.look()
    resident.send_all()
    resident.look()
    resident.send_all()
    assert asked == [1]
    assert len(server.heard) == 2


def test_nobody_is_asked_where_no_resident_agent_runs(agent: Agent):
    from compliance.agent import identity

    assert identity.resident(agent.folder) is None
    with identity.alone(agent.folder):
        assert identity.resident(agent.folder) is not None
    assert identity.resident(agent.folder) is None
