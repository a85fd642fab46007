"""Moments as a person writes them on a command line: pure, words to milliseconds since 1970, UTC."""

import re
from datetime import UTC, datetime

from compliance.errors import WrongUsage

UNITS = {"s": 1000, "m": 60_000, "min": 60_000, "h": 3_600_000, "d": 86_400_000, "w": 604_800_000}
LATEST = 4_102_444_800_000
"""The year 2100, where the wire ends too."""

_BACK = re.compile(r"-?(?P<parts>(?:\d+ *[a-z]+ *)+?)(?: *ago)?", flags=re.IGNORECASE)
_PART = re.compile(r"(\d+) *([a-z]+)", flags=re.IGNORECASE)
_LONG = {"sec": "s", "second": "s", "minute": "min", "hour": "h", "day": "d", "week": "w"}


def parse(text: str, option: str, now_ms: int) -> int:
    """`2026-03-03`, `2026-03-03 14:03`, with `Z` or `+01:00` at its end or in UTC, `-2h`, `1 day 2 h ago`, `now`."""
    text = text.strip()
    moment = now_ms if text.lower() == "now" else _back(text, now_ms)
    if moment is None:
        moment = _iso(text)
    if moment is None or not 0 <= moment < LATEST:
        raise WrongUsage(
            f"{option} does not understand {text!r}: "
            "give a date and time such as '2026-03-03 14:03' (UTC), or an age such as '2h ago'."
        )
    return moment


def _back(text: str, now_ms: int) -> int | None:
    found = _BACK.fullmatch(text)
    if not found:
        return None
    total = 0
    for count, unit in _PART.findall(found["parts"]):
        name = unit.lower()
        length = UNITS.get(name) or UNITS.get(_LONG.get(name.removesuffix("s"), ""))
        if not length:
            return None
        total += int(count) * length
    return now_ms - total


def _iso(text: str) -> int | None:
    try:
        moment = datetime.fromisoformat(text.removesuffix(" UTC"))
    except ValueError:
        return None
    if moment.tzinfo is None:
        moment = moment.replace(tzinfo=UTC)
    # From parts, because a float of so many seconds is a millisecond off now and then.
    return int(moment.timestamp()) * 1000 + moment.microsecond // 1000
