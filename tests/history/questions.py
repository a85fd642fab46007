"""Asks the API about every moment that matters, and holds each answer beside the model's."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterable
from random import Random
from typing import Any

from compliance.agent.collectors import Look
from tests.history.fleet import Fleet
from tests.history.machine import KINDS
from tests.history.model import (
    DROPPED,
    FAILED,
    NEVER,
    NOT_YET,
    PRUNED,
    REBOOTED,
    REFUSED,
    RETIRED,
    SILENT,
    Heard,
    HostModel,
    Interval,
    Stretch,
)

ARGUMENTS_KEPT = 4096
REASONS = {
    "pruned": PRUNED,
    "it had not reported yet": NOT_YET,
    "not part of": NEVER,
    "no report": SILENT,
    "refused: ": REFUSED,
    "retired": RETIRED,
    "started anew": REBOOTED,
}
Answer = dict[str, Any]


def why(reason: str) -> str:
    """The model's word for a reason."""
    if "were lost" in reason or "was lost" in reason:
        return DROPPED
    return next((word for part, word in REASONS.items() if part in reason), FAILED + reason)


class Questions:
    """All that is asked of a fleet after its history. `most` moments at the most."""

    def __init__(self, fleet: Fleet, most: int) -> None:
        self.server = fleet.server
        self.now = fleet.server_now
        self.hosts = list(fleet.model.hosts.values())
        self.horizon = fleet.model.horizon
        self.reached: Counter[str] = fleet.reached
        self.moments = self._moments(most)
        self._intervals: dict[tuple[str, str], list[Interval]] = {}
        self._stretches: dict[tuple[str, str], list[Stretch]] = {}

    def _moments(self, most: int) -> list[int]:
        """Each report's, a millisecond before and after, between two, before all of them, and now."""
        seen = sorted({one.seen for host in self.hosts for one in host.heard})
        found = {self.now, 0, *(host.known_from for host in self.hosts), *([self.horizon] if self.horizon else [])}
        for moment, following in zip(seen, [*seen[1:], self.now], strict=True):
            found |= {moment, moment - 1, moment + 1, (moment + following) // 2}
        inside = sorted(moment for moment in found if 0 <= moment <= self.now or moment in seen)
        # All of a short history; of a long one as many as there is time for, and always now.
        few = Random(len(inside)).sample(inside, most) if len(inside) > most else inside
        return sorted({self.now, *few})

    def ask(self) -> None:
        """AssertionError with both answers where they differ."""
        numbers = Random(len(self.moments))
        for moment in self.moments:
            limit = numbers.choice([1, 2, 3, 5, 1000])
            since = numbers.choice([None, None, *self.moments])
            host = numbers.choice([None, None, *self.hosts])
            for kind, members in (("processes", _process), ("sessions", _session)):
                self._ask_list(kind, members, moment, since, host, limit)
            if self.hosts:
                self._ask_host(numbers.choice(self.hosts), moment)
        for host in self.hosts:
            self._ask_host(host, self.now)

    def _ask_list(
        self,
        kind: str,
        members: Callable[[Any], Answer],
        at: int,
        since: int | None,
        host: HostModel | None,
        limit: int,
    ) -> None:
        start = at if since is None else min(since, at)
        asked = {"at": at, "since": since, "host": host and host.id}
        items, unknown = self._all_pages(f"/api/v1/{kind}", asked, limit)
        hosts = [one for one in self.hosts if host is None and (one.retired_at is None or one.retired_at > start)]
        hosts = hosts if host is None else [host]
        place = f"{kind} {asked} limit={limit}"
        self._compare_unknown(place, kind, start, at, hosts, unknown)
        expected, gone = self._expected(kind, members, hosts, start, at)
        if self.horizon is not None and at < self.horizon:
            # The name that it had then may be gone, too.
            for item in [*items, *expected, *gone]:
                item["hostname"] = None
        same(place, _in_order(expected), _in_order(item for item in items if item not in gone))
        if kind == "processes":
            order = [one.id for one in self.hosts]
            assert items == sorted(items, key=lambda i: (order.index(i["host"]), i["pid"], i["first_seen_at"])), place

    def _all_pages(self, path: str, asked: dict[str, Any], limit: int) -> tuple[list[Answer], list[Answer]]:
        page = self.server.ask(path, **asked, limit=limit)
        assert page is not None, f"{path} {asked}: nobody there"
        items, unknown = page["items"], page["unknown"]
        while page["next"] is not None:
            assert len(page["items"]) == limit
            page = self.server.ask(path, **asked, limit=limit, cursor=page["next"])
            items += page["items"]
            self.reached["a second page"] += 1
        assert page["at"] == asked["at"]
        return items, unknown

    def _expected(
        self, kind: str, members: Callable[[Any], Answer], hosts: Iterable[HostModel], start: int, at: int
    ) -> tuple[list[Answer], list[Answer]]:
        """What has to be there; and what may be, or may be gone: what ended before the horizon."""
        expected: list[Answer] = []
        gone: list[Answer] = []
        for host in hosts:
            hostname = self._hostname(host, at)
            for one in self.intervals(host, kind):
                if one.first > at or (one.ended is not None and one.ended <= start):
                    continue
                pruned = one.ended is not None and self.horizon is not None and one.ended <= self.horizon
                told = {"host": host.id, "hostname": hostname, **_told(one, at), **members(one.row)}
                (gone if pruned else expected).append(told)
        return expected, gone

    def _hostname(self, host: HostModel, at: int) -> str | None:
        rows = self.at(host, "host", at)
        return rows[0].row.hostname if rows else None

    def intervals(self, host: HostModel, kind: str) -> list[Interval]:
        key = host.id, kind
        if key not in self._intervals:
            self._intervals[key] = host.intervals(kind)
        return self._intervals[key]

    def at(self, host: HostModel, kind: str, moment: int) -> list[Interval]:
        there = self.intervals(host, kind)
        return [one for one in there if one.first <= moment and (one.ended is None or one.ended > moment)]

    def stretches(self, host: HostModel, kind: str, now: int) -> list[Stretch]:
        if now != self.now:
            return list(host.stretches(kind, now))
        key = host.id, kind
        if key not in self._stretches:
            self._stretches[key] = list(host.stretches(kind, now))
        return self._stretches[key]

    def _compare_unknown(
        self, place: str, kind: str, start: int, at: int, hosts: Iterable[HostModel], told: list[Answer]
    ) -> None:
        """Each stretch that meets the time asked about is told once, with its ends and a true reason; and no other."""
        told = [one for one in told if one["kind"] == kind]
        expected: list[tuple[str, Stretch]] = []
        if self.horizon is not None and start < self.horizon:
            expected.append(("*", Stretch(None, self.horizon, frozenset([PRUNED]))))
        if self.horizon is None or at >= self.horizon:
            for host in hosts:
                for stretch in self.stretches(host, kind, max(at, self.now)):
                    over = stretch.until is not None and self.horizon is not None and stretch.until <= self.horizon
                    if stretch.meets(start, at) and not over:
                        expected.append((host.id, stretch))
        left = list(told)
        for name, stretch in expected:
            found = next((one for one in left if one["host"] == name and self._is_told(stretch, name, one)), None)
            assert found is not None, f"{place}: not told unknown of {name}: {stretch}\nbut {told}"
            left.remove(found)
            self.reached["unknown: " + why(found["reason"]).partition(":")[0]] += 1
        assert not left, f"{place}: told unknown, but is known: {left}\nexpected {expected}"

    def _is_told(self, stretch: Stretch, name: str, told: Answer) -> bool:
        ends = {stretch.until}
        host = next((one for one in self.hosts if one.id == name), None)
        if NOT_YET in stretch.whys and host is not None and host.heard:
            ends.add(host.heard[0].seen)  # its first report ends the one reason, its first look the other
        return told["since"] == stretch.since and told["until"] in ends and why(told["reason"]) in stretch.whys

    def _ask_host(self, host: HostModel, at: int) -> None:
        place = f"host {host.id} at={at}"
        told = self.server.ask(f"/api/v1/hosts/{host.id}", at=at)
        if at < host.known_from:
            assert told is None, f"{place}: there before anybody knew of it"
            return
        if told is None and self.horizon is not None and at < self.horizon:
            return  # it reported before it was enrolled, and that was pruned
        assert told is not None, f"{place}: nobody there"
        for kind in KINDS:
            self._compare_unknown(place, kind, at, at, [host], told["unknown"])
        if self.horizon is None or at >= self.horizon:
            self._compare_facts(place, host, at, told)
            self._compare_gaps(place, host, at, told["gaps"])

    def _compare_facts(self, place: str, host: HostModel, at: int, told: Answer) -> None:
        last = host.last_heard(at)
        facts = [one.row for one in self.at(host, "host", at)]
        systems = [one.row for one in self.at(host, "os", at)]
        expected = {
            "hostname": facts[0].hostname if facts else None,
            "machine_id": facts[0].machine_id if facts else None,
            "booted_at": facts[0].booted_at if facts else None,
            "kernel": systems[0].kernel if systems else None,
            "architecture": systems[0].architecture if systems else None,
            "os_name": systems[0].name if systems else None,
            "boot_id": last.boot_id if last else None,
            "addresses": [(one.row.address, one.first) for one in self.at(host, "addresses", at)],
            "looked_at": self._looked_at(host, at),
            "blind": self._blind(host, at),
            "enrolled_at": host.enrolled_at,
            "retired_at": host.retired_at if host.retired_at is not None and host.retired_at <= at else None,
        }
        got = {name: told["host"].get(name, told.get(name)) for name in expected}
        got["addresses"] = [(one["address"], one["first_seen_at"]) for one in told["addresses"]]
        got["blind"] = [(one["kind"], one["rows"].bit_length(), one["reason"]) for one in told["blind"]]
        same(place, expected, got)
        self.reached["blind"] += bool(expected["blind"])
        seen = told["host"]["seen_at"]
        assert (seen is None) == (last is None), f"{place}: last heard {seen}, not {last}"
        heard = [one.seen for one in host.heard if one.seen <= at]
        assert seen is None or seen in heard, f"{place}: never heard {seen}"
        for kind in ("processes", "sessions"):
            self._compare_count(place, host, kind, at, told["host"][kind])

    def _compare_count(self, place: str, host: HostModel, kind: str, at: int, told: int | None) -> None:
        """None only where nothing can be said, and a nought only where it is known."""
        number = len(self.at(host, kind, at))
        covered = any(stretch.covers(at) for stretch in self.stretches(host, kind, max(at, self.now)))
        never = host.last_look(kind, at) is None
        allowed = [None] if never else [number] if number or not covered else [None, 0]
        rebooted = [s for s in self.stretches(host, kind, self.now) if s.covers(at) and REBOOTED in s.whys]
        if rebooted and not number:
            allowed = [None]
        assert told in allowed, f"{place}: {told} {kind}, not {allowed}"

    def _looked_at(self, host: HostModel, at: int) -> dict[str, int]:
        """The last look at each kind, where it was by then: what came before it is not kept."""
        last = {kind: host.looks(kind)[-1].seen for kind in KINDS if host.looks(kind)}
        return {kind: seen for kind, seen in last.items() if seen <= at}

    def _blind(self, host: HostModel, at: int) -> list[tuple[str, int, str]]:
        found: list[tuple[str, int, str]] = []
        for kind in sorted(KINDS):
            last = host.last_look(kind, at)
            blind = _blind_of(last, kind)
            if blind is not None:
                # Counts waver: what is kept says how much to a power of two.
                found.append((kind, blind.rows.bit_length(), blind.reason))
        return found

    def _compare_gaps(self, place: str, host: HostModel, at: int, told: list[Answer]) -> None:
        """Every gap that is told is a stretch of the model's; every stretch that has ended is told (of the last 20)."""
        stretches = {kind: self.stretches(host, kind, max(at, self.now)) for kind in KINDS}
        for one in told:
            fits = [s for s in stretches[one["kind"]] if self._is_told(s, host.id, one)]
            assert fits, f"{place}: a gap that is none: {one}\nexpected {stretches[one['kind']]}"
        if len(told) < 20:
            for kind in KINDS:
                for stretch in stretches[kind]:
                    if stretch.since is None or stretch.until is None or stretch.since > at:
                        continue
                    if self.horizon is not None and stretch.until <= self.horizon:
                        continue
                    same = [one for one in told if one["kind"] == kind and self._is_told(stretch, host.id, one)]
                    assert len(same) == 1, f"{place}: {kind} has no gap {stretch}\nbut {told}"


def _told(one: Interval, at: int) -> Answer:
    """What came after the moment is not told; of the looks that saw a row only the last is kept."""
    return {
        "first_seen_at": one.first,
        "ended_at": one.ended if one.ended is not None and one.ended <= at else None,
        "last_seen_at": one.last if one.last <= at else None,
    }


def _blind_of(one: Heard | None, kind: str) -> Any:
    look = None if one is None else one.looks.get(kind)
    return look.blind if isinstance(look, Look) else None


def _process(row: Any) -> Answer:
    return {
        "pid": row.pid,
        "ppid": row.ppid,
        "user": row.user,
        "name": row.name,
        "exe": row.exe,
        "arguments": None if row.arguments is None else row.arguments[:ARGUMENTS_KEPT],
        "started_at": row.started_at,
    }


def _session(row: Any) -> Answer:
    return {
        "user": row.user,
        "terminal": row.terminal,
        "remote_host": row.remote_host,
        "opened_at": row.opened_at,
    }


def _in_order(items: Iterable[Answer]) -> list[Answer]:
    return sorted(items, key=lambda item: repr(sorted(item.items())))


def same(place: str, expected: Any, got: Any) -> None:
    """Says only what differs."""
    if expected == got:
        return
    if isinstance(expected, dict):
        differ = [name for name in expected if expected[name] != got[name]]
        lines = [f"{name}: expected {expected[name]!r}, got {got[name]!r}" for name in differ]
    else:
        lines = [f"missing {item}" for item in expected if item not in got]
        lines += [f"too many {item}" for item in got if item not in expected]
    raise AssertionError("\n".join([place, *(lines or [f"expected {expected}", f"got {got}"])]))
