"""Many hosts at once are judged as each by itself."""

from typing import Any

import msgspec
from hypothesis import given
from hypothesis import strategies as st

from compliance.server.policies import fleet as fleets
from compliance.server.policies.facts import Seen
from compliance.server.policies.fleet import ROW_KINDS, Fleet, judge_fleet
from compliance.server.policies.judge import judge
from compliance.server.policies.kinds.rows import SUBJECTS
from compliance.server.policies.policy import Policy, Scope
from compliance.server.policies.rules import leaves
from tests.server.policies.hosts import facts, rule
from tests.server.policies.strategies import FACTS, NOON, RULES
from tests.server.policies.test_matchers import candidates


def policy(asked, **fields):
    return Policy(id="x", title="t", why="w", severity="low", remedy="r", rule=asked, **fields)


def framed(host):
    """The facts without their rows."""
    bare = {kind: getattr(host, kind) for kind in ROW_KINDS}
    return msgspec.structs.replace(
        host, **{kind: Seen((), seen.blind) for kind, seen in bare.items() if isinstance(seen, Seen)}
    )


def candidate_rows(asked, hosts):
    """Of each host the rows that any part of the rule may mean."""
    found: Any = {}
    for kind in ROW_KINDS:
        parts = [leaf for leaf in leaves(asked) if type(leaf) in SUBJECTS and SUBJECTS[type(leaf)].kind == kind]
        for name, host in hosts.items():
            seen = getattr(host, kind)
            if isinstance(seen, Seen):
                meant = [row for leaf in parts for row in candidates(leaf, seen)]
                kept = tuple(row for row in seen.rows if any(row is one for one in meant))
                if kept:
                    found.setdefault(kind, {})[name] = kept
    return found


@given(
    RULES,
    st.lists(FACTS, max_size=4),
    st.sampled_from((Scope(), Scope(os=("Debian*",)), Scope(labels={"role": "web"}))),
)
def test_every_host_gets_the_verdict_that_it_would_get_by_itself(asked, hosts, scope):
    named = dict(enumerate([*hosts, *hosts]))
    made = policy(asked, scope=scope)
    frames = {name: framed(host) for name, host in named.items()}
    verdicts = judge_fleet(made, Fleet(frames), candidate_rows(asked, named), NOON)
    for name, host in named.items():
        alone, together = judge(made, host, NOON), verdicts[name]
        assert (alone is None) == (together is None)
        if alone is not None and together is not None:
            assert (together.outcome, together.observed, together.rows) == (alone.outcome, alone.observed, alone.rows)


def test_hosts_that_are_alike_are_judged_once(monkeypatch):
    frame, other = framed(facts(processes=[])), framed(facts(processes={"unseen": "why"}))
    frames = {number: frame if number % 2 else other for number in range(100)}
    row = facts(processes=[{"name": "nc"}]).processes.rows[0]
    asked = []

    def counted(*given):
        asked.append(given)
        return judge(*given)

    monkeypatch.setattr(fleets, "judge", counted)
    rows: Any = {"processes": dict.fromkeys(range(50), (row,))}
    verdicts = judge_fleet(policy(rule(kind="process", expect="absent", name="nc")), Fleet(frames), rows, NOON)
    assert len(asked) == 4
    outcomes = [verdict.outcome for _, verdict in sorted(verdicts.items()) if verdict is not None]
    assert outcomes[:4] == ["unknown", "fail", "unknown", "fail"]
    assert outcomes[50:52] == ["unknown", "pass"]


def test_rows_of_a_host_that_nobody_asked_about_are_left_alone():
    row = facts(processes=[{"name": "nc"}]).processes.rows[0]
    made = policy(rule(kind="process", expect="absent", name="nc"))
    assert judge_fleet(made, Fleet({}), {"processes": {1: (row,)}}, NOON) == {}
