"""Moments as a person writes them."""

import pytest

from compliance.errors import WrongUsage
from compliance.moments import parse
from tests.report.fleet import DAY, HOUR, MINUTE, NOW


@pytest.mark.parametrize(
    ("text", "ms"),
    [
        ("2026-11-24 14:03", NOW),
        ("2026-11-24T14:03:00Z", NOW),
        ("2026-11-24 14:03:00 UTC", NOW),
        ("2026-11-24T15:03:00+01:00", NOW),
        ("2026-11-24 14:03:00.250", NOW + 250),
        ("2026-11-24", NOW - 14 * HOUR - 3 * MINUTE),
        ("now", NOW),
        ("2h ago", NOW - 2 * HOUR),
        ("-2h", NOW - 2 * HOUR),
        ("2h", NOW - 2 * HOUR),
        ("90 minutes ago", NOW - 90 * MINUTE),
        ("1 day 2 h ago", NOW - DAY - 2 * HOUR),
        ("1 week ago", NOW - 7 * DAY),
    ],
)
def test_a_moment_is_understood(text, ms):
    assert parse(text, "--at", NOW) == ms


@pytest.mark.parametrize(
    "text",
    ["", "soon", "2 ago", "3 fortnights ago", "14:03", "2026-13-01", "9999-01-01", "99999d"],
)
def test_a_moment_that_is_not_understood_says_how_to_write_one(text):
    with pytest.raises(WrongUsage, match=r"--at does not understand .* such as '2026-03-03 14:03' \(UTC\)"):
        parse(text, "--at", NOW)
