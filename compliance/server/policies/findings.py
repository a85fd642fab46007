"""What a rule finds on a host, and the sentences that it is said in.

A sentence holds nothing that moves while the finding stands (no pid, no count of looks), so that a verdict that lasts
is one interval and not one a report.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

from msgspec import Struct

from compliance.server.policies.facts import Seen, Unseen
from compliance.server.policies.truth import Truth, all_true, any_true, opposite

NAMED = 5
"""Rows that a sentence names; the others are counted in words."""


class Finding(Struct, frozen=True):
    """Whether a rule holds, and why."""

    holds: Truth
    observed: str
    expected: str
    rows: tuple[Any, ...] = ()
    """What decided: the offenders where it fails, what was asked for where it holds, the doubtful where unknown."""
    changes_at: int | None = None
    """From this moment on time alone may change it; None: only other facts can."""


class Found(Struct, frozen=True):
    """The rows that a rule speaks of."""

    sure: tuple[Any, ...]
    doubtful: tuple[Any, ...]
    """Of which a field decides that was not seen."""
    seen: Seen[Any]

    @property
    def there_is_one(self) -> Truth:
        """What was seen counts whatever was not; that there is none is known only where all was seen."""
        hidden = None if self.doubtful or self.seen.lacks_rows else False
        return True if self.sure else hidden


def find(seen: Seen[Any], weigh: Callable[[Any], Truth]) -> Found:
    sure, doubtful = [], []
    for row in seen.rows:
        meant = weigh(row)
        if meant:
            sure.append(row)
        elif meant is None:
            doubtful.append(row)
    return Found(tuple(sure), tuple(doubtful), seen)


def weigh_filters(like: Any, unless: Sequence[Any], weigh: Callable[[Any], Truth]) -> Truth:
    """Whether a row is meant: it matches, and none of the exceptions does."""
    meant = weigh(like)
    if meant is False or not unless:
        return meant
    return all_true((meant, opposite(any_true(weigh(one) for one in unless))))


def unseen(sight: Unseen, what: str, expected: str) -> Finding:
    """`what` begins the sentence: `Processes were`, `The operating system was`."""
    return Finding(None, f"{what} not seen: {plain(sight.reason)}.", expected)


def name_rows(rows: Sequence[Any], called: Callable[[Any], str]) -> str:
    """`nc (user root), ncat (user ana) and others`, each name once."""
    names = sorted({called(row) for row in rows})
    if len(names) > NAMED:
        return f"{', '.join(names[:NAMED])} and others"
    return enumerate_words(names)


def enumerate_words(words: list[str], last: str = "and") -> str:
    return words[0] if len(words) == 1 else f"{', '.join(words[:-1])} {last} {words[-1]}"


def plain(sentence: str) -> str:
    """To be followed by something else."""
    return sentence.rstrip(". ")


def capital(text: str) -> str:
    return text[:1].upper() + text[1:]
