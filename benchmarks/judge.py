"""Judging without the store: 100 policies over 50,000 hosts, and over one host that changed.

The fleet is made up: four systems, one look in twenty blind, one in fifty failed, one host in a hundred with something
forbidden, 20,000 distinct commands. The policies are those that come along, and as many more of the same kinds as make
a hundred. Reading the facts from a store is not part of it.
"""

import random
import time
from typing import Any

import msgspec

from compliance.server.policies.cases import PackageCase
from compliance.server.policies.catalogue import builtin
from compliance.server.policies.facts import Contact, Facts, Seen, Unseen
from compliance.server.policies.fleet import Fleet, judge_fleet, with_rows
from compliance.server.policies.judge import judge
from compliance.server.policies.matchers import matchers
from compliance.server.policies.policy import Policy
from compliance.server.policies.rules import ProcessRule, leaves
from compliance.wire.facts import OperatingSystem, Process
from compliance.wire.messages import Blind

HOSTS, POLICIES, COMMANDS, RUNNING = 50_000, 100, 20_000, 200
NOON, MINUTE = 1_780_315_200_000, 60_000
SYSTEMS = [
    Seen((OperatingSystem(name=name, version=version),))
    for name, version in (("Debian GNU/Linux", "12"), ("Ubuntu", "24.04"), ("Rocky Linux", "9.4"), ("Ubuntu", "18.04"))
]
BLIND: Seen[Any] = Seen((), Blind(rows=3, reason="hidepid"))
FAILED = Unseen("the collector failed")
LABELS = [{}, {"env": "production"}, {"edr": "required"}, {"role": "database"}]
EVERYWHERE = ("systemd-journald", "chronyd", "auditd", "sshd", "cron")
FORBIDDEN = ("xmrig", "in.telnetd", "nc", "tcpdump")


def policies() -> list[Policy]:
    own = [one.policy for one in builtin().loaded]
    more = [msgspec.structs.replace(one, id=f"{one.id}-again") for one in own if isinstance(one.rule, ProcessRule)]
    return (own + more * 5)[:POLICIES]


def commands(chance: random.Random) -> list[Process]:
    names = [*EVERYWHERE, *FORBIDDEN, *(f"app-{number % 700}" for number in range(COMMANDS))][:COMMANDS]
    return [
        Process(
            pid=chance.randrange(300, 30_000),
            ticks=1,
            ppid=1,
            user=chance.choice(("root", "app", "www-data")),
            name=name,
            exe=f"/usr/bin/{name}",
            arguments=f"/usr/bin/{name} --config=/etc/{name}/{number}.yaml --workers={number % 32} --listen=127.0.0.1",
        )
        for number, name in enumerate(names)
    ]


def frames(chance: random.Random) -> dict[int, Facts]:
    seen: Seen[Any] = Seen(())
    packages = Seen((PackageCase(name="apparmor"),))
    return {
        host: Facts(
            os=chance.choice(SYSTEMS),
            processes=FAILED if host % 50 == 0 else BLIND if host % 20 == 0 else seen,
            sessions=seen,
            ports=seen,
            packages=packages,
            accounts=seen,
            contact=Contact(enrolled_at=0, seen_at=NOON - chance.randrange(90) * MINUTE, interval_s=60),
            labels=chance.choice(LABELS),
        )
        for host in range(HOSTS)
    }


def measure() -> None:
    chance = random.Random(1)
    asked, dictionary, fleet = policies(), commands(chance), frames(chance)
    start = time.perf_counter()
    meant = {
        policy.id: frozenset().union(
            *(
                one.sort(enumerate(dictionary)).among(lacks_fields=False)
                for leaf in leaves(policy.rule)
                for one in matchers(leaf)
                if one.dictionary == "commands"
            )
        )
        for policy in asked
    }
    sorting = time.perf_counter() - start
    where = {number: range(HOSTS) for number in range(len(EVERYWHERE))}
    where |= {len(EVERYWHERE) + number: range(number, HOSTS, 100) for number in range(len(FORBIDDEN))}
    start = time.perf_counter()
    whole = Fleet(fleet)
    outcomes: dict[str, int] = {}
    for policy in asked:
        rows: dict[int, tuple[Process, ...]] = {}
        for number in meant[policy.id] & where.keys():
            for host in where[number]:
                rows[host] = (*rows.get(host, ()), dictionary[number])
        for verdict in judge_fleet(policy, whole, {"processes": rows}, NOON).values():
            if verdict is not None:
                outcomes[verdict.outcome] = outcomes.get(verdict.outcome, 0) + 1
    judging = time.perf_counter() - start
    one_host = min(changed_host(asked, meant, dictionary, fleet[1], chance) for _ in range(20))
    said = ", ".join(f"{count:,} {outcome}" for outcome, count in sorted(outcomes.items()))
    print(f"{COMMANDS:,} commands sorted by {len(asked)} policies, once: {sorting:.2f} s")
    print(f"{len(asked)} policies over {HOSTS:,} hosts: {judging:.1f} s ({said})")
    print(f"{len(asked)} policies over one host of {RUNNING} processes: {one_host * 1000:.1f} ms")


def changed_host(
    asked: list[Policy],
    meant: dict[str, frozenset[int]],
    dictionary: list[Process],
    frame: Facts,
    chance: random.Random,
) -> float:
    """Its rows are looked up in what was sorted before; the rest is judged by itself."""
    running = [*range(len(EVERYWHERE)), *(chance.randrange(COMMANDS) for _ in range(RUNNING - len(EVERYWHERE)))]
    start = time.perf_counter()
    for policy in asked:
        ids = meant[policy.id]
        judge(policy, with_rows(frame, {"processes": tuple(dictionary[one] for one in running if one in ids)}), NOON)
    return time.perf_counter() - start


if __name__ == "__main__":
    measure()
