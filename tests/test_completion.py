"""Completion in a real bash: what a person gets who installs it and presses the tab key."""

import shutil
import subprocess

import pytest

from tests.shell import Shell

pytestmark = pytest.mark.skipif(shutil.which("bash") is None, reason="needs bash")

# What readline does for the tab key, with the words typed so far.
ASK = '. ~/.bashrc; COMP_WORDS=({words}); COMP_CWORD={place}; "$(complete -p compliance | sed "s/.*-F //; s/ .*//")" '
PRINT = 'compliance; printf "%s\\n" "${COMPREPLY[@]}"'


def bash(shell: Shell, script: str) -> str:
    environment = {**shell.environment, "SHELL": shutil.which("bash") or "", "TERM": "dumb"}
    done = subprocess.run(
        ["bash", "--noprofile", "--norc", "-c", script], env=environment, capture_output=True, text=True, timeout=120
    )
    assert (done.returncode, done.stderr) == (0, ""), done
    return done.stdout


@pytest.fixture
def installed(shell: Shell) -> Shell:
    said = bash(shell, "compliance --install-completion; true")
    assert "bash completion installed" in said
    assert (shell.folder / ".bash_completions" / "compliance.sh").is_file()
    return shell


@pytest.mark.parametrize(
    ("typed", "offered"),
    [
        ("rep", {"report"}),
        ("report ho", {"hosts", "host"}),
        ("server keys ''", {"create", "list", "revoke"}),
        ("server keys create --ro", {"--role"}),
        ("server keys create --role ''", {"enroll", "ingest", "read", "admin"}),
        ("report hosts -o ''", {"table", "json", "csv"}),
    ],
)
def test_the_tab_key_offers_what_can_be_typed(installed, typed, offered):
    words = f"compliance {typed}"
    ask = ASK.replace("{words}", words).replace("{place}", str(len(words.split()) - 1))
    assert set(bash(installed, ask + PRINT).split()) == offered


def test_the_script_can_be_read_before_it_is_installed(shell):
    script = bash(shell, "compliance --show-completion; true")
    assert "complete -o default -F _compliance_completion compliance" in script
    assert bash(shell, f"{script}\ncomplete -p compliance").startswith("complete -o default -F")
    assert not (shell.folder / ".bashrc").exists()
