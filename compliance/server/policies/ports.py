"""Ports as a file has them: a number, a range, a list of both."""

from __future__ import annotations

import re
from functools import lru_cache
from typing import Annotated

from msgspec import Meta

HIGHEST = 65_535

PortNumber = Annotated[int, Meta(ge=0, le=HIGHEST)]
# Its form is checked by hand: msgspec 0.22 frees the wrong memory for a text with a pattern beside a list.
PortRange = Annotated[str, Meta(max_length=11, description="A range of ports: 8000-8099.")]
Ports = PortNumber | PortRange | Annotated[tuple[PortNumber | PortRange, ...], Meta(min_length=1, max_length=200)]

Ranges = tuple[tuple[int, int], ...]
FORM = re.compile(r"([0-9]{1,5})(?:-([0-9]{1,5}))?")


@lru_cache(maxsize=1024)
def ranges(ports: Ports) -> Ranges:
    """First and last port of each. ValueError names what is no port."""
    return tuple(_range(str(one)) for one in (ports if isinstance(ports, tuple) else (ports,)))


def _range(text: str) -> tuple[int, int]:
    found = FORM.fullmatch(text)
    if found is None:
        raise ValueError(f"{text!r} is no port: write 22, or 8000-8099 for a range")
    low, high = int(found[1]), int(found[2] or found[1])
    if not low <= high <= HIGHEST:
        raise ValueError(f"{text} is no range of ports: they go up to {HIGHEST}")
    return low, high
