"""The task beside the writer: woken by commits, by the clock, and back after a failure."""

import asyncio

from compliance.server.judging.turn import take_turn
from compliance.server.judging.worker import Judge
from tests.server.judging.world import policy, running

PATIENCE = 20.0


async def judged(world, host, count=1):
    async with asyncio.timeout(PATIENCE):
        while len(world.verdicts(host.id)) < count:
            await asyncio.sleep(0.01)


def test_a_commit_wakes_it(world):
    host = world.machine()
    world.apply(policy())

    async def run():
        judge = Judge(world.store, sweep_seconds=3600)
        judge.start()
        await judged(world, host)
        host.tell(world.now + 1, processes=running("nc"))
        judge.wake({host.id})
        await judged(world, host, 2)
        await judge.stop()

    asyncio.run(run())
    assert [outcome for *_, outcome in world.verdicts(host.id)] == ["unknown", "fail"]


def test_it_finds_by_itself_what_nobody_told_it(world):
    host = world.machine()
    world.apply(policy())

    async def run():
        judge = Judge(world.store, sweep_seconds=0.02)
        judge.start()
        await judged(world, host)
        host.tell(world.now + 1, processes=running("nc"))
        await judged(world, host, 2)
        await judge.stop()
        assert not judge.alive

    asyncio.run(run())


def test_a_turn_that_failed_is_taken_again(world, monkeypatch, caplog):
    host = world.machine()
    world.apply(policy())
    turns = []

    def sometimes(store, memory, among):
        turns.append(among)
        if len(turns) == 1:
            raise ValueError("out of order")
        return take_turn(store, memory, among)

    monkeypatch.setattr("compliance.server.judging.worker.take_turn", sometimes)

    async def run():
        judge = Judge(world.store, sweep_seconds=0.02)
        judge.start()
        await judged(world, host)
        await judge.stop()

    asyncio.run(run())
    assert "judging failed: out of order" in caplog.text
