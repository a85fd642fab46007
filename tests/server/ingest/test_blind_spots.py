import asyncio

import pytest

from compliance.server.queries.host import host
from tests.server.ingest.chain import MINUTE, NOON, PROCESSES, SESSIONS, Chain, whole

HIDDEN = "hidepid"


@pytest.fixture
def chain(store):
    return Chain(store)


def blind(store, at):
    found = asyncio.run(host(store, "1" * 32, at))
    assert found is not None
    return [(one.kind, one.reason) for one in found.blind]


def test_a_blind_spot_ends_with_the_look_that_sees_though_others_came_in_between(store, chain):
    chain.tell(NOON, processes=whole(blind=HIDDEN), sessions=SESSIONS)
    chain.tell(NOON + MINUTE, sessions=SESSIONS)
    assert blind(store, NOON + MINUTE) == [("processes", HIDDEN)]
    chain.tell(NOON + 2 * MINUTE, processes=PROCESSES, sessions=SESSIONS)
    assert blind(store, NOON + 2 * MINUTE) == []
    assert blind(store, NOON + MINUTE) == [("processes", HIDDEN)]


def test_two_blind_spots_end_each_with_its_own_look(store, chain):
    chain.tell(NOON, processes=whole(blind=HIDDEN), sessions=whole(blind="no utmp"))
    chain.tell(NOON + MINUTE, sessions=SESSIONS)
    assert blind(store, NOON + MINUTE) == [("processes", HIDDEN)]
    chain.tell(NOON + 2 * MINUTE, processes=whole(blind=HIDDEN))
    chain.tell(NOON + 3 * MINUTE, processes=PROCESSES)
    assert blind(store, NOON + 3 * MINUTE) == []
    assert blind(store, NOON + 2 * MINUTE) == [("processes", HIDDEN)]
