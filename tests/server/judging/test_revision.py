"""Pure: what is written so that what was said becomes what has to be said."""

from hypothesis import given
from hypothesis import strategies as st

from compliance.server.judging.book import FOREVER
from compliance.server.judging.revision import Said, revise


def said(since, until, outcome):
    return Said(since, until, 1, outcome, 1, None)


def test_what_goes_on_is_not_touched():
    assert revise([said(0, FOREVER, "pass")], [said(5, FOREVER, "pass")], 5, 4).size == 0


def test_an_open_statement_ends_where_nothing_was_said_yet():
    revision = revise([said(0, FOREVER, "pass")], [said(5, FOREVER, "fail")], 5, 4)
    assert revision == ([(said(0, FOREVER, "pass"), 5)], [], [said(5, FOREVER, "fail")])


def test_a_statement_that_is_contradicted_is_superseded_and_what_holds_of_it_is_said_anew():
    revision = revise([said(0, FOREVER, "pass")], [said(5, FOREVER, "fail")], 5, 8)
    assert revision == ([], [said(0, FOREVER, "pass")], [said(0, 5, "pass"), said(5, FOREVER, "fail")])


def test_what_was_said_wrongly_between_two_moments_is_superseded():
    stands = [said(0, 5, "pass"), said(5, FOREVER, "fail")]
    revision = revise(stands, [said(3, FOREVER, "pass")], 3, 8)
    assert revision == ([], stands, [said(0, FOREVER, "pass")])


def test_a_policy_that_is_not_about_the_host_any_more_ends():
    assert revise([said(0, FOREVER, "pass")], [], 5, 4) == ([(said(0, FOREVER, "pass"), 5)], [], [])


@st.composite
def timelines(draw, first=0):
    moments = sorted(draw(st.sets(st.integers(first, 20), max_size=6)))
    ends = [*moments[1:], FOREVER][: len(moments)]
    told = [said(since, until, draw(st.sampled_from("abc"))) for since, until in zip(moments, ends, strict=True)]
    return [one for one in told if draw(st.booleans())]


def at(rows, moment):
    return [one.content for one in rows if one.since <= moment < one.until]


@given(st.data(), timelines(), st.integers(1, 20), st.integers(0, 25))
def test_whatever_was_said_is_kept_before_the_start_and_is_as_wanted_after(data, before, start, judged_until):
    wanted = data.draw(timelines(start))
    stands = [one for one in before if one.until > start]
    revision = revise(stands, wanted, start, judged_until)
    ends = dict(revision.closed)
    rows = [one._replace(until=ends.get(one, one.until)) for one in stands if one not in revision.superseded]
    rows += revision.opened
    for moment in range(30):
        assert at(rows, moment) == at(stands if moment < start else wanted, moment)
    assert all(end > judged_until for end in ends.values())
