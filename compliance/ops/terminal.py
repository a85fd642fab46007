"""The person at the terminal: asked before anything is done, told while it is."""

from __future__ import annotations

import sys
from collections.abc import Iterator
from dataclasses import dataclass

from rich.text import Text

from compliance import console
from compliance.console import Format
from compliance.ops import progress, tables
from compliance.ops.errors import Declined
from compliance.ops.events import Event
from compliance.ops.plan import Plan


@dataclass(frozen=True)
class Terminal:
    """`yes` answers each question but one: what loses data wants the stack's name, typed or as `confirm`."""

    yes: bool = False
    confirm: str | None = None

    def say(self, sentence: str) -> None:
        console.say(sentence)

    def show(self, plan: Plan) -> None:
        tables.show_plan(plan, Format.table)

    def agree(self, question: str) -> None:
        if self.yes:
            console.say(f"{question} Yes, as --yes says.")
            return
        if not sys.stdin.isatty():
            raise Declined(f"{question} Nobody is here to answer, so nothing was done: --yes says yes.")
        if _asked(f"{question} [y/N] ").lower() not in {"y", "yes"}:
            raise Declined("Nothing was done.")

    def type_name(self, sentence: str, name: str) -> None:
        if self.confirm is None and sys.stdin.isatty():
            console.warn(sentence)
            typed = _asked(f"Type the stack's name ({name}) to go on: ")
        else:
            typed = self.confirm or ""
        if typed != name:
            raise Declined(f"{sentence} Nothing was done: it takes the stack's name, typed or as --confirm {name}.")
        if self.confirm is not None:
            console.warn(sentence)

    def watch(self, title: str, happening: Iterator[Event]) -> None:
        progress.watch(title, happening)


def _asked(question: str) -> str:
    try:
        return console.err().input(Text(console.clean(question))).strip()
    except EOFError:
        return ""
