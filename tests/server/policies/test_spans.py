import pytest

from compliance.server.policies.spans import milliseconds, round_figure, say


def test_a_span_is_a_number_and_a_unit():
    assert [milliseconds(span) for span in ("90s", "15m", "12h", "2d", "1w")] == [
        90_000,
        900_000,
        43_200_000,
        172_800_000,
        604_800_000,
    ]


def test_a_span_is_said_in_words():
    assert (say("1h"), say("90d")) == ("1 hour", "90 days")


@pytest.mark.parametrize(
    ("ms", "words"),
    [
        (1, "about 1 second"),
        (4_600, "about 5 seconds"),
        (61_000, "about 1 minute"),
        (1_234_000, "about 20 minutes"),
        (86_400_000 * 37, "about 40 days"),
    ],
)
def test_a_figure_that_wobbles_is_rounded_to_one_digit(ms, words):
    assert round_figure(ms) == words
