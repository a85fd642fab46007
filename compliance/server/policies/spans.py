"""How long something lasts, as people write it: `90s`, `15m`, `12h`, `90d`."""

from __future__ import annotations

from typing import Annotated

from msgspec import Meta

UNITS = {"s": 1_000, "m": 60_000, "h": 3_600_000, "d": 86_400_000, "w": 604_800_000}
NAMES = {"s": "second", "m": "minute", "h": "hour", "d": "day", "w": "week"}

Span = Annotated[
    str, Meta(pattern=r"^[1-9][0-9]{0,4}[smhdw]$", description="A number and a unit: 90s, 15m, 12h, 90d, 2w.")
]


def milliseconds(span: Span) -> int:
    return int(span[:-1]) * UNITS[span[-1]]


def say(span: Span) -> str:
    """`12 hours`."""
    count = int(span[:-1])
    return f"{count} {NAMES[span[-1]]}{'' if count == 1 else 's'}"


def round_figure(ms: int) -> str:
    """`about 3 minutes`: one figure, so that the sentence stays the same while nothing much changes."""
    unit = max((unit for unit in "smhd" if UNITS[unit] <= ms), key=lambda one: UNITS[one], default="s")
    count = max(1, round(ms / UNITS[unit]))
    digits = len(str(count)) - 1
    return f"about {say(f'{round(count / 10**digits) * 10**digits}{unit}')}"
