"""Three-valued logic (Kleene's): true, false, and `None` for what cannot be told.

What could not be seen stays unknown through every combination, unless what was seen decides alone: one false thing
makes "all of these" false, whatever the others are.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import Literal

Truth = bool | None
Outcome = Literal["pass", "fail", "unknown"]


def all_true(parts: Iterable[Truth]) -> Truth:
    """False where one is; else unknown where one is. All of nothing is true."""
    found: Truth = True
    for part in parts:
        if part is False:
            return False
        if part is None:
            found = None
    return found


def any_true(parts: Iterable[Truth]) -> Truth:
    """True where one is; else unknown where one is. Any of nothing is false."""
    found: Truth = False
    for part in parts:
        if part:
            return True
        if part is None:
            found = None
    return found


def opposite(part: Truth) -> Truth:
    return None if part is None else not part


def outcome(holds: Truth) -> Outcome:
    """A rule's truth in the words of a verdict."""
    return "unknown" if holds is None else "pass" if holds else "fail"
