"""What stands around the package: make, the runner, and the papers."""

import os
import shutil
import subprocess
from pathlib import Path

import pytest
import yaml

from compliance import __version__

ROOT = Path(__file__).parent.parent
MARIADB = [path for path in ("/usr/sbin/mariadbd", "/usr/bin/mariadbd") if Path(path).exists()]


def make(*arguments: str, prefix: tuple[str, ...] = (), **environment: str) -> "subprocess.CompletedProcess[str]":
    told = {"PATH": "/usr/bin:/bin", "LANG": "C.UTF-8", **environment}
    return subprocess.run(
        [*prefix, "make", "--no-print-directory", "-C", str(ROOT), *arguments],
        env=told,
        capture_output=True,
        text=True,
        check=False,
    )


def test_make_run_is_up_with_its_arguments():
    told = make("-n", "run", "ARGS=--once --port 0")
    assert told.stdout.splitlines()[-1] == ".venv/bin/compliance up --once --port 0"


def test_make_test_lints_before_it_tests():
    lines = make("-n", "test", "ARGS=-k spool").stdout.splitlines()
    places = [next(n for n, line in enumerate(lines) if word in line) for word in ("ruff", "mypy", "lint-imports")]
    assert places == sorted(places)
    assert lines[-1].startswith(".venv/bin/python -m pytest")
    assert lines[-1].endswith("-k spool")
    assert max(places) < len(lines) - 1


@pytest.mark.skipif(
    not hasattr(os, "geteuid") or os.geteuid() != 0 or shutil.which("unshare") is None,
    reason="hides a file: needs root",
)
def test_a_machine_without_mariadb_is_told_what_to_install():
    hide = "".join(f"mount --bind /dev/null {path} && " for path in MARIADB)
    prefix = ("unshare", "-m", "sh", "-c", f'{hide}exec setpriv --reuid 65534 --clear-groups "$@"', "sh")
    done = make("mariadb", prefix=prefix)
    assert done.returncode == 2
    assert "sudo apt-get install mariadb-server-core mariadb-client-core" in done.stderr
    assert "COMPLIANCE_TEST_MYSQL=mysql://user:password@host/" in done.stderr
    assert make("mariadb", prefix=prefix, COMPLIANCE_TEST_MYSQL="mysql://there").returncode == 0


def test_an_old_python_is_told_so_before_anything_is_made(tmp_path):
    old = tmp_path / "python3.9"
    old.write_text("#!/bin/sh\nexit 1\n")
    old.chmod(0o755)
    (tmp_path / "Makefile").write_text((ROOT / "Makefile").read_text())
    done = subprocess.run(
        ["make", "-C", str(tmp_path), "run", f"PYTHON={old}"], capture_output=True, text=True, check=False
    )
    assert done.returncode == 2
    assert "compliance needs Python 3.11 or newer" in done.stderr
    assert not (tmp_path / ".venv").exists()


def test_every_runner_runs_what_a_person_runs():
    script = ROOT / ".ci" / "run"
    assert os.access(script, os.X_OK)
    assert script.read_text().splitlines()[-1] == "exec make test"
    workflow = yaml.safe_load((ROOT / ".github" / "workflows" / "ci.yml").read_text())
    steps = workflow["jobs"]["test"]["steps"]
    assert steps[-1]["run"] == ".ci/run"
    tested = workflow["jobs"]["test"]["strategy"]["matrix"]["python"]
    project = (ROOT / "pyproject.toml").read_text()
    assert [f"Programming Language :: Python :: {version}" in project for version in tested] == [True] * len(tested)


def test_the_papers_are_there():
    assert "Apache License" in (ROOT / "LICENSE").read_text()
    assert "Report a vulnerability" in (ROOT / "SECURITY.md").read_text()
    assert "## Unreleased" in (ROOT / "CHANGELOG.md").read_text() or __version__ in (ROOT / "CHANGELOG.md").read_text()


def test_the_version_is_written_once():
    found = subprocess.run(
        ["git", "grep", "-lE", f"version.*=.*[\"']{__version__}", "--", "compliance", "pyproject.toml"],
        cwd=ROOT,
        capture_output=True,
        text=True,
        check=True,
    )
    assert found.stdout.split() == ["compliance/__init__.py"]
