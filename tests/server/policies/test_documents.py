"""docs/policies.md: every example is read and run, every kind of rule has one, and the tables are up to date."""

import re
import subprocess
import sys

import pytest

from compliance.server.policies.reading import read
from compliance.server.policies.rules import leaves
from compliance.server.policies.trials import run
from scripts import document_policies
from tests.server.policies.test_reading import HEAD

PAGE = (document_policies.DOCS / "policies.md").read_text(encoding="utf-8")
EXAMPLES = [text for text in re.findall(r"^```yaml\n(.*?)^```", PAGE, flags=re.M | re.S) if not text.startswith("#")]


def load(text):
    loaded, problems = read(text if text.startswith("id:") else HEAD + text, "docs/policies.md")
    assert [str(one) for one in problems] == []
    return loaded[0].policy


@pytest.mark.parametrize("number", range(len(EXAMPLES)))
def test_every_example_says_what_its_cases_say(number):
    policy = load(EXAMPLES[number])
    assert policy.cases
    assert [str(trial) for trial in run(policy) if not trial.succeeded] == []


def test_every_kind_of_rule_has_an_example():
    shown = {leaf.__struct_config__.tag for text in EXAMPLES for leaf in leaves(load(text).rule)}
    kinds = set(re.findall(r"^### ([a-z-]+)$", PAGE, flags=re.M))
    assert shown == kinds
    assert all(f"kind: {word}" in PAGE for word in ("all", "any", "not"))


def test_the_tables_and_the_schema_are_up_to_date(repository):
    done = subprocess.run(
        [sys.executable, "scripts/document_policies.py", "--check"],
        cwd=repository,
        capture_output=True,
        text=True,
        env={"PYTHONPATH": str(repository)},
    )
    assert (done.returncode, done.stderr) == (0, "")


def test_what_is_not_up_to_date_is_found_and_made_anew(tmp_path, monkeypatch, capsys):
    monkeypatch.setattr(document_policies, "DOCS", tmp_path)
    old = PAGE.replace("| `no-telnet-server` |", "| `something-else` |")
    (tmp_path / "policies.md").write_text(old, encoding="utf-8")
    monkeypatch.setattr(sys, "argv", ["document_policies.py", "--check"])
    assert document_policies.main() == 1
    told = capsys.readouterr().err
    assert "docs/policies.md is not up to date" in told
    assert "docs/policies.schema.json is not up to date" in told
    monkeypatch.setattr(sys, "argv", ["document_policies.py"])
    assert document_policies.main() == 0
    assert (tmp_path / "policies.md").read_text(encoding="utf-8") == PAGE
    monkeypatch.setattr(sys, "argv", ["document_policies.py", "--check"])
    assert document_policies.main() == 0
