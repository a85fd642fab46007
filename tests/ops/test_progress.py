"""CloudFormation at work: a board that moves on a terminal, lines anywhere else."""

import io
import sys

import pytest
from rich.console import Console

from compliance.ops.errors import Failed
from compliance.ops.events import Event, read
from compliance.ops.progress import MOST_ROWS, Board, watch
from tests.ops.stubs import event


def told(number: int, state: str, resource: str | None = None, reason: str | None = None) -> Event:
    return read(event(number, state, resource, reason))


def shown(board: Board) -> str:
    console = Console(width=100, file=io.StringIO(), record=True)
    console.print(board)
    return console.export_text()


def test_what_is_at_work_is_shown_and_what_is_done_is_counted():
    board = Board("compliance-prod-server", 0)
    for one in (
        told(1, "CREATE_IN_PROGRESS"),
        told(2, "CREATE_IN_PROGRESS", "Group"),
        told(3, "CREATE_IN_PROGRESS", "Vpc"),
    ):
        board.take(one)
    board.take(told(4, "CREATE_COMPLETE", "Vpc"))
    text = shown(board)
    assert "compliance-prod-server  1 done, 1 at work" in text
    assert "Group" in text
    assert "Vpc" not in text


def test_a_failure_stays_with_its_reason_while_it_is_undone():
    board = Board("compliance-prod-server", 0)
    board.take(told(1, "CREATE_FAILED", "Group", "no \x1b[2J capacity"))
    board.take(told(2, "DELETE_COMPLETE", "Group"))
    assert "Group: no \\x1b[2J capacity" in shown(board)


def test_a_hundred_resources_at_work_fit_the_screen():
    board = Board("compliance-prod-server", 0)
    for number in range(50):
        board.take(read({**event(1, "CREATE_IN_PROGRESS", f"Resource{number}"), "EventId": str(number)}))
    assert shown(board).count("CREATE_IN_PROGRESS") == MOST_ROWS


def test_without_a_terminal_each_event_is_a_line(capsys):
    watch("x", iter([told(1, "CREATE_IN_PROGRESS", "Group"), told(2, "CREATE_FAILED", "Group", "no capacity")]))
    assert capsys.readouterr().err.splitlines() == [
        "14:03:01 UTC  compliance-prod-server  Group  CREATE_IN_PROGRESS",
        "14:03:02 UTC  compliance-prod-server  Group  CREATE_FAILED  no capacity",
    ]


class Screen(io.StringIO):
    def isatty(self) -> bool:
        return True


def test_on_a_terminal_the_board_is_left_standing_even_when_it_ends_in_a_failure(monkeypatch):
    def failing():
        yield told(1, "CREATE_FAILED", "Group", "no capacity")
        raise Failed("compliance-prod-server failed")

    monkeypatch.setenv("TERM", "xterm")
    screen = Screen()
    monkeypatch.setattr(sys, "stderr", screen)
    with pytest.raises(Failed):
        watch("compliance-prod-server", failing())
    assert "Group: no capacity" in screen.getvalue()
