"""Moments as text: the 23 characters that both stores keep, always UTC, always three decimals.

MySQL's DATETIME(3) and SQLite's TEXT then compare, sort and come back alike. Drivers truncate, round or cut
fractions, each in its own way, so none is ever handed a datetime: milliseconds become text here and nowhere else.
"""

from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from functools import lru_cache
from time import time_ns

OPEN = "9999-12-31 00:00:00.000"
"""The end of an interval that has not ended."""

read: Callable[[], int] = time_ns
"""The one place where the server reads the time, in nanoseconds; a test of long histories steers it here."""

_EPOCH = datetime(1970, 1, 1)  # noqa: DTZ001
_WIDTH = len(OPEN)


def now_ms() -> int:
    return read() // 1_000_000


def to_text(ms: int) -> str:
    """Milliseconds since 1970 (UTC) as `2026-11-24 14:03:00.123`; ValueError outside the years 1 to 9999."""
    second, milli = divmod(ms, 1000)
    return f"{_second_text(second)}.{milli:03d}"


def to_ms(text: str) -> int:
    """The inverse of to_text; ValueError for anything but its 23 characters."""
    if len(text) != _WIDTH or text[19] != "." or not text[20:].isdecimal():
        raise ValueError(f"not a stored moment: {text!r}")
    return _second_number(text[:19]) * 1000 + int(text[20:])


# Rows of one report share a handful of seconds, so the costly part is made once for each.
@lru_cache(maxsize=8192)
def _second_text(second: int) -> str:
    try:
        return (_EPOCH + timedelta(seconds=second)).isoformat(" ", "seconds")
    except OverflowError:
        raise ValueError(f"outside the years 1 to 9999: {second} seconds") from None


@lru_cache(maxsize=8192)
def _second_number(text: str) -> int:
    moment = datetime.strptime(text, "%Y-%m-%d %H:%M:%S").replace(tzinfo=UTC)
    return int(moment.timestamp())
