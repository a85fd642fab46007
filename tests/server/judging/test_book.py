"""Policies in the store: versions, when each stood, and whose they are."""

from compliance.server.judging.book import read_book
from compliance.server.storage.clock import OPEN
from tests.server.judging.world import HOUR, NOON, policy


def book(world):
    with world.store.session() as db:
        return read_book(db)


def test_a_text_is_kept_once_however_often_it_comes_back(world):
    first, second = policy(), policy(severity="low")
    assert world.apply(first).added == ("no-nc",)
    assert world.apply(second, at=NOON + HOUR).changed == ("no-nc",)
    assert world.apply(first, at=NOON + 2 * HOUR).changed == ("no-nc",)
    assert world.ask("SELECT version FROM policy_version ORDER BY version") == [(1,), (2,)]
    assert [(one.version, one.since - NOON) for one in book(world).periods] == [(1, 0), (2, HOUR), (1, 2 * HOUR)]
    assert [one.policy for one in book(world).standing(NOON + HOUR)] == [second]


def test_what_does_not_change_makes_no_new_book(world):
    world.apply(policy())
    before = book(world).number
    assert world.apply(policy(), at=NOON + HOUR).unchanged == ("no-nc",)
    assert book(world).number == before


def test_what_left_the_folder_is_withdrawn_and_what_came_along_stays(world):
    world.apply(policy("shipped"), origin="builtin")
    world.apply(policy("own"), at=NOON + HOUR)
    applied = world.apply(policy("other"), at=NOON + 2 * HOUR)
    assert (applied.added, applied.withdrawn) == (("other",), ("own",))
    assert {one.policy.id for one in book(world).standing(NOON + 3 * HOUR)} == {"shipped", "other"}


def test_a_folders_policy_replaces_the_one_that_came_along_and_is_not_replaced_by_it(world):
    world.apply(policy("one"), origin="builtin")
    assert world.apply(policy("one", severity="low"), at=NOON + HOUR).changed == ("one",)
    assert world.apply(policy("one"), at=NOON + 2 * HOUR, origin="builtin").left == ("one",)
    (period,) = book(world).standing(NOON + 3 * HOUR)
    assert (period.origin, period.policy.severity) == ("folder", "low")


def test_a_book_that_is_known_is_not_read_again(world):
    world.apply(policy())
    known = book(world)
    with world.store.session() as db:
        assert read_book(db, known) is known
        statements = db.statements
    assert statements == 1


def test_two_that_are_applied_in_the_same_moment_stand_one_after_the_other(world):
    world.apply(policy("one"))
    world.apply(policy("two"))
    ends = world.ask("SELECT applied_at, replaced_at FROM policy_period ORDER BY applied_at")
    assert ends == [("2026-03-03 12:00:00.000", "2026-03-03 12:00:00.001"), ("2026-03-03 12:00:00.001", OPEN)]
