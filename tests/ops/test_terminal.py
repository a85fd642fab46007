"""Questions at the terminal: who answers, and what silence means."""

import io
import sys

import pytest

from compliance.ops.errors import Declined
from compliance.ops.terminal import Terminal


@pytest.fixture
def typing(monkeypatch):
    def typed(text: str, tty: bool = True) -> None:
        stream = io.StringIO(text)
        monkeypatch.setattr(stream, "isatty", lambda: tty)
        monkeypatch.setattr(sys, "stdin", stream)

    return typed


@pytest.mark.parametrize("answer", ["y\n", "Yes\n", " y \n"])
def test_a_yes_goes_on(typing, answer, capsys):
    typing(answer)
    Terminal().agree("Deploy prod?")
    assert capsys.readouterr().err == "Deploy prod? [y/N] "


@pytest.mark.parametrize("answer", ["n\n", "\n", "", "yess\n"])
def test_anything_else_does_not(typing, answer):
    typing(answer)
    with pytest.raises(Declined, match="Nothing was done"):
        Terminal().agree("Deploy prod?")


def test_where_nobody_is_nothing_is_done_and_the_flag_is_named(typing):
    typing("y\n", tty=False)
    with pytest.raises(Declined, match=r"Deploy prod\? .*--yes says yes"):
        Terminal().agree("Deploy prod?")


def test_the_flag_answers_and_the_question_is_shown(typing, capsys):
    typing("", tty=False)
    Terminal(yes=True).agree("Deploy prod?")
    assert capsys.readouterr().err == "Deploy prod? Yes, as --yes says.\n"


def test_the_name_is_typed_where_data_would_go(typing, capsys):
    typing("prod\n")
    Terminal().type_name("This deletes data.", "prod")
    assert capsys.readouterr().err == "Warning: This deletes data.\nType the stack's name (prod) to go on: "


@pytest.mark.parametrize("answer", ["y\n", "dev\n", "", "PROD\n"])
def test_another_name_or_a_yes_deletes_nothing(typing, answer):
    typing(answer)
    with pytest.raises(Declined, match="Nothing was done"):
        Terminal(yes=True).type_name("This deletes data.", "prod")


def test_the_flag_for_yes_is_not_enough_for_data(typing):
    typing("prod\n", tty=False)
    with pytest.raises(Declined, match="--confirm prod"):
        Terminal(yes=True).type_name("This deletes data.", "prod")


def test_the_name_may_be_said_on_the_command_line(typing, capsys):
    typing("", tty=False)
    Terminal(confirm="prod").type_name("This deletes data.", "prod")
    assert capsys.readouterr().err == "Warning: This deletes data.\n"


def test_a_wrong_name_on_the_command_line_is_no_name(typing):
    typing("prod\n")
    with pytest.raises(Declined):
        Terminal(confirm="dev").type_name("This deletes data.", "prod")
