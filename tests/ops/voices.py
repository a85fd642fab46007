"""Somebody to ask in a test: answers as it was told, and remembers what it was told."""

from collections.abc import Iterator

from compliance.ops.errors import Declined
from compliance.ops.events import Event
from compliance.ops.plan import Plan


class Scripted:
    """Says yes to everything, or no to a question that contains `no_to`; types `typed` where a name is wanted."""

    def __init__(self, no_to: str | None = None, typed: str | None = None) -> None:
        self.no_to, self.typed = no_to, typed
        self.said: list[str] = []
        self.asked: list[str] = []
        self.warned: list[str] = []
        self.watched: dict[str, list[Event]] = {}
        self.plans: list[Plan] = []

    def say(self, sentence: str) -> None:
        self.said.append(sentence)

    def show(self, plan: Plan) -> None:
        self.plans.append(plan)

    def agree(self, question: str) -> None:
        self.asked.append(question)
        if self.no_to is not None and self.no_to in question:
            raise Declined("no")

    def type_name(self, sentence: str, name: str) -> None:
        self.warned.append(sentence)
        if self.typed != name:
            raise Declined("not typed")

    def watch(self, title: str, happening: Iterator[Event]) -> None:
        # Kept even if what is watched ends in an error.
        told = self.watched.setdefault(title, [])
        for event in happening:
            told.append(event)
