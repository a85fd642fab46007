"""Labels by hand: intervals, after everything that is known of the host."""

import pytest

from compliance.errors import ComplianceError
from compliance.server.judging.labels import label
from compliance.server.storage.clock import OPEN
from tests.server.judging.world import HOUR, NOON, running


def rows(world):
    found = world.ask("SELECT name, value, ended_at FROM host_label ORDER BY first_seen_at, name")
    return [(name, value, ended == OPEN) for name, value, ended in found]


def test_a_label_is_replaced_by_a_new_interval(world):
    host = world.machine()
    label(world.store, host.id, {"role": "web", "env": "test"}, world.now)
    label(world.store, host.id, {"role": "database"}, world.now)
    assert rows(world) == [("env", "test", True), ("role", "web", False), ("role", "database", True)]


def test_the_same_label_again_changes_nothing(world):
    host = world.machine()
    label(world.store, host.id, {"role": "web"}, world.now)
    before = world.ask("SELECT revision FROM host_contact")
    label(world.store, host.id, {"role": "web"}, world.now + HOUR)
    assert rows(world) == [("role", "web", True)]
    assert world.ask("SELECT revision FROM host_contact") == before


def test_a_label_that_was_not_given_cannot_be_taken(world):
    host = world.machine()
    with pytest.raises(ComplianceError, match="no label 'role'"):
        label(world.store, host.id, {"role": None}, world.now)


def test_a_label_begins_after_the_last_report_whatever_the_clock_says(world):
    host = world.machine()
    host.tell(NOON + HOUR, processes=running("sshd"))
    label(world.store, host.id, {"role": "web"}, NOON)
    assert world.ask("SELECT first_seen_at FROM host_label") == [("2026-03-03 13:00:00.001",)]
