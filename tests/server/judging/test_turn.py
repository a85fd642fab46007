"""One turn of the judge over the store: what it says, of when, and what a later report makes of it."""

import threading

import pytest
from msgspec import structs

from compliance.server.judging import turn
from compliance.server.judging.labels import label
from compliance.server.judging.memory import Memory
from compliance.server.judging.reading import read_histories
from compliance.server.storage.clock import OPEN
from compliance.wire.messages import Blind
from tests.server.judging.world import HOUR, MINUTE, NOON, busy, called, failed, policy, running, system

FRESH = {"kind": "freshness", "within": "30m"}


def test_a_host_is_judged_from_the_moment_that_a_policy_is_applied(world):
    host = world.machine()
    host.tell(NOON, processes=running("nc", "sshd"))
    world.apply(policy(), at=NOON + 5 * MINUTE)
    assert world.judge() == 1
    assert world.verdicts(host.id) == [(5, None, "fail")]
    assert world.judge() == 0


def test_without_a_policy_nobody_is_judged(world):
    world.machine().tell(NOON, processes=running("nc"))
    assert world.judge() == 0
    assert world.ask("SELECT COUNT(*) FROM verdict") == [(0,)]


def test_a_violation_that_came_and_went_in_a_drained_backlog_is_told(world):
    host = world.machine()
    world.apply(policy())
    host.tell(NOON, processes=running("sshd"))
    world.judge()
    for minute, names in ((1, ("sshd",)), (2, ("sshd", "nc")), (3, ("sshd",))):
        host.tell(NOON + minute * MINUTE, came=NOON + HOUR, processes=running(*names))
    world.judge()
    assert world.verdicts(host.id) == [(0, 2, "pass"), (2, 3, "fail"), (3, None, "pass")]


def test_a_host_that_never_reported_is_unknown(world):
    host = world.machine()
    world.apply(policy())
    world.judge(NOON + MINUTE)
    assert world.verdicts(host.id) == [(0, None, "unknown")]
    host.tell(NOON + 2 * MINUTE, processes=running("sshd"))
    world.judge()
    assert world.verdicts(host.id) == [(0, 2, "unknown"), (2, None, "pass")]


def test_what_the_server_does_not_keep_is_not_part_of_the_reports(world):
    host = world.machine()
    world.apply(policy(rule={"kind": "session", "root": "true", "expect": "absent"}))
    host.tell(NOON, processes=running("sshd"))
    world.judge()
    assert world.verdicts(host.id) == [(0, None, "unknown")]
    assert "not part of its reports" in world.ask("SELECT observed FROM finding")[0][0]


def test_a_collector_that_failed_from_the_first_is_the_reason(world):
    host = world.machine()
    world.apply(policy())
    host.tell(NOON, processes=failed("no permission"))
    world.judge()
    assert world.ask("SELECT observed FROM finding") == [("Processes were not seen: no permission.",)]


def test_a_blind_look_passes_nothing_and_fails_what_it_saw(world):
    host = world.machine()
    world.apply(policy())
    host.tell(NOON, processes=running("sshd"))
    host.tell(NOON + MINUTE, processes=_blind("sshd"))
    host.tell(NOON + 2 * MINUTE, processes=_blind("nc"))
    world.judge()
    assert world.verdicts(host.id) == [(0, 1, "pass"), (1, 2, "unknown"), (2, None, "fail")]


def _blind(*names):
    return structs.replace(running(*names), blind=Blind(rows=3, reason="hidepid"))


def test_time_alone_makes_a_silent_host_stale_at_the_right_moment(world):
    host = world.machine()
    world.apply(policy(rule=FRESH))
    host.tell(NOON)
    world.judge()
    world.judge(NOON + 2 * HOUR)
    assert world.verdicts(host.id)[-2:] == [(0, 30 + 1 / MINUTE, "pass"), (30 + 1 / MINUTE, None, "fail")]


def test_a_late_report_supersedes_what_was_said_without_it_and_the_earlier_statement_stays(world):
    host = world.machine()
    world.apply(policy(rule=FRESH))
    host.tell(NOON, cpu=busy(5))
    world.judge(NOON + HOUR)
    assert world.said_at(NOON + HOUR, host.id, NOON + 40 * MINUTE) == "fail"
    for minute in (20, 40, 60, 80):
        host.tell(NOON + minute * MINUTE, came=NOON + 80 * MINUTE, cpu=busy(5))
    world.judge()
    assert world.verdicts(host.id) == [(0, None, "pass")]
    assert world.said_at(NOON + HOUR, host.id, NOON + 40 * MINUTE) == "fail"
    assert world.said_at(NOON + 81 * MINUTE, host.id, NOON + 40 * MINUTE) == "pass"


def test_an_edited_policy_judges_everybody_anew_and_its_past_stays(world):
    host = world.machine()
    host.tell(NOON, processes=running("ncat"))
    world.apply(policy())
    world.judge()
    world.apply(policy(rule={"kind": "process", "name": {"glob": "nc*"}, "expect": "absent"}), at=NOON + HOUR)
    world.judge()
    assert world.verdicts(host.id) == [(0, 60, "pass"), (60, None, "fail")]
    world.apply(at=NOON + 2 * HOUR)
    world.judge()
    assert world.verdicts(host.id) == [(0, 60, "pass"), (60, 120, "fail")]


def test_only_the_policies_that_changed_are_judged_anew(world, monkeypatch):
    host = world.machine()
    host.tell(NOON, processes=running("ncat"))
    world.apply(policy(), policy("other"))
    world.judge()
    world.apply(policy(), policy("other", severity="low"), at=NOON + HOUR)
    asked: list[str] = []

    def spy(db, memory, subjects, periods, after, until):
        asked.extend(period.policy.id for period in periods)
        return read_histories(db, memory, subjects, periods, after, until)

    monkeypatch.setattr("compliance.server.judging.turn.read_histories", spy)
    world.judge()
    assert set(asked) == {"other"}
    assert world.verdicts(host.id) == [(0, None, "pass")]


def test_labels_decide_from_the_moment_that_they_are_given(world):
    host = world.machine()
    world.apply(policy(scope={"labels": {"role": "web"}}))
    host.tell(NOON, processes=running("nc"))
    world.judge()
    assert world.verdicts(host.id) == []
    world.now = NOON + 10 * MINUTE
    label(world.store, host.id, {"role": "web"}, world.now)
    world.judge()
    world.now = NOON + 20 * MINUTE
    label(world.store, host.id, {"role": None}, world.now)
    world.judge()
    assert world.verdicts(host.id) == [(10, 20, "fail")]


def test_an_exception_stands_beside_the_verdict_for_its_days(world):
    host = world.machine()
    host.tell(NOON, host=called("web-1"), processes=running("nc"))
    exception = {"hosts": {"names": ["web-*"]}, "owner": "ana", "reason": "A test.", "until": "2026-03-03"}
    world.apply(policy(exceptions=[exception]))
    world.judge(NOON + 24 * HOUR)
    assert world.verdicts(host.id) == [(0, 12 * 60, "fail"), (12 * 60, None, "fail")]
    assert world.ask("SELECT exemption FROM verdict ORDER BY first_seen_at") == [(0,), (None,)]


def test_a_quiet_host_costs_nothing(world):
    host = world.machine()
    world.apply(policy(), policy("os", rule={"kind": "os", "name": "Debian*"}))
    for minute in range(5):
        host.tell(NOON + minute * MINUTE, processes=running("sshd"), os=system("Debian GNU/Linux", "12"))
        world.judge()
    assert world.ask("SELECT COUNT(*) FROM verdict WHERE first_seen_at > ?", "2026-03-03 12:00:00.001") == [(0,)]


def test_a_retired_host_is_judged_no_more(world):
    host = world.machine()
    host.tell(NOON, processes=running("nc"))
    world.ask("UPDATE host SET retired_at = ?", "2026-03-03 12:00:00.000")
    world.apply(policy(), at=NOON + MINUTE)
    assert world.judge() == 0


def test_two_workers_judge_a_host_once(world, monkeypatch):
    """The second one wrote between the first one's reading and its writing."""
    host = world.machine()
    host.tell(NOON, processes=running("nc"))
    world.apply(policy())
    judged = turn.judge_part
    inside = threading.local()

    def meanwhile(db, memory, book, subjects):
        found = judged(db, memory, book, subjects)
        if not getattr(inside, "second", False):
            inside.second = True
            turn.take_turn(world.store, Memory())
        return found

    monkeypatch.setattr(turn, "judge_part", meanwhile)
    world.judge()
    assert world.verdicts(host.id) == [(0, None, "fail")]
    assert world.ask("SELECT turn FROM judged") == [(1,)]


def test_a_kill_before_the_commit_leaves_the_host_to_the_next_turn(world, monkeypatch):
    host = world.machine()
    host.tell(NOON, processes=running("nc"))
    world.apply(policy())

    def killed(*_):
        raise KeyboardInterrupt

    with monkeypatch.context() as patched:
        patched.setattr("compliance.server.judging.marks.move", killed)
        with pytest.raises(KeyboardInterrupt):
            world.judge()
    assert world.verdicts(host.id) == []
    assert world.judge(memory=Memory()) == 1
    assert world.verdicts(host.id) == [(0, None, "fail")]


def test_a_sentence_that_was_pruned_behind_the_judges_back_is_kept_again(world):
    host = world.machine()
    host.tell(NOON, processes=running("sshd"))
    world.apply(policy())
    world.judge()
    world.ask("DELETE FROM verdict")
    world.ask("DELETE FROM finding")
    world.ask("DELETE FROM judged")
    world.judge()
    assert world.verdicts(host.id) == [(0, None, "pass")]


def test_many_hosts_are_judged_as_one_is(world):
    """By what runs on a part of the fleet, not host by host."""
    world.apply(policy(), policy("sshd", rule={"kind": "process", "name": "sshd", "expect": "present"}))
    hosts = [world.machine(number) for number in range(1, 60)]
    for place, host in enumerate(hosts):
        host.tell(NOON, processes=running(*(("sshd",) if place % 2 else ("nc", "cron"))))
    world.judge()
    for place, host in enumerate(hosts):
        assert world.verdicts(host.id)[-1][2] == ("pass" if place % 2 else "fail")
        assert world.verdicts(host.id, "sshd")[-1][2] == ("pass" if place % 2 else "fail")
    assert world.ask("SELECT COUNT(*) FROM verdict WHERE ended_at = ?", OPEN) == [(118,)]


def test_sustained_load_is_judged_at_every_sample(world):
    host = world.machine()
    world.apply(policy(rule={"kind": "cpu", "below": "90", "for": "3m"}))
    for minute, percent in enumerate((10, 95, 95, 95, 95, 20)):
        host.tell(NOON + minute * MINUTE, cpu=busy(percent))
    world.judge()
    assert world.verdicts(host.id) == [(0, 3, "pass"), (3, 5, "fail"), (5, None, "pass")]
