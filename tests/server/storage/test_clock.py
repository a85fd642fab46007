import time
from datetime import UTC, datetime, timedelta

import pytest

from compliance.server.storage.clock import OPEN, now_ms, to_ms, to_text


def test_a_moment_is_23_characters_of_utc() -> None:
    assert to_text(1_795_528_980_123) == "2026-11-24 14:03:00.123"


@pytest.mark.parametrize("ms", [0, 1, 999, 1000, -1, -1000, -86_400_001, 1_795_528_980_000, 253_402_300_799_999])
def test_every_millisecond_comes_back(ms: int) -> None:
    text = to_text(ms)
    assert len(text) == 23
    assert to_ms(text) == ms
    moment = datetime(1970, 1, 1, tzinfo=UTC) + timedelta(milliseconds=ms)
    assert text == moment.strftime("%Y-%m-%d %H:%M:%S.") + f"{moment.microsecond // 1000:03d}"


def test_a_whole_second_keeps_its_three_zeros() -> None:
    assert to_text(1_795_528_980_000) == "2026-11-24 14:03:00.000"


def test_texts_sort_as_their_moments_do() -> None:
    moments = [-5000, -1, 0, 1, 10, 999, 1000, 10**12, 10**12 + 1]
    assert sorted(map(to_text, moments)) == list(map(to_text, moments))


def test_an_open_end_is_after_every_moment_that_can_be_reported() -> None:
    assert to_text(datetime(2100, 12, 31, tzinfo=UTC).timestamp().__int__() * 1000) < OPEN
    assert len(OPEN) == 23


@pytest.mark.parametrize("ms", [10**15, -(10**15), 10**20])
def test_a_moment_outside_the_calendar_is_refused(ms: int) -> None:
    with pytest.raises(ValueError, match="outside the years"):
        to_text(ms)


@pytest.mark.parametrize(
    "text",
    [
        "",
        "2026-11-24 14:03:00",
        "2026-11-24 14:03:00.12",
        "2026-11-24T14:03:00.123Z",
        "2026-13-24 14:03:00.123",
        "2026-11-24 14:03:00,123",
        "2026-11-24 14:03:00.1 3",
    ],
)
def test_other_texts_are_no_stored_moment(text: str) -> None:
    with pytest.raises(ValueError):
        to_ms(text)


def test_now_is_now() -> None:
    assert abs(now_ms() - time.time() * 1000) < 1000
