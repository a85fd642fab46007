"""Random histories against a model that judged every look: what stands in the end agrees with it at every moment.

Reports come in at once or late, policies and their exceptions are edited, labels given, and two workers judge in turns,
or are killed between the commit of a report and that of its verdicts.
"""

from __future__ import annotations

from contextlib import suppress
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from msgspec import structs

from compliance.server.judging import turn
from compliance.server.judging.book import Book, read_book
from compliance.server.judging.labels import label
from compliance.server.judging.memory import Memory
from compliance.server.storage.clock import OPEN, to_ms
from compliance.wire.messages import Blind
from tests.server.judging.model import Life, Look
from tests.server.judging.world import (
    HOUR,
    MINUTE,
    NOON,
    World,
    busy,
    called,
    failed,
    logged_in,
    policy,
    running,
    system,
)

HOSTS = 2
TABLES = (
    "verdict",
    "judged",
    "host_label",
    "process",
    "session",
    "host_boot",
    "host_fact",
    "host_os",
    "host_address",
    "cpu_sample",
    "gap",
    "blind_spot",
    "host_contact",
    "host_token",
    "host",
    "finding",
    "policy_period",
    "policy_version",
    "policy",
    "policy_change",
)

EXEMPT = {"hosts": {"names": ["web-*"]}, "owner": "ana", "reason": "A test.", "until": "2026-03-03"}
POLICIES = [
    policy("no-nc"),
    policy("no-nc", exceptions=[EXEMPT]),
    policy("no-nc", rule={"kind": "process", "name": {"glob": "n*"}, "expect": "absent", "user": "root"}),
    policy("sshd", rule={"kind": "process", "name": "sshd", "expect": "present"}, scope={"labels": {"role": "web"}}),
    policy("sshd", rule={"kind": "process", "name": "sshd", "expect": "present"}, scope={"os": ["Debian*"]}),
    policy("fresh", rule={"kind": "freshness", "within": "10m"}),
    policy("fresh", rule={"kind": "freshness", "within": "20m", "of": ["processes"]}),
    policy("calm", rule={"kind": "cpu", "below": "90", "for": "5m"}),
    policy("short", rule={"kind": "session", "user": "ana", "older-than": "30m", "expect": "absent"}),
    policy("supported", rule={"kind": "os-supported"}),
    policy(
        "either",
        rule={
            "kind": "any",
            "of": [
                {"kind": "process", "name": "cron", "expect": "present"},
                {"kind": "not", "rule": {"kind": "session", "user": "bob", "expect": "present"}},
            ],
        },
    ),
]

PROCESSES = st.builds(
    lambda names, user, blind: _blinded(running(*sorted(names), user=user), blind),
    st.sets(st.sampled_from(["nc", "sshd", "cron", "ntpd"])),
    st.sampled_from(["root", "app"]),
    st.sampled_from([False, False, True]),
)
SECTIONS = st.fixed_dictionaries(
    {"cpu": st.sampled_from([busy(5), busy(95), busy(95)])},
    optional={
        "processes": PROCESSES | st.just(failed("no permission")),
        "sessions": st.builds(
            lambda users: logged_in(*sorted(users), since=NOON), st.sets(st.sampled_from(["ana", "bob"]))
        ),
        "os": st.sampled_from([system("Debian GNU/Linux", "12"), system("Ubuntu", "14.04")]),
        "host": st.sampled_from([called("web-1"), called("db-1")]),
    },
)
MACHINES = st.integers(0, HOSTS - 1)
EVENTS = st.one_of(
    st.tuples(st.just("report"), MACHINES, SECTIONS),
    st.tuples(st.just("keep"), MACHINES, SECTIONS),
    st.tuples(st.just("apply"), st.lists(st.sampled_from(POLICIES), unique_by=lambda one: one.id, max_size=4)),
    st.tuples(st.just("label"), MACHINES, st.sampled_from([None, "web", "db"])),
    st.tuples(st.just("judge"), st.integers(0, 1)),
    st.tuples(st.just("kill"), st.integers(0, 1)),
)
WAITS = st.sampled_from([1, 1, MINUTE, MINUTE, 2 * MINUTE, 7 * MINUTE, 25 * MINUTE, 11 * HOUR])
BEGINNINGS = st.tuples(st.just(1), st.tuples(st.just("apply"), st.just(POLICIES[1::2])))
HISTORIES = st.tuples(BEGINNINGS, st.lists(st.tuples(WAITS, EVENTS), min_size=4, max_size=30)).map(
    lambda parts: [parts[0], *parts[1]]
)


def _blinded(section: Any, is_blind: bool) -> Any:
    return structs.replace(section, blind=Blind(rows=2, fields=3, reason="hidepid")) if is_blind else section


class Killed(BaseException):
    """The process ends before it commits."""


class History:
    """Drives the store and keeps the model beside it."""

    def __init__(self, world: World, monkeypatch: pytest.MonkeyPatch) -> None:
        for table in TABLES:
            world.ask(f"DELETE FROM {table}")
        world.now = NOON
        self.world = world
        self._patch = monkeypatch
        self._machines = [world.machine(number) for number in range(1, HOSTS + 1)]
        self._lives = [Life(NOON, 60) for _ in range(HOSTS)]
        self._kept: list[list[Look]] = [[] for _ in range(HOSTS)]
        self._workers = [Memory(), Memory()]

    def go(self, wait: int, event: tuple[Any, ...]) -> None:
        self.world.now += wait
        getattr(self, event[0])(*event[1:])

    def keep(self, number: int, sections: dict[str, Any]) -> None:
        """The host has no way to the server: it spools."""
        self._kept[number].append(Look(self.world.now, sections))

    def report(self, number: int, sections: dict[str, Any]) -> None:
        """All that it spooled comes with it, each as of its own time."""
        self.keep(number, sections)
        for look in self._kept[number]:
            seen = max(look.seen, self._lives[number].looks[-1].seen + 1 if self._lives[number].looks else 0)
            self._machines[number].tell(look.seen, came=self.world.now, **look.sections)
            self._lives[number].looks.append(Look(seen, look.sections))
        self._kept[number] = []

    def apply(self, policies: list[Any]) -> None:
        self.world.apply(*policies)

    def label(self, number: int, value: str | None) -> None:
        with suppress(Exception):  # it has no such label
            label(self.world.store, self._machines[number].id, {"role": value}, self.world.now)

    def judge(self, worker: int) -> None:
        self.world.judge(memory=self._workers[worker])

    def kill(self, worker: int) -> None:
        def die(*_: Any) -> None:
            raise Killed

        with self._patch.context() as patched, suppress(Killed):
            patched.setattr("compliance.server.judging.marks.move", die)
            turn.take_turn(self.world.store, self._workers[worker])
        self._workers[worker] = Memory()

    def check(self) -> None:
        with self.world.store.session() as db:
            book = read_book(db)
        until = self.world.now
        names = {one.policy_id: one.policy.id for one in book.periods}
        for machine, life in zip(self._machines, self._lives, strict=True):
            life.labels = [
                (to_ms(since), to_ms(end), name, value)
                for since, end, name, value in self.world.ask(
                    "SELECT first_seen_at, ended_at, name, value FROM host_label WHERE host_id = ?", machine.id
                )
            ]
            rows = self.world.ask(
                "SELECT v.policy_id, v.first_seen_at, v.ended_at, v.version, v.outcome, v.exemption, f.observed"
                " FROM verdict v JOIN finding f ON f.id = v.finding_id WHERE v.host_id = ? AND v.superseded_at = ?",
                machine.id,
                OPEN,
            )
            told = [(policy, to_ms(since), to_ms(end), *rest) for policy, since, end, *rest in rows]
            for policy_id in names:
                own = [one for one in told if one[0] == policy_id]
                for at in self._moments(life, book, own, until):
                    self._compare(life, book, policy_id, own, at)

    def _moments(self, life: Life, book: Book, own: list[Any], until: int) -> list[int]:
        edges = {one.seen for one in life.looks} | {moment for one in own for moment in one[1:3]}
        edges |= {moment for one in book.periods for moment in (one.since, one.until)}
        edges |= {moment for one in life.labels for moment in one[:2]}
        edges |= {edge + minutes * MINUTE for edge in list(edges) for minutes in (3, 10, 20, 30)}
        near = {edge + by for edge in edges for by in (-1, 0, 1)} | {until}
        return sorted(moment for moment in near if NOON <= moment <= until)

    def _compare(self, life: Life, book: Book, policy_id: int, own: list[Any], at: int) -> None:
        found = [one[3:] for one in own if one[1] <= at < one[2]]
        wanted = life.verdict(book, policy_id, at)
        context = f"policy {policy_id} at noon + {(at - NOON) / MINUTE:.5f} min"
        if wanted is None:
            assert found == [], context
            return
        version, verdict = wanted
        assert [one[:2] for one in found] == [(version, verdict.outcome)], context
        is_exempt = verdict.exemption is not None
        assert (found[0][2] is not None) is is_exempt, context
        if verdict.outcome != "unknown":
            assert found[0][3] == verdict.observed, context


def run(world: World, monkeypatch: pytest.MonkeyPatch, events: list[Any]) -> None:
    history = History(world, monkeypatch)
    for wait, event in events:
        history.go(wait, event)
    for worker in (1, 0):
        history.judge(worker)
    history.check()


LIMITS: dict[str, Any] = {
    "deadline": None,
    "suppress_health_check": [HealthCheck.function_scoped_fixture, HealthCheck.too_slow],
}


@pytest.mark.parametrize("store_kind", ["sqlite"], indirect=False)
@settings(max_examples=100, **LIMITS)
@given(events=HISTORIES)
def test_every_verdict_at_every_moment_is_that_of_the_model_on_sqlite(world, monkeypatch, events):
    run(world, monkeypatch, events)


@pytest.mark.parametrize("store_kind", ["mysql"], indirect=False)
@settings(max_examples=15, **LIMITS)
@given(events=HISTORIES)
def test_every_verdict_at_every_moment_is_that_of_the_model_on_mysql(world, monkeypatch, events):
    run(world, monkeypatch, events)
