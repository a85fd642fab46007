"""Judges many hosts at once: hosts of which the same is known get the same verdict, which is found once.

Every host comes with a frame: its facts without the rows of the kinds that have many. `rows` has these, and of them
only the candidates (see `matchers`). What is equal should be the same object, in frames and in rows, for hosts are told
alike by identity; where it is not, it costs time and changes nothing. Each host gets what `judge` would say of it.
"""

from __future__ import annotations

from collections.abc import Hashable, Mapping
from typing import Any, Generic, TypeVar

from msgspec import structs

from compliance.server.policies.facts import Facts, Kind, Seen
from compliance.server.policies.judge import Verdict, judge
from compliance.server.policies.needs import needs
from compliance.server.policies.policy import Policy

Host = TypeVar("Host", bound=Hashable)
Rows = Mapping[Kind, Mapping[Host, tuple[Any, ...]]]
"""By kind and host; a host without candidates is left out."""
Alike = tuple[int, ...]
"""What a group of hosts has in common: the identities of what is known of them."""

ROW_KINDS: tuple[Kind, ...] = ("processes", "sessions", "ports", "packages", "accounts")


class Fleet(Generic[Host]):
    """Hosts and their frames, grouped by what a policy needs; many policies need the same."""

    def __init__(self, frames: Mapping[Host, Facts]) -> None:
        self.frames = frames
        self._groups: dict[tuple[Kind, ...], tuple[dict[Alike, list[Host]], dict[Host, Alike]]] = {}

    def groups(self, kinds: tuple[Kind, ...]) -> tuple[dict[Alike, list[Host]], dict[Host, Alike]]:
        """The hosts that are alike in those kinds, and the group of each."""
        if kinds not in self._groups:
            group_of = {host: _alike(frame, kinds) for host, frame in self.frames.items()}
            found: dict[Alike, list[Host]] = {}
            for host, alike in group_of.items():
                found.setdefault(alike, []).append(host)
            self._groups[kinds] = found, group_of
        return self._groups[kinds]


def _alike(frame: Facts, kinds: tuple[Kind, ...]) -> Alike:
    return tuple([id(getattr(frame, kind)) for kind in kinds])


def judge_fleet(policy: Policy, fleet: Fleet[Host], rows: Rows[Host], at: int) -> dict[Host, Verdict | None]:
    """The verdict of every host; None for those that the policy is not about."""
    kinds = tuple(sorted(needs(policy).kinds))
    groups, group_of = fleet.groups(kinds)
    own = [(kind, rows[kind]) for kind in ROW_KINDS if kind in kinds and rows.get(kind)]
    touched: set[Host] = set().union(*(by_host.keys() for _, by_host in own))
    verdicts: dict[Host, Verdict | None] = {}
    for hosts in groups.values():
        untouched = [host for host in hosts if host not in touched] if touched else hosts
        if untouched:
            verdicts.update(dict.fromkeys(untouched, judge(policy, fleet.frames[untouched[0]], at)))
    known: dict[Any, Verdict | None] = {}
    for host in touched & fleet.frames.keys():
        found = {kind: by_host[host] for kind, by_host in own if host in by_host}
        alike = group_of[host], tuple([(kind, *map(id, found[kind])) for kind in found])
        if alike not in known:
            known[alike] = judge(policy, with_rows(fleet.frames[host], found), at)
        verdicts[host] = known[alike]
    return verdicts


def with_rows(frame: Facts, rows: Mapping[Kind, tuple[Any, ...]]) -> Facts:
    """The facts with these rows; a kind that was not seen has none."""
    seen = {kind: getattr(frame, kind) for kind in rows}
    return structs.replace(
        frame, **{kind: Seen(rows[kind], one.blind) for kind, one in seen.items() if isinstance(one, Seen)}
    )
