"""What reports leave unknown, where they do not look at everything."""

import pytest

from tests.server.ingest.chain import MINUTE, NOON, PROCESSES, SESSIONS, Chain

LOST = "2 reports were lost: the spool was full"
STARTED = "the machine was started anew, and nobody had looked since"


@pytest.fixture
def chain(store):
    return Chain(store)


def test_a_loss_is_a_gap_of_the_kinds_too_that_the_report_does_not_look_at(chain):
    chain.tell(NOON, processes=PROCESSES, sessions=SESSIONS)
    chain.tell(NOON + MINUTE, sessions=SESSIONS, lost=2)
    assert chain.unknown("processes", NOON + MINUTE) == [(NOON, None, LOST)]
    assert chain.unknown("sessions", NOON + MINUTE) == []
    chain.tell(NOON + 2 * MINUTE, processes=PROCESSES, sessions=SESSIONS)
    for kind, until in (("processes", NOON + 2 * MINUTE), ("sessions", NOON + MINUTE)):
        assert chain.unknown(kind, NOON + 1) == [(NOON, until, LOST)]
        assert chain.unknown(kind, until) == []


def test_in_a_new_boot_what_nobody_looks_at_is_unknown_and_not_gone(chain):
    chain.tell(NOON, processes=PROCESSES, sessions=SESSIONS, interval=None)
    chain.tell(NOON + MINUTE, sessions=SESSIONS, interval=None, boot="boot-2")
    assert chain.unknown("processes", NOON + 2 * MINUTE) == [(NOON, None, STARTED)]
    assert chain.unknown("sessions", NOON + 2 * MINUTE) == []
    chain.tell(NOON + 9 * MINUTE, processes=PROCESSES, interval=None, boot="boot-2")
    assert chain.unknown("processes", NOON + 9 * MINUTE) == []
    assert chain.unknown("processes", NOON + 2 * MINUTE) == [(NOON, NOON + 9 * MINUTE, STARTED)]


def test_a_promise_that_was_broken_stays_broken_when_the_next_report_promises_nothing(chain):
    chain.tell(NOON, processes=PROCESSES, sessions=SESSIONS)
    chain.tell(NOON + 9 * MINUTE, sessions=SESSIONS, interval=None)
    silence = "no report for 540 s, where one was due every 60 s"
    assert chain.unknown("processes", NOON + 9 * MINUTE) == [(NOON, None, silence)]
    assert chain.unknown("sessions", NOON + 9 * MINUTE) == []


def test_a_promise_that_was_kept_may_be_replaced(chain):
    chain.tell(NOON, processes=PROCESSES, sessions=SESSIONS)
    chain.tell(NOON + 3 * MINUTE, sessions=SESSIONS, interval=None)
    assert chain.unknown("processes", NOON + 9 * MINUTE) == []
