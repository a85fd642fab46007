"""The Dockerfile and what is sent to be built: linted, pinned, and nothing private in reach."""

import fnmatch
import json
import re
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parent.parent.parent
HADOLINT = Path(sys.executable).parent / "hadolint"
TEXT = (ROOT / "Dockerfile").read_text(encoding="utf-8")


def lint(path: Path) -> "subprocess.CompletedProcess[str]":
    return subprocess.run(
        [HADOLINT, "--no-color", "--failure-threshold", "style", path], capture_output=True, text=True, timeout=60
    )


def test_hadolint_finds_nothing():
    assert (lint(ROOT / "Dockerfile").stdout, lint(ROOT / "Dockerfile").returncode) == ("", 0)


def test_hadolint_would_find_something(tmp_path):
    (tmp_path / "Dockerfile").write_text(TEXT.replace("USER 10001:10001", "USER root"))
    assert lint(tmp_path / "Dockerfile").returncode != 0


def test_every_stage_starts_from_one_pinned_base():
    assert re.findall(r"^ARG PYTHON=(\S+)$", TEXT, flags=re.M)[0].count(".") == 2
    assert set(re.findall(r"^FROM (\S+)", TEXT, flags=re.M)) == {"${PYTHON}"}


def test_it_is_built_without_a_frontend_from_elsewhere():
    assert not re.search(r"^#\s*syntax\s*=", TEXT, flags=re.M)


def test_it_runs_as_nobody_that_the_host_knows():
    users = re.findall(r"^USER (\S+)$", TEXT, flags=re.M)
    assert users == ["10001:10001"]


def test_its_entrypoint_is_the_one_command():
    assert json.loads(re.findall(r"^ENTRYPOINT (.*)$", TEXT, flags=re.M)[0]) == ["compliance"]


def test_its_health_is_asked_by_a_script_that_is_there():
    (command,) = re.findall(r"^    CMD (\[.*\])$", TEXT, flags=re.M)
    _, script = json.loads(command)
    assert script.startswith("/usr/local/lib/compliance/")
    assert (ROOT / "container" / script.rpartition("/")[2]).is_file()


def sent(path: str) -> bool:
    """Whether a path is part of what is built: the last line of .dockerignore that fits it decides."""
    included = True
    for line in (ROOT / ".dockerignore").read_text().splitlines():
        pattern = line.removeprefix("!")
        if not line or line.startswith("#"):
            continue
        # As Docker has it: a pattern fits what it names and all below it, and `**/` fits at any depth.
        names = [path.rsplit("/", depth)[0] for depth in range(path.count("/") + 1)]
        if pattern.startswith("**/"):
            fits = any(fnmatch.fnmatchcase(part, pattern[3:]) for part in path.split("/"))
        else:
            fits = any(fnmatch.fnmatchcase(name, pattern) for name in names)
        if fits:
            included = line.startswith("!")
    return included


@pytest.mark.parametrize(
    "path",
    [".env", ".git/config", "state/identity.json", "docs/x.md", "compliance/.env", "compliance/__pycache__/a.pyc"],
)
def test_nothing_private_and_nothing_idle_is_sent_to_be_built(path):
    assert not sent(path)


@pytest.mark.parametrize(
    "path", ["pyproject.toml", "constraints.txt", "compliance/server/app.py", "container/health.py"]
)
def test_what_the_image_is_made_of_is_sent(path):
    assert sent(path)
