"""Which of two versions is the newer one, by the rules of whoever made them: dpkg, rpm, or a generic order.

The order is always named, never guessed: `1.0~rc1` is older than `1.0` for dpkg and rpm; a letter after a number is
newer for rpm and a pre-release for others.
"""

from __future__ import annotations

import re
from itertools import zip_longest
from typing import Literal

from compliance.server.policies.truth import Truth

Scheme = Literal["dpkg", "rpm", "generic"]

DPKG = re.compile(r"(?:(\d+):)?([0-9A-Za-z.+~:-]+)", re.ASCII)
RPM = re.compile(r"(?:(\d+):)?([^\s:-]+)(?:-([^\s:-]+))?", re.ASCII)
RPM_PART = re.compile(r"[0-9]+|[A-Za-z]+|~|\^")
GENERIC = re.compile(r"v?\d[0-9A-Za-z.+_~:-]*", re.ASCII)
GENERIC_PART = re.compile(r"\d+|[a-z]+")
BEFORE = {
    "dev": -5,
    "snapshot": -5,
    "alpha": -4,
    "a": -4,
    "beta": -3,
    "b": -3,
    "pre": -2,
    "preview": -2,
    "rc": -1,
    "c": -1,
}
"""What is told apart as older than the release it precedes; other words (`p1`, `post`) are newer."""


def at_least(scheme: Scheme, version: str, least: str) -> Truth:
    """Unknown where one of them cannot be read as a version of that order."""
    order = compare(scheme, version, least)
    return None if order is None else order >= 0


def compare(scheme: Scheme, one: str, other: str) -> int | None:
    """Below 0, 0 or above 0, as `one` is older, the same or newer. None: not versions of that order."""
    return ORDERS[scheme](one, other)


def is_version(scheme: Scheme, text: str) -> bool:
    return compare(scheme, text, text) is not None


def _dpkg(one: str, other: str) -> int | None:
    """deb-version(7): epoch, upstream version, revision."""
    left, right = DPKG.fullmatch(one), DPKG.fullmatch(other)
    if left is None or right is None:
        return None
    epochs = int(left[1] or 0) - int(right[1] or 0)
    (upstream, revision), (upstream_2, revision_2) = _revision(left[2]), _revision(right[2])
    return epochs or _dpkg_part(upstream, upstream_2) or _dpkg_part(revision, revision_2)


def _revision(text: str) -> tuple[str, str]:
    upstream, hyphen, revision = text.rpartition("-")
    return (upstream, revision) if hyphen else (revision, "")


def _dpkg_part(one: str, other: str) -> int:
    """Turn by turn a stretch without digits, then a number; `~` sorts before the end, letters before other signs."""
    pieces = zip_longest(re.findall(r"(\D*)(\d*)", one), re.findall(r"(\D*)(\d*)", other), fillvalue=("", ""))
    for (text, number), (text_2, number_2) in pieces:
        weights, weights_2 = [_weight(char) for char in text] + [0], [_weight(char) for char in text_2] + [0]
        if weights != weights_2:
            return 1 if weights > weights_2 else -1
        if int(number or 0) != int(number_2 or 0):
            return int(number or 0) - int(number_2 or 0)
    return 0


def _weight(char: str) -> int:
    return -1 if char == "~" else ord(char) if char.isalpha() else ord(char) + 256


def _rpm(one: str, other: str) -> int | None:
    """rpmvercmp. A release that only one of them has is left out, as rpm does for a dependency."""
    left, right = RPM.fullmatch(one), RPM.fullmatch(other)
    if left is None or right is None:
        return None
    epochs = int(left[1] or 0) - int(right[1] or 0)
    order = epochs or _rpm_part(left[2], right[2])
    if order or left[3] is None or right[3] is None:
        return order
    return _rpm_part(left[3], right[3])


def _rpm_part(one: str, other: str) -> int:
    for part, part_2 in zip_longest(RPM_PART.findall(one), RPM_PART.findall(other)):
        order = _rpm_step(part, part_2)
        if order:
            return order
    return 0


def _rpm_step(one: str | None, other: str | None) -> int:
    """Of two parts in the same place: `~` < nothing < `^` < letters < numbers, and whoever has more wins."""
    ranks = [_rpm_rank(part) for part in (one, other)]
    if ranks[0] != ranks[1]:
        return ranks[0] - ranks[1]
    if one is None or other is None or ranks[0] < 2:
        return 0
    if one.isdigit() and other.isdigit():
        return int(one) - int(other)
    return (one > other) - (one < other)


def _rpm_rank(part: str | None) -> int:
    if part is None:
        return 0
    return {"~": -1, "^": 1}.get(part, 3 if part.isdigit() else 2)


def _generic(one: str, other: str) -> int | None:
    """Numbers by value, missing ones as 0; a word like `rc` before the release, others after it; `+build` left out."""
    if not GENERIC.fullmatch(one.strip()) or not GENERIC.fullmatch(other.strip()):
        return None
    left, right = _generic_key(one), _generic_key(other)
    for part, part_2 in zip_longest(left, right, fillvalue=(0, "", 0)):
        if part != part_2:
            return 1 if part > part_2 else -1
    return 0


def _generic_key(text: str) -> list[tuple[int, str, int]]:
    parts = GENERIC_PART.findall(text.strip().lower().removeprefix("v").partition("+")[0])
    return [(0, "", int(part)) if part.isdigit() else (BEFORE.get(part, 1), part, 0) for part in parts]


ORDERS = {"dpkg": _dpkg, "rpm": _rpm, "generic": _generic}
