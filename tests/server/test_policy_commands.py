"""`compliance server policies ...` and labels, typed, on both stores."""

import json

import pytest

from compliance.server.judging.memory import Memory
from compliance.server.judging.turn import take_turn
from compliance.server.storage.engine import open_store
from tests.server.queries.rows import HOUR, NOON, Rows
from tests.shell import Shell

POLICY = """\
id: no-nc
title: No netcat runs
why: It opens a door.
severity: high
remedy: Stop it.
rule:
  kind: process
  name: nc
  expect: absent
"""


@pytest.fixture
def database(database_url: str) -> tuple[str, str]:
    return ("--database", database_url)


@pytest.fixture
def folder(tmp_path):
    found = tmp_path / "policies"
    found.mkdir()
    (found / "processes.yaml").write_text(POLICY)
    return str(found)


@pytest.fixture
def fleet(shell: Shell, database, database_url):
    """web-1 ran nc from noon until one o'clock."""
    shell("server", "migrate", *database)
    store = open_store(database_url)
    rows = Rows(store)
    host = rows.host("1" * 32, "web-1", since=NOON - HOUR, seen=NOON + 2 * HOUR)
    rows.process(host, 10, NOON, NOON + HOUR, name="nc")
    rows.process(host, 11, NOON - HOUR, name="sshd")
    yield store
    store.close()


def table(shell: Shell, *arguments: str):
    return json.loads(shell(*arguments, "-o", "json").out)


def outcomes(shell: Shell, *arguments: str):
    return [(row["hostname"], row["policy"], row["outcome"]) for row in table(shell, *arguments)]


def test_check_says_what_is_in_order(shell: Shell, folder):
    assert shell("server", "policies", "check", folder).err == "1 policy is in order.\n"


def test_check_names_file_line_and_what_was_meant(shell: Shell, folder, tmp_path):
    (tmp_path / "policies" / "more.yaml").write_text(POLICY.replace("severity", "severty").replace("no-nc", "more"))
    shown = shell("server", "policies", "check", folder, code=1)
    assert "more.yaml:4: there is no field `severty` here; did you mean `severity`?" in shown.out
    assert "1 mistake in" in shown.err
    (row,) = json.loads(shell("server", "policies", "check", folder, "-o", "json", code=1).out)
    assert row["line"] == 4


def test_check_runs_the_policies_own_tests(shell: Shell, tmp_path, folder):
    wrong = POLICY + "cases:\n  - verdict: pass\n    facts:\n      processes: [{name: nc}]\n"
    (tmp_path / "policies" / "processes.yaml").write_text(wrong)
    shown = shell("server", "policies", "check", folder, code=1)
    assert "case 1 expects pass, the policy says fail" in shown.out


def test_test_asks_the_past(shell: Shell, folder, fleet, database):
    asked = ("server", "policies", "test", folder, *database)
    assert outcomes(shell, *asked, "--at", "2026-03-03 12:30") == [("web-1", "no-nc", "fail")]
    assert outcomes(shell, *asked, "--at", "2026-03-03 13:30") == [("web-1", "no-nc", "pass")]
    assert outcomes(shell, *asked, "--at", "2026-03-03 13:30", "--outcome", "fail") == []


def test_test_says_whose_policies_and_facts_it_used(shell: Shell, folder, fleet, database):
    shown = shell("server", "policies", "test", folder, "--at", "2026-03-03 12:30", *database)
    assert "Facts of 2026-03-03 12:30" in shown.err
    assert "as they are today" in shown.err
    assert "1 fail" in shown.err
    shown = shell("server", "policies", "test", "--with", "stored", "--at", "2026-03-03 12:30", *database)
    assert "policies: those that stood at that moment" in shown.err
    assert "0 pass, 0 fail, 0 unknown" in shown.err


def test_a_silent_host_is_unknown_and_a_moment_before_it_reported_too(shell: Shell, folder, fleet, database):
    asked = ("server", "policies", "test", folder, *database)
    (now,) = table(shell, *asked)
    assert (now["outcome"], now["observed"]) == ("unknown", "Processes were not seen: no report since.")
    Rows(fleet).host("2" * 32, "web-2", since=NOON - HOUR, seen=None)
    told = outcomes(shell, *asked, "--at", "2026-03-03 12:30")
    assert told == [("web-1", "no-nc", "fail"), (None, "no-nc", "unknown")]


def test_a_gap_at_the_moment_is_unknown(shell: Shell, folder, fleet, database):
    Rows(fleet).gap(1, "processes", NOON + 10 * 60_000, NOON + HOUR, "no report for 3000 s")
    (row,) = table(shell, "server", "policies", "test", folder, "--at", "2026-03-03 12:30", *database)
    assert (row["outcome"], row["observed"]) == ("unknown", "Processes were not seen: no report for 3000 s.")


def test_before_the_horizon_nothing_is_said(shell: Shell, folder, fleet, database):
    Rows(fleet).put("horizon", id=1, kept_from="2026-03-03 12:00:00.000")
    shown = shell("server", "policies", "test", folder, "--at", "2026-03-03 11:30", *database, code=1)
    assert "History is kept from 2026-03-03 12:00 UTC on" in shown.err


def test_one_host_is_asked_by_its_name(shell: Shell, folder, fleet, database):
    Rows(fleet).host("2" * 32, "web-2", seen=NOON + 2 * HOUR)
    asked = ("server", "policies", "test", folder, "--at", "2026-03-03 12:30", *database)
    assert len(outcomes(shell, *asked)) == 2
    assert outcomes(shell, *asked, "--host", "web-2") == [("web-2", "no-nc", "pass")]
    shell(*asked, "--host", "nobody", code=1)


def test_apply_says_what_changed_and_list_shows_what_stands(shell: Shell, folder, tmp_path, database):
    assert "1 added, 0 changed, 0 withdrawn, 0 unchanged" in shell("server", "policies", "apply", folder, *database).err
    assert "0 added" in shell("server", "policies", "apply", folder, *database).err
    (row,) = table(shell, "server", "policies", "list", *database)
    assert (row["policy"], row["version"], row["origin"]) == ("no-nc", 1, "folder")
    (tmp_path / "policies" / "processes.yaml").unlink()
    assert "1 withdrawn" in shell("server", "policies", "apply", folder, *database).err
    assert table(shell, "server", "policies", "list", *database) == []


def test_a_folder_with_a_mistake_is_not_applied(shell: Shell, folder, tmp_path, database):
    (tmp_path / "policies" / "more.yaml").write_text("id: x\n")
    shown = shell("server", "policies", "apply", folder, *database, code=2)
    assert "more.yaml:1:" in shown.err
    assert table(shell, "server", "policies", "list", *database) == []


def test_packs_that_come_along_are_applied_by_name(shell: Shell, database):
    shown = table(shell, "server", "policies", "apply", "--builtin", "patching", *database)
    assert len(shown) > 1
    assert {row["pack"] for row in table(shell, "server", "policies", "list", *database)} == {"patching"}
    shell("server", "policies", "apply", "--builtin", "nonsense", *database, code=2)
    shell("server", "policies", "apply", *database, code=2)


def test_a_label_counts_from_then_on(shell: Shell, folder, tmp_path, fleet, database):
    path = tmp_path / "policies" / "processes.yaml"
    path.write_text(POLICY.replace("rule:", "scope:\n  labels: {role: web}\nrule:"))
    shell("server", "policies", "apply", folder, *database)
    take_turn(fleet, Memory())
    assert Rows(fleet).ask("SELECT COUNT(*) FROM verdict") == [(0,)]
    shell("server", "hosts", "label", "web-1", "role=web", *database)
    take_turn(fleet, Memory())
    assert Rows(fleet).ask("SELECT outcome FROM verdict WHERE ended_at > '9000-01-01 00:00:00.000'") == [("pass",)]
    shell("server", "hosts", "unlabel", "web-1", "role", *database)
    take_turn(fleet, Memory())
    assert Rows(fleet).ask("SELECT COUNT(*) FROM verdict WHERE ended_at > '9000-01-01 00:00:00.000'") == [(0,)]


@pytest.mark.parametrize("label", ["role", "=web", "role=", "ro le=web"])
def test_what_is_no_label_is_refused(shell: Shell, fleet, database, label):
    shown = shell("server", "hosts", "label", "web-1", label, *database, code=2)
    assert "is no label" in shown.err


def test_a_label_that_is_not_there_cannot_be_taken(shell: Shell, fleet, database):
    shell("server", "hosts", "unlabel", "web-1", "role", *database, code=1)
