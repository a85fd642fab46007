"""Until when an operating system's release gets security updates: an own table, each row with its source and its date.

A release that is not in the table is unknown; so is one whose end nobody has published, a year after we last looked.
"""

from __future__ import annotations

import re
from datetime import date, timedelta
from typing import Literal, NamedTuple

Counting = Literal["regular", "free", "paid"]
"""Support that is counted: the maker's ordinary one; what anybody gets for nothing after it; what can be bought."""

FRESH = timedelta(days=365)
"""For how long a row without a published end is believed."""


class Release(NamedTuple):
    """A release and the last days of its support; None: not published, or there is none."""

    system: str
    version: str
    regular: date | None
    source: str
    as_of: date
    free: date | None = None
    """Security updates that anybody still gets after the regular ones (Debian LTS)."""
    paid: date | None = None
    """The longest that can be bought (Ubuntu Pro, ELS, LTSS, ESU)."""
    other_editions: date | None = None
    """The regular end of editions that no fact tells from this one (Windows Enterprise from Pro)."""


class Support(NamedTuple):
    """What the table says of a release at a day."""

    lasts: bool | None
    """None: it depends on what was not seen, or nobody said so recently."""
    sentence: str
    until: date | None
    """The day after which the answer may be another one."""


SYSTEMS = (
    (r"Debian GNU/Linux", "debian", r"\d+"),
    (r"Ubuntu", "ubuntu", r"\d+\.\d+"),
    (r"Red Hat Enterprise Linux.*", "rhel", r"\d+"),
    (r"CentOS Linux", "centos", r"\d+"),
    (r"CentOS Stream", "centos-stream", r"\d+"),
    (r"Rocky Linux", "rocky", r"\d+"),
    (r"AlmaLinux", "alma", r"\d+"),
    (r"Oracle Linux( Server)?", "oracle", r"\d+"),
    (r"Fedora( Linux)?", "fedora", r"\d+"),
    (r"Amazon Linux( AMI)?", "amazon", r"20\d\d\.\d\d|\d+"),
    (r"SLES", "sles", r"\d+(\.\d+)?"),
    (r"openSUSE Leap", "leap", r"\d+\.\d+"),
    (r"Alpine Linux", "alpine", r"\d+\.\d+"),
    (r"macOS", "macos", r"10\.\d+|\d+"),
    (r"Windows .*Server.*", "windows-server", r"\d+\.\d+\.\d+"),
    (r"Windows (10|11)", "windows", r"\d+\.\d+\.\d+"),
)
"""The name as a host tells it, our own name, and the part of the version by which releases are told apart."""


def find(name: str, version: str | None, table: dict[tuple[str, str], Release]) -> Release | None:
    """The row of a system by what its host says of it; the version's beginning decides (`9.4` is release 9)."""
    for told, system, form in SYSTEMS:
        if re.fullmatch(told, name):
            part = re.match(form, version or "")
            return table.get((system, part.group())) if part else None
    return None


def support(release: Release, day: date, counting: Counting) -> Support:
    """Whether the release is supported on that day."""
    last = end(release, counting)
    if last is None:
        if day <= release.as_of + FRESH:
            return Support(True, "it was supported, and no end is published", release.as_of + FRESH)
        return Support(None, "no end of its support is published, and the table is more than a year old", None)
    if day <= last:
        return Support(True, f"its {_kind(release, counting)} lasts until {last}", last)
    if release.other_editions is not None and day <= release.other_editions:
        reason = (
            f"some editions ended on {last}, others last until {release.other_editions}, and which it is was not seen"
        )
        return Support(None, reason, release.other_editions)
    return Support(False, f"its {_kind(release, counting)} ended on {max(last, release.other_editions or last)}", None)


def end(release: Release, counting: Counting) -> date | None:
    """The last day of the support that is counted."""
    days = [release.regular]
    if counting != "regular":
        days.append(release.free)
    if counting == "paid":
        days.append(release.paid)
    return max((day for day in days if day is not None), default=None)


def _kind(release: Release, counting: Counting) -> str:
    last = end(release, counting)
    if last == release.regular:
        return "support"
    return "free long-term support" if last == release.free else "paid support"
