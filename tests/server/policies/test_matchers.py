"""Matching once an entry, and judging only the hosts that have one, says the same as looking at every row."""

from typing import Any

import msgspec
from hypothesis import given
from hypothesis import strategies as st

from compliance.server.policies.facts import Seen
from compliance.server.policies.judge import judge_rule
from compliance.server.policies.kinds import processes
from compliance.server.policies.kinds.rows import SUBJECTS
from compliance.server.policies.matchers import matchers
from compliance.server.policies.rules import OsSupportedRule, ProcessFilter, ProcessRule
from compliance.wire.facts import Process
from tests.server.policies.hosts import facts, rule
from tests.server.policies.strategies import FACTS, NOON, PROCESS, PROCESSES, ROW_RULES, filled


def entry_of(row, dictionary):
    """What a row refers to: the store keeps the rows of some kinds whole, of others in parts."""
    if dictionary == "commands":
        return row.name, row.exe, row.arguments
    return row.user if dictionary == "users" else row


def candidates(asked, seen):
    """The rows whose every entry may be meant, found by sorting the distinct entries and by numbers from then on."""
    kept = list(seen.rows)
    for one in matchers(asked):
        numbers: dict[Any, Any] = {}
        for row in kept:
            numbers.setdefault(entry_of(row, one.dictionary), (len(numbers), row))
        entries = [
            (number, row.user if one.dictionary == "users" else row)
            for number, row in numbers.values()
            if not (one.dictionary == "users" and row.user is None)
        ]
        among = one.sort(entries).among(seen.lacks_fields)
        kept = [
            row
            for row in kept
            if (one.dictionary == "users" and row.user is None) or numbers[entry_of(row, one.dictionary)][0] in among
        ]
    return tuple(kept)


@given(ROW_RULES, FACTS)
def test_a_row_that_is_no_candidate_changes_nothing(asked, host):
    kind = SUBJECTS[type(asked)].kind
    seen = getattr(host, kind)
    if not isinstance(seen, Seen):
        return
    fewer = msgspec.structs.replace(host, **{kind: Seen(candidates(asked, seen), seen.blind)})
    whole, part = judge_rule(asked, host, NOON), judge_rule(asked, fewer, NOON)
    assert (part.holds, part.observed, part.rows) == (whole.holds, whole.observed, whole.rows)


@given(filled(ProcessFilter, **PROCESS), PROCESSES, st.booleans())
def test_the_quick_look_at_a_command_says_what_the_whole_look_says(like, row, lacking):
    asked = ProcessRule(**{name: getattr(like, name) for name in like.__struct_fields__}, expect="absent")
    assert matchers(asked)[0].weigh(row, lacking) is processes.weigh_command(like, row, lacking)


def test_entries_are_sorted_into_what_is_meant_and_what_may_be():
    asked = rule(kind="process", expect="absent", path={"glob": "/tmp/*"}, arguments={"regex": "evil"})
    lines = {
        1: Process(pid=9, ticks=1, name="a", exe="/tmp/a", arguments="evil"),
        2: Process(pid=9, ticks=1, name="a", exe="/bin/a", arguments="evil"),
        3: Process(pid=9, ticks=1, name="a", exe=None, arguments="evil"),
        4: Process(pid=9, ticks=1, name="a", exe="/tmp/a", arguments="x" * 4096),
        5: Process(pid=9, ticks=1, name="a", exe="/bin/a", arguments=None),
    }
    found = matchers(asked)[0].sort(lines.items())
    assert [set(ids) for ids in (found.sure, found.doubtful, found.lacking)] == [{1}, {4}, {3}]
    assert found.among(lacks_fields=False) == {1, 4}
    assert found.among(lacks_fields=True) == {1, 3, 4}


def test_users_are_a_dictionary_of_their_own():
    asked = rule(kind="process", expect="absent", name="nc", user={"glob": "a*"})
    commands, users = matchers(asked)
    assert (commands.dictionary, users.dictionary) == ("commands", "users")
    assert users.sort([(1, "ana"), (2, "root")]).sure == {1}


def test_rules_about_a_single_row_have_no_matcher():
    assert matchers(OsSupportedRule()) == ()


def test_hosts_that_saw_alike_get_the_same_verdict_without_a_candidate():
    asked = rule(kind="process", expect="absent", name="nc")
    one, other = facts(processes=[{"name": "a"}]), facts(processes=[{"name": "b"}, {"name": "c"}])
    empty = facts(processes=[])
    assert judge_rule(asked, one, NOON) == judge_rule(asked, other, NOON) == judge_rule(asked, empty, NOON)
