"""Pure: from what was said of a host by a policy, and what has to be said, to what is written.

What was said is never edited but for its end: an open statement ends at a moment for which nothing was said yet. One
that is contradicted for a moment at which it was already said is superseded, and what of it still holds is said anew.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import NamedTuple

from compliance.server.judging.book import FOREVER


class Said(NamedTuple):
    """A verdict from `since` until `until` (exclusive; FOREVER while it lasts)."""

    since: int
    until: int
    version: int
    outcome: str
    finding_id: int
    exemption: int | None

    @property
    def content(self) -> tuple[int, str, int, int | None]:
        return self[2:]


class Revision(NamedTuple):
    """Rows in the store by when they begin; `closed` has the end."""

    closed: list[tuple[Said, int]]
    superseded: list[Said]
    opened: list[Said]

    @property
    def size(self) -> int:
        return len(self.closed) + len(self.superseded) + len(self.opened)


def revise(said: Sequence[Said], wanted: Iterable[Said], start: int, judged_until: int) -> Revision:
    """`said`: what stands and reaches beyond `start`; `wanted`: what is so from `start` on.

    Up to `judged_until` (inclusive) what is open was already stated.
    """
    before = [one for one in said if one.since < start]
    now = _joined([*(one._replace(until=start) for one in before), *wanted])
    left = {one.since: one for one in said}
    revision = Revision([], [], [])
    for one in now:
        there = left.get(one.since)
        if there is not None and there.content == one.content:
            if there.until == one.until:
                del left[one.since]
                continue
            if there.until == FOREVER and one.until > judged_until:
                revision.closed.append((there, one.until))
                del left[one.since]
                continue
        revision.opened.append(one)
    revision.superseded.extend(left.values())
    return revision


def _joined(statements: Iterable[Said]) -> list[Said]:
    """One after the other, equal neighbours as one."""
    joined: list[Said] = []
    for one in sorted(statements):
        if joined and joined[-1].until == one.since and joined[-1].content == one.content:
            joined[-1] = joined[-1]._replace(until=one.until)
        elif one.since < one.until:
            joined.append(one)
    return joined
