"""The documents say what is there: generated pages, links, and every command line that they show."""

import re
import shlex
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from scripts import document_cli

ROOT = Path(__file__).parent.parent
PAGES = sorted(
    path for pattern in ("*.md", "docs/**/*.md", "examples/**/*.md", "templates/**/*.md") for path in ROOT.glob(pattern)
)
COMMANDS = {path: (command, context) for path, command, context in document_cli.commands()}
LEAVES = {path: command for path, (command, _) in COMMANDS.items() if not hasattr(command, "commands")}


def options(path: str) -> set[str]:
    command, context = COMMANDS[path]
    return {name for param in command.get_params(context) for name in (*param.opts, *param.secondary_opts)}


def examples(command: Any) -> list[str]:
    return [line.strip()[2:] for line in (command.help or "").splitlines() if line.strip().startswith("$ ")]


def command_lines(text: str) -> Iterator[str]:
    """What a page tells a person to type: in code, fenced or not, each part of a pipe by itself."""
    fenced = re.findall(r"^ *```(?:console|sh|shell|bash|text)?\n(.*?)^ *```", text, flags=re.M | re.S)
    inline = re.findall(r"(?<!`)`(compliance [^`]+)`(?!`)", text)
    for block in (*fenced, *inline):
        for line in block.replace("\\\n", " ").splitlines():
            for part in re.split(r" \| | && |; ", re.sub(r"\s# .*", "", line)):
                found = re.match(r"^\s*(?:\$ )?(?:sudo )?(?:\w+=\S+ )*(compliance .*)", part)
                if found:
                    yield found[1].strip()


def complaint(line: str) -> str | None:
    """Why a command line cannot be meant for us as it stands."""
    words = shlex.split(line.replace("[", " ").replace("]", " "))
    path, rest = words[0], words[1:]
    while rest:
        word = rest.pop(0)
        if word.startswith("-") and word != "-":
            name = word.partition("=")[0]
            if name not in options(path):
                return f"{path} has no option {name}"
        elif f"{path} {word}" in COMMANDS:
            path = f"{path} {word}"
        elif path not in LEAVES and word not in {"...", "…"}:
            return f"{path} has no command {word}"
    return None


def test_the_page_of_the_command_line_is_up_to_date():
    assert document_cli.PAGE.read_text(encoding="utf-8") == document_cli.page(), "run `make docs`"


@pytest.mark.parametrize("path", COMMANDS)
def test_every_command_says_what_it_does(path):
    command, _ = COMMANDS[path]
    first = (command.help or "").strip().partition("\n")[0]
    assert len(first.split()) > 2, f"{path} needs a sentence"


@pytest.mark.parametrize("path", COMMANDS)
def test_every_option_says_what_it_does(path):
    command, context = COMMANDS[path]
    silent = [param.name for param in command.get_params(context) if not re.search(r"\w \w.*[.?!)]$", param.help or "")]
    assert silent == [], f"{path}: a sentence of help is missing"


@pytest.mark.parametrize("path", LEAVES)
def test_every_command_shows_an_example_of_itself(path):
    own = [line for line in examples(LEAVES[path]) if f"{line} ".startswith(f"{path} ")]
    assert own, f"{path} needs a line `$ {path} ...` in its help"


@pytest.mark.parametrize("path", COMMANDS)
def test_every_example_in_a_help_can_be_typed(path):
    lines = "\n".join(examples(COMMANDS[path][0]))
    wrong = [f"{line}: {complaint(line)}" for line in command_lines(f"```\n{lines}\n```") if complaint(line)]
    assert wrong == []


@pytest.mark.parametrize("path", COMMANDS)
def test_every_example_in_a_help_fits_on_a_terminal_of_80_columns(path):
    assert [line for line in examples(COMMANDS[path][0]) if len(f"  $ {line}") > 80] == []


@pytest.mark.parametrize("page", PAGES, ids=lambda page: str(page.relative_to(ROOT)))
def test_every_command_line_in_the_documents_can_be_typed(page):
    lines = command_lines(page.read_text(encoding="utf-8"))
    if page == document_cli.PAGE:
        lines = (line for line in lines if "[OPTIONS]" not in line)
    wrong = [f"{line}: {complaint(line)}" for line in lines if complaint(line)]
    assert wrong == []


@pytest.mark.parametrize("page", PAGES, ids=lambda page: str(page.relative_to(ROOT)))
def test_every_local_link_leads_somewhere(page):
    links = re.findall(r"\]\((?!https?:|mailto:|#)([^)#\s]+)", page.read_text(encoding="utf-8"))
    assert [link for link in links if not (page.parent / link).exists()] == []


def test_no_document_installs_the_stranger_that_pypi_calls_compliance():
    asking = re.compile(r"pip install\s+(?:-\S+\s+)*['\"]?compliance(?!-monitor)")
    assert [page.name for page in PAGES if asking.search(page.read_text(encoding="utf-8"))] == []


@pytest.mark.parametrize(
    ("line", "reason"),
    [
        ("compliance nonsense", "compliance has no command nonsense"),
        ("compliance --nonsense", "compliance has no option --nonsense"),
        ("compliance up --nonsense=3", "compliance up has no option --nonsense"),
    ],
)
def test_a_command_line_that_cannot_be_typed_is_found(line, reason):
    text = f"Text.\n\n```console\n$ {line}  # a remark\n```\n\nOr `{line}`."
    assert [complaint(found) for found in command_lines(text)] == [reason, reason]


def test_prompts_variables_pipes_and_remarks_around_a_command_are_seen_through():
    text = "```\n$ sudo A=1 compliance --help | less  # x\ncompliance \\\n  --version\nls && compliance --debug up\n```"
    assert [" ".join(line.split()) for line in command_lines(text)] == [
        "compliance --help",
        "compliance --version",
        "compliance --debug up",
    ]
