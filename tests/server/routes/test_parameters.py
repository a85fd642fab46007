import pytest

from compliance.errors import WrongUsage
from compliance.server.routes.parameters import LATEST, moment, question
from compliance.server.storage.clock import now_ms

NOON = 1_772_539_200_000


@pytest.mark.parametrize(
    "text",
    [
        str(NOON),
        "2026-03-03T12:00:00Z",
        "2026-03-03T12:00:00",
        "2026-03-03 12:00",
        "2026-03-03T13:00:00+01:00",
        "2026-03-03T13:00:00 01:00",
        "2026-03-03T07:00:00-05:00",
        " 2026-03-03T12:00:00.000Z ",
    ],
)
def test_one_moment_in_its_spellings(text):
    assert moment(text) == NOON


def test_milliseconds_are_kept():
    assert moment("2026-03-03T12:00:00.123Z") == NOON + 123


def test_a_day_is_its_first_moment():
    assert moment("2026-03-03") == NOON - 12 * 3_600_000


def test_nothing_said_is_now():
    before = now_ms()
    assert before <= moment(None) <= now_ms()


@pytest.mark.parametrize(
    "text", ["", " ", "yesterday", "2026-13-01", "2026-03-03T25:00", "12:00", "-1", "1.5", "²", "9" * 5000, "\x00"]
)
def test_what_is_no_moment_is_refused_with_how_to_write_one(text):
    with pytest.raises(WrongUsage, match="2026-03-03T14:03:00Z"):
        moment(text)


@pytest.mark.parametrize("text", [str(LATEST + 1), "9" * 30, "0001-01-01", "1969-12-31T23:59:59Z", "9999-12-31"])
def test_a_moment_outside_the_years_that_are_kept_is_refused(text):
    with pytest.raises(WrongUsage, match="1970 to 2100"):
        moment(text)


def test_the_first_and_the_last_moment_are_taken():
    assert (moment("0"), moment(str(LATEST)), moment("1970-01-01")) == (0, LATEST, 0)


def test_an_empty_filter_is_none():
    asked = question(str(NOON), None, "", "", None, 10)
    assert (asked.at, asked.host, asked.user, asked.since, asked.limit) == (NOON, None, None, None, 10)
    assert question(str(NOON), "0", "web-1", "ada", "c", 10).since == 0
