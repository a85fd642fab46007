"""cfn-lint, and AWS Control Tower's rules as cfn-guard checks them, each exception with its reason beside it."""

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

from tests.templates.reading import FOLDER, IN_STACKS, NAMES, filled, template

GUARD = Path(os.environ.get("CFN_GUARD", Path(__file__).parents[2] / ".stamps" / "guard"))


def test_cfn_lint_has_nothing_to_say():
    files = [str(FOLDER / f"{name}.yaml") for name in NAMES]
    lint = Path(sys.executable).with_name("cfn-lint")
    # Not I1022, which would have one Sub: a Join keeps a script apart from what is filled into it.
    command = [str(lint), "--non-zero-exit-code", "informational", "--include-checks", "I2", "I3"]
    done = subprocess.run([*command, "--", *files], capture_output=True, text=True, timeout=300)
    assert (done.returncode, done.stdout, done.stderr) == (0, "", "")


def judged(folder: Path) -> dict[str, set[tuple[str, str]]]:
    """For each file of the folder, the (resource, rule) that cfn-guard refuses."""
    command = [str(GUARD / "cfn-guard"), "validate", "--rules", str(GUARD / "rules"), "--data", str(folder)]
    done = subprocess.run(
        [*command, "--structured", "--output-format", "json", "--show-summary", "none"],
        capture_output=True,
        text=True,
        timeout=300,
    )
    assert done.returncode in (0, 19), done.stderr
    return {
        Path(report["name"]).stem: {
            (resource, refused["Rule"]["name"]) for refused in report["not_compliant"] for resource in named_in(refused)
        }
        for report in json.loads(done.stdout)
    }


def named_in(tree: object) -> set[str]:
    if isinstance(tree, dict):
        path = tree.get("path")
        found = {path.split("/")[2]} if isinstance(path, str) and path.startswith("/Resources/") else set()
        return found.union(*(named_in(part) for part in tree.values()))
    return set().union(*(named_in(part) for part in tree)) if isinstance(tree, list) else set()


def excused(name: str) -> dict[tuple[str, str], str]:
    return {
        (logical, rule): reason
        for logical, resource in template(name)["Resources"].items()
        for rule, reason in resource.get("Metadata", {}).get("guard", {}).items()
    }


needs_guard = pytest.mark.skipif(not (GUARD / "cfn-guard").exists(), reason="`make .stamps/guard` brings cfn-guard")


@needs_guard
def test_cfn_guard_refuses_what_has_a_reason_beside_it_and_nothing_else(tmp_path):
    for stack, name in IN_STACKS:
        (tmp_path / f"{stack}-{name}.json").write_text(json.dumps(filled(stack, name)))
    found = judged(tmp_path)
    assert set(found) == {f"{stack}-{name}" for stack, name in IN_STACKS}
    refused = {
        name: set[tuple[str, str]]().union(*(found[f"{s}-{n}"] for s, n in IN_STACKS if n == name)) for name in NAMES
    }
    # An excuse that nothing needs any more would hide the next mistake.
    assert refused == {name: set(excused(name)) for name in NAMES}


def test_every_exception_says_why():
    short = [(name, key) for name in NAMES for key, reason in excused(name).items() if len(reason) < 8]
    assert short == []


@needs_guard
def test_cfn_guard_would_find_a_database_that_the_world_can_reach(tmp_path):
    tree = filled("prod", "database")
    tree["Resources"]["Database"]["Properties"] |= {"PubliclyAccessible": True, "StorageEncrypted": False}
    (tmp_path / "open.json").write_text(json.dumps(tree))
    rules = {rule for _, rule in judged(tmp_path)["open"]}
    assert {"rds_instance_public_access_check", "rds_instance_storage_encrypted_check"} <= rules
