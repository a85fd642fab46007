"""Matches regular expressions in time linear in the text, whatever the expression.

A host that chooses its command lines must not choose how long the server looks at them. Python's own `re` tries one way
after the other and can take for ever.

A tree becomes the steps of a nondeterministic automaton; sets of steps become states when a text first leads there.
"""

from __future__ import annotations

from typing import NamedTuple

from compliance.server.policies.expressions import Border, Chars, Choice, Node, NotUnderstood, Repeat, Sequence

MOST_STEPS = 2_000
MOST_WAYS = 20_000
"""Remembered ways from state to state, of one expression; then it begins to learn anew."""
MOST_LITERALS = 24

START, END, WORD, OTHER = "start", "end", "word", "other"


class Step(NamedTuple):
    """A character or a border that leads onward; neither is a fork. Step 0 is the end: there it matches."""

    test: Chars | Border | None
    onward: tuple[int, ...]


class State:
    """Where the automaton may stand between two characters, and what the one before was."""

    __slots__ = ("before", "ends", "steps", "ways")

    def __init__(self, steps: frozenset[int], before: str) -> None:
        self.steps, self.before = steps, before
        self.ways: dict[str, State | None] = {}
        self.ends: bool | None = None


class Automaton:
    """Whether an expression is found anywhere in a text."""

    def __init__(self, tree: Node, any_case: bool = False) -> None:
        self.any_case = any_case
        self.steps = [Step(None, ())]
        self.first = self._build(tree, 0)
        self.needed = literals(tree)
        self._forget()

    def found_in(self, text: str) -> bool:
        if self.any_case:
            text = text.lower()
        if self.needed is not None and not any(literal in text for literal in self.needed):
            return False
        state = self.start
        for char in text:
            try:
                following = state.ways[char]
            except KeyError:
                following = self._learn(state, char)
            if following is None:
                return True
            state = following
        if state.ends is None:
            state.ends = 0 in self._reach(state, END)
        return state.ends

    def _build(self, node: Node, then: int) -> int:
        """The step that begins `node`, after which `then` follows."""
        if isinstance(node, Chars | Border):
            return self._add(node, then)
        if isinstance(node, Sequence):
            for part in reversed(node.parts):
                then = self._build(part, then)
            return then
        if isinstance(node, Choice):
            return self._forks([self._build(branch, then) for branch in node.branches])
        return self._build_repeat(node, then)

    def _build_repeat(self, node: Repeat, then: int) -> int:
        if node.most is None:
            loop = self._add(None, then)
            self.steps[loop] = Step(None, (self._build(node.part, loop), then))
            then = loop
        else:
            end = then
            for _ in range(node.most - node.least):
                then = self._add(None, self._build(node.part, then), end)
        for _ in range(node.least):
            then = self._build(node.part, then)
        return then

    def _forks(self, branches: list[int]) -> int:
        first, *rest = branches
        return first if not rest else self._add(None, first, self._forks(rest))

    def _add(self, test: Chars | Border | None, *onward: int) -> int:
        if len(self.steps) >= MOST_STEPS:
            raise NotUnderstood("is too large: its counts multiply")
        self.steps.append(Step(test, onward))
        return len(self.steps) - 1

    def _forget(self) -> None:
        self.states: dict[tuple[frozenset[int], str], State] = {}
        self.learned = 0
        self.start = self._state(frozenset({self.first}), START)

    def _state(self, steps: frozenset[int], before: str) -> State:
        return self.states.setdefault((steps, before), State(steps, before))

    def _learn(self, state: State, char: str) -> State | None:
        """Where a character leads to; None where the expression was found before it."""
        if self.learned >= MOST_WAYS:
            self._forget()
        self.learned += 1
        kind = WORD if char == "_" or (char.isascii() and char.isalnum()) else OTHER
        reached = self._reach(state, kind)
        state.ways[char] = following = None if 0 in reached else self._after(reached, char, kind)
        return following

    def _after(self, reached: set[int], char: str, kind: str) -> State:
        onward = {self.first}  # it may begin anywhere
        for number in reached:
            step = self.steps[number]
            if isinstance(step.test, Chars) and step.test.holds(char):
                onward.update(step.onward)
        return self._state(frozenset(onward), kind)

    def _reach(self, state: State, after: str) -> set[int]:
        """All steps that can be reached without a character, between the one before and the one after."""
        reached: set[int] = set()
        waiting = list(state.steps)
        while waiting:
            number = waiting.pop()
            if number in reached:
                continue
            reached.add(number)
            step = self.steps[number]
            if step.test is None or (isinstance(step.test, Border) and _is_at(step.test, state.before, after)):
                waiting += step.onward
        return reached


def _is_at(border: Border, before: str, after: str) -> bool:
    if border.kind == "start":
        return before == START
    if border.kind == "end":
        return after == END
    return ((before == WORD) != (after == WORD)) is (border.kind == "edge")


def literals(tree: Node) -> frozenset[str] | None:
    """Each match holds at least one of these; most texts hold none, and need no closer look. None: none are known."""
    if isinstance(tree, Choice):
        branches = [literals(branch) for branch in tree.branches]
        union = frozenset().union(*(branch for branch in branches if branch))
        return union if None not in branches and len(union) <= MOST_LITERALS else None
    if isinstance(tree, Repeat):
        return literals(tree.part) if tree.least else None
    candidates = _runs(tree.parts if isinstance(tree, Sequence) else (tree,))
    return max(candidates, key=lambda texts: min(map(len, texts)), default=None)


def _runs(parts: tuple[Node, ...]) -> list[frozenset[str]]:
    """What each part of a sequence needs, literals that follow each other taken together."""
    found, run = [], ""
    for part in parts:
        if isinstance(part, Chars) and (char := part.only()):
            run += char
            continue
        if isinstance(part, Border):
            continue
        found += [frozenset({run})] if run else []
        run = ""
        inner = literals(part) if not isinstance(part, Chars) else None
        found += [inner] if inner else []
    return found + ([frozenset({run})] if run else [])
