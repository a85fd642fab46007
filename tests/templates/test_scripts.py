"""Every script of a template by itself: ShellCheck, its size, and the commands of ours that it says."""

import re
import subprocess
import sys
from pathlib import Path

import pytest

from scripts import document_cli
from tests.templates.machine import KNOWN, Machine, fill, needs_root, script_of
from tests.templates.reading import below, template

SHELLCHECK = Path(sys.executable).with_name("shellcheck")
SHELLS = {"server": "bash", "single": "bash", "agents": "sh"}
COMMANDS = {path: (command, context) for path, command, context in document_cli.commands()}


def checked(script: str, shell: str) -> str:
    # SC2034: what is filled in is used by what the script writes, which ShellCheck does not see.
    command = [str(SHELLCHECK), f"--shell={shell}", "--severity=style", "--exclude=SC2034", "-"]
    return subprocess.run(command, input=script, capture_output=True, text=True, timeout=120).stdout


@pytest.mark.parametrize("name", SHELLS)
def test_shellcheck_has_nothing_to_say(name):
    head, body = script_of(name)
    assert checked(fill(head, KNOWN) + body, SHELLS[name]) == ""


@needs_root
@pytest.mark.parametrize("name", ["server", "single"])
def test_shellcheck_has_nothing_to_say_of_what_a_script_leaves_behind(name, tmp_path):
    machine = Machine(tmp_path)
    for arn in ("IngestKey", "EnrollKey"):
        machine.keep(KNOWN[arn], "a" * 48)
    machine.keep(KNOWN["DatabaseSecret"], '{"username": "compliance", "password": "x"}')
    head, body = script_of(name)
    machine.run(fill(head, KNOWN) + body)
    left = machine.read("/local-sbin/compliance-secrets")
    assert checked(left.replace("set -a\n", "set -a\n# shellcheck source=/dev/null\n"), "bash") == ""


@pytest.mark.parametrize("name", ["server", "single"])
def test_user_data_fits_into_what_an_instance_takes(name):
    head, body = script_of(name)
    longest = fill(head, {key: value + "x" * 80 for key, value in KNOWN.items()})
    assert len((longest + body).encode()) < 16_384


def test_every_script_of_the_templates_is_looked_at():
    found = {
        name
        for name in (path.stem for path in Path(__file__).parents[2].glob("templates/cloudformation/*.yaml"))
        for part in below(template(name))
        if isinstance(part, dict) and {"UserData", "runCommand"} & part.keys()
    }
    assert found == set(SHELLS)


def test_what_the_scripts_run_in_our_image_are_commands_of_ours():
    said = []
    for name in SHELLS:
        text = re.sub(r"\\\n\s*", "", script_of(name)[1])
        said += re.findall(r"\$\{IMAGE\} ((?:server|agent) .*)", text)
        said += ["agent " + words for words in re.findall(r"agent --\w+ .*-- (.*)", text)]
        said += [words.replace(",", "") for words in re.findall(r"command: \[(server, .*)\]", text)]
    assert len(said) == 4
    for line in said:
        words = line.split()
        path = f"compliance {words[0]} {words[1]}"
        command, context = COMMANDS[path]
        options = {name for param in command.get_params(context) for name in param.opts}
        assert {word for word in words if word.startswith("--")} <= options, line
