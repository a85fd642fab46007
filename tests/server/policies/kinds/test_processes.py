from compliance.server.ingest import dictionary
from compliance.server.policies.judge import judge_rule
from compliance.server.policies.kinds.processes import ARGUMENTS_KEPT, is_kernel_thread
from compliance.wire.facts import Process
from tests.server.policies.hosts import facts, finding, rule, verdict
from tests.server.policies.strategies import NOON

NO_NC = rule(kind="process", expect="absent", name=["nc", "ncat"])
SSHD = rule(kind="process", expect="present", name="sshd", user="root")
NOT_FROM_TMP = rule(kind="process", expect="absent", path={"glob": "/tmp/*"})


def test_a_forbidden_process_fails_where_it_was_seen():
    found = finding(NO_NC, processes=[{"name": "nc", "user": "ana"}, {"name": "bash"}])
    assert found.holds is False
    assert found.observed == "There is nc (user ana)."
    assert found.expected == "No process named nc or ncat."
    assert [row.name for row in found.rows] == ["nc"]


def test_a_forbidden_process_passes_only_where_all_was_seen():
    assert verdict(NO_NC, processes=[{"name": "bash"}]) is True
    hidden = finding(NO_NC, processes={"rows": [{"name": "bash"}], "blind": {"rows": 2, "reason": "hidepid."}})
    assert (hidden.holds, hidden.observed) == (None, "Not all processes were seen: hidepid.")
    assert verdict(NO_NC, processes={"rows": [{"name": "nc"}], "blind": {"rows": 2}}) is False


def test_a_required_process_passes_where_it_was_seen():
    found = finding(SSHD, processes={"rows": [{"name": "sshd"}], "blind": {"rows": 2}})
    assert (found.holds, found.observed) == (True, "There is sshd (user root).")
    assert found.expected == "At least one process named sshd of user root."


def test_a_required_process_fails_only_where_all_was_seen():
    assert verdict(SSHD, processes=[{"name": "sshd", "user": "ana"}]) is False
    assert verdict(SSHD, processes={"blind": {"rows": 1}}) is None


def test_processes_that_were_not_seen_are_unknown():
    for told in ({}, {"processes": {"unseen": "the collector failed."}}):
        for asked in (NO_NC, SSHD):
            assert verdict(asked, **told) is None
    assert finding(NO_NC, processes={"unseen": "it failed."}).observed == "Processes were not seen: it failed."


def test_a_field_that_could_not_be_read_is_unknown():
    blind = {"fields": 1, "reason": "no privilege"}
    seen = finding(NOT_FROM_TMP, processes={"rows": [{"name": "x", "arguments": "x"}], "blind": blind})
    assert (seen.holds, seen.observed) == (None, "It cannot be told of x (user root): no privilege.")
    assert verdict(NOT_FROM_TMP, processes=[{"name": "x", "arguments": "x"}]) is True


def test_a_kernel_thread_has_no_file_however_little_was_seen():
    threads = [{"name": "kworker/0:1", "parent": 2}]
    assert verdict(NOT_FROM_TMP, processes={"rows": threads, "blind": {"fields": 9}}) is True
    assert not is_kernel_thread(Process(pid=9, ticks=1, ppid=2, name="x", arguments="x"))


def test_the_owner_that_was_not_seen_is_unknown():
    assert verdict(SSHD, processes=[{"name": "sshd", "user": None}]) is None
    assert verdict(SSHD, processes=[{"name": "bash", "user": None}]) is False


def test_a_command_line_longer_than_what_is_kept_may_match_in_the_rest():
    asked = rule(kind="process", expect="absent", arguments={"regex": "--evil"})
    assert verdict(asked, processes=[{"name": "java", "arguments": "x" * ARGUMENTS_KEPT}]) is None
    assert verdict(asked, processes=[{"name": "java", "arguments": "x" * (ARGUMENTS_KEPT - 1)}]) is True
    assert verdict(asked, processes=[{"name": "java", "arguments": "--evil" + "x" * ARGUMENTS_KEPT}]) is False
    assert ARGUMENTS_KEPT == dictionary.ARGUMENTS_KEPT


def test_what_is_not_meant_is_left_out():
    asked = rule(kind="process", expect="absent", path={"glob": "/tmp/*"}, unless=[{"name": "ansible", "user": "root"}])
    ansible = {"name": "ansible", "path": "/tmp/a"}
    assert verdict(asked, processes=[ansible]) is True
    assert verdict(asked, processes=[{**ansible, "user": "ana"}]) is False
    assert verdict(asked, processes=[{**ansible, "user": None}]) is None
    assert finding(asked, processes=[]).expected == (
        "No process with the path /tmp/*, besides any process named ansible of user root."
    )


def test_the_sentence_names_each_program_once_and_no_more_than_a_few():
    many = [{"name": "nc", "user": f"user{number % 7}"} for number in range(20)]
    assert finding(NO_NC, processes=many).observed == (
        "There is nc (user user0), nc (user user1), nc (user user2), nc (user user3), nc (user user4) and others."
    )


def test_rows_of_the_wire_can_be_judged_as_they_are():
    host = facts(processes=[{"name": "nc"}])
    assert isinstance(host.processes.rows[0], Process)
    assert judge_rule(NO_NC, host, NOON).holds is False
