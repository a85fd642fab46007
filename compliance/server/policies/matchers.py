"""Matches the texts of a rule once an entry of a dictionary, not once a row of a host.

    rule ──► matchers(rule): one for each dictionary that its rows point into
                │  sort(entries with their ids)
                ▼
             Matches: the ids of entries that are meant, that may be, that may be where fields were not seen
                │  rows of a host whose every entry is among them
                ▼
             candidates ──► judge_rule(rule, facts with those rows only)

A row that is no candidate changes nothing: `judge_rule` says the same with it and without it. So a host without a
candidate gets the verdict of `Seen((), blind)`, the same for all hosts that saw alike; only the others are looked at.
Entries never change: what was sorted once stays sorted, and only new entries have to be.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import Any, Literal, NamedTuple

from msgspec import Struct

from compliance.server.policies.facts import CommandRow
from compliance.server.policies.kinds import accounts, packages, ports, processes, sessions
from compliance.server.policies.patterns import Texts, matcher
from compliance.server.policies.rules import (
    AccountRule,
    Leaf,
    PackageRule,
    PortRule,
    ProcessFilter,
    ProcessRule,
    SessionRule,
)
from compliance.server.policies.truth import Truth

Dictionary = Literal["commands", "users", "packages", "ports", "accounts"]
"""`commands`: (name, exe, arguments) of a process; `users`: a name, as text; the others: the rows themselves."""


class Matches(Struct, frozen=True):
    """Ids of entries; all others are not meant, whatever else is so."""

    sure: frozenset[int]
    doubtful: frozenset[int]
    """It cannot be told on any host."""
    lacking: frozenset[int]
    """It cannot be told on hosts that did not see every field, and is not meant on others."""

    def among(self, lacks_fields: bool) -> frozenset[int]:
        """The ids that make a row a candidate."""
        return self.sure | self.doubtful | self.lacking if lacks_fields else self.sure | self.doubtful


class Matcher(NamedTuple):
    """What a rule asks of the entries of one dictionary."""

    dictionary: Dictionary
    weigh: Callable[[Any, bool], Truth]
    """(entry, whether a field that is None may be one that was not seen)."""

    def sort(self, entries: Iterable[tuple[int, Any]]) -> Matches:
        sure: set[int] = set()
        doubtful: set[int] = set()
        lacking: set[int] = set()
        for number, entry in entries:
            meant = self.weigh(entry, True)
            if meant:
                sure.add(number)
            elif meant is None:
                (doubtful if self.weigh(entry, False) is None else lacking).add(number)
        return Matches(frozenset(sure), frozenset(doubtful), frozenset(lacking))


def matchers(rule: Leaf) -> tuple[Matcher, ...]:
    """None for a rule that is not about rows: it reads a single row, and hosts with equal ones are judged alike."""
    if isinstance(rule, ProcessRule):
        found = [Matcher("commands", _commands(rule))]
        if rule.user is not None:
            found.append(Matcher("users", lambda user, _: processes.weigh_user(rule, user)))
        return tuple(found)
    if isinstance(rule, SessionRule):
        return (Matcher("users", lambda user, _: sessions.weigh_user(rule, user)),)
    if isinstance(rule, PackageRule):
        return (Matcher("packages", lambda row, _: packages.weigh(rule, row)),)
    if isinstance(rule, PortRule):
        return (Matcher("ports", lambda row, _: ports.weigh(rule, row)),)
    if isinstance(rule, AccountRule):
        return (Matcher("accounts", lambda row, _: accounts.weigh(rule, row)),)
    return ()


def _commands(like: ProcessFilter) -> Callable[[CommandRow, bool], Truth]:
    """As `weigh_command`, but most entries end at a first look at one text."""
    is_name, is_path = _compiled(like.name), _compiled(like.path)

    def weigh(entry: CommandRow, lacking: bool) -> Truth:
        if is_name is not None and entry.name is not None and not is_name(entry.name):
            return False
        if is_path is not None and entry.exe is not None and not is_path(entry.exe):
            return False
        return processes.weigh_command(like, entry, lacking)

    return weigh


def _compiled(texts: Texts | None) -> Callable[[str], bool] | None:
    return None if texts is None else matcher(texts)
