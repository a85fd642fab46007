"""To see less never makes a verdict another one, but unknown. Time changes it only when that was told."""

import msgspec
from hypothesis import given
from hypothesis import strategies as st

from compliance.server.policies.facts import Seen, Unseen
from compliance.server.policies.judge import judge_rule
from compliance.wire.messages import Blind
from tests.server.policies.strategies import FACTS, HOUR, NOON, ROW_RULES, RULES

ROW_KINDS = ("processes", "sessions", "ports", "packages", "accounts")
FIELDS = {"processes": ("exe", "arguments", "user"), "ports": ("process", "user"), "accounts": ("shell", "password")}
FIELDS["sessions"] = ("opened_at",)


def blinder(seen, rows=0, fields=0):
    before = seen.blind or Blind(reason="no privilege")
    return Blind(rows=before.rows + rows, fields=before.fields + fields, reason=before.reason)


def hide_row(facts, kind, number):
    """One row was not seen, and the look says so."""
    seen = getattr(facts, kind)
    if isinstance(seen, Unseen) or not seen.rows:
        return facts
    number %= len(seen.rows)
    kept = seen.rows[:number] + seen.rows[number + 1 :]
    return msgspec.structs.replace(facts, **{kind: Seen(kept, blinder(seen, rows=1))})


def hide_field(facts, kind, number):
    """One field of a row could not be read, and the look says so."""
    seen = getattr(facts, kind)
    if isinstance(seen, Unseen) or not seen.rows or kind not in FIELDS:
        return facts
    names = FIELDS[kind]
    row = seen.rows[number % len(seen.rows)]
    hidden = msgspec.structs.replace(row, **{names[number % len(names)]: None})
    rows = tuple(hidden if one is row else one for one in seen.rows)
    return msgspec.structs.replace(facts, **{kind: Seen(rows, blinder(seen, fields=1))})


def hide_kind(facts, kind, _):
    return msgspec.structs.replace(facts, **{kind: Unseen("the collector failed")})


@given(
    RULES,
    FACTS,
    st.lists(
        st.tuples(
            st.sampled_from((hide_row, hide_field, hide_kind)),
            st.sampled_from((*ROW_KINDS, "os", "cpu")),
            st.integers(0, 9),
        ),
        min_size=1,
        max_size=4,
    ),
)
def test_to_hide_something_never_changes_a_verdict_into_another(rule, facts, hidings):
    before = judge_rule(rule, facts, NOON).holds
    for hide, kind, number in hidings:
        if kind in ("os", "cpu"):
            hide = hide_kind
        facts = hide(facts, kind, number)
        after = judge_rule(rule, facts, NOON).holds
        assert after is None or after is before
        before = after


@given(RULES, FACTS, st.integers(0, 4 * HOUR))
def test_time_alone_changes_a_verdict_only_from_the_moment_that_it_names(rule, facts, later):
    now = judge_rule(rule, facts, NOON)
    moment = NOON + later
    if now.changes_at is not None:
        assert now.changes_at > NOON
        moment = min(moment, now.changes_at - 1)
    assert judge_rule(rule, facts, moment).holds is now.holds


@given(ROW_RULES, FACTS)
def test_what_decided_is_among_the_facts(rule, facts):
    found = judge_rule(rule, facts, NOON)
    rows = [row for kind in ROW_KINDS for row in getattr(getattr(facts, kind), "rows", ())]
    assert all(row in rows for row in found.rows)
    assert found.observed.endswith(".")
    assert found.expected.endswith(".")
