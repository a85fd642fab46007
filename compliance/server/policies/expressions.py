"""Regular expressions in a form that can be matched in linear time: text in, tree out.

The syntax is the common part of what people write: literals, `.`, classes, groups, `|`, `* + ? {m,n}`, `^`, `$`, `\\b`,
`\\d \\w \\s` and their opposites, `(?i)` at the start. Back references and look-around are refused: no linear matcher
has them. `.` is any character, a line's end too, for a command line is one text; classes are those of ASCII.
"""

from __future__ import annotations

from typing import Literal, NamedTuple

LONGEST = 500
"""Characters of an expression."""
MOST_REPEATS = 200
"""In `{m,n}`: each is a copy of what is repeated."""
DEEPEST = 50
"""Groups in groups."""

Ranges = tuple[tuple[str, str], ...]


class NotUnderstood(ValueError):
    """The expression cannot be read; the message says where and why."""


class Chars(NamedTuple):
    """One character out of some, or out of all others."""

    ranges: Ranges
    negated: bool = False
    any_case: bool = False

    def holds(self, char: str) -> bool:
        """`any_case`: the text was made lower case before."""
        found = any(low <= char <= high for low, high in self.ranges)
        if not found and self.any_case:
            upper = char.upper()
            found = upper.lower() == char and any(low <= upper <= high for low, high in self.ranges)
        return found is not self.negated

    def only(self) -> str:
        """The character, where it can be but one; else nothing."""
        if self.negated or len(self.ranges) != 1 or self.ranges[0][0] != self.ranges[0][1]:
            return ""
        char = self.ranges[0][0]
        return char.lower() if self.any_case else char


class Border(NamedTuple):
    """A place between characters: the start, the end, the edge of a word, or no edge of a word."""

    kind: Literal["start", "end", "edge", "inside"]


class Sequence(NamedTuple):
    parts: tuple[Node, ...]


class Choice(NamedTuple):
    branches: tuple[Node, ...]


class Repeat(NamedTuple):
    part: Node
    least: int
    most: int | None


Node = Chars | Border | Sequence | Choice | Repeat

DIGITS: Ranges = (("0", "9"),)
WORDS: Ranges = (("0", "9"), ("A", "Z"), ("_", "_"), ("a", "z"))
SPACES: Ranges = (("\t", "\r"), (" ", " "))
CLASSES = {"d": DIGITS, "w": WORDS, "s": SPACES}
CONTROLS = {"t": "\t", "n": "\n", "r": "\r", "f": "\f", "v": "\v", "0": "\0"}
BORDERS: dict[str, Border] = {"b": Border("edge"), "B": Border("inside"), "A": Border("start"), "Z": Border("end")}
SIGNS: dict[str, tuple[int, int | None]] = {"*": (0, None), "+": (1, None), "?": (0, 1)}
ANY = Chars((), negated=True)


def parse(text: str, any_case: bool = False) -> tuple[Node, bool]:
    """The tree, and whether case is ignored (as asked, or by a leading `(?i)`). NotUnderstood."""
    if len(text) > LONGEST:
        raise NotUnderstood(f"is longer than {LONGEST} characters")
    if text.startswith("(?i)"):
        any_case = True
    reader = _Reader(text, 4 if text.startswith("(?i)") else 0, any_case)
    tree = reader.choice()
    if reader.at < len(text):
        raise reader.complaint("a `)` closes nothing")
    return tree, any_case


class _Reader:
    """Reads from left to right; `at` is the next character."""

    def __init__(self, text: str, at: int, any_case: bool) -> None:
        self.text, self.at, self.any_case = text, at, any_case
        self.depth = 0

    def complaint(self, why: str) -> NotUnderstood:
        return NotUnderstood(f"cannot be read at character {self.at + 1}: {why}")

    def peek(self) -> str:
        return self.text[self.at] if self.at < len(self.text) else ""

    def take(self) -> str:
        char = self.peek()
        if not char:
            raise self.complaint("it ends too early")
        self.at += 1
        return char

    def choice(self) -> Node:
        branches = [self.sequence()]
        while self.peek() == "|":
            self.at += 1
            branches.append(self.sequence())
        return branches[0] if len(branches) == 1 else Choice(tuple(branches))

    def sequence(self) -> Node:
        parts: list[Node] = []
        while self.peek() not in ("", "|", ")"):
            parts.extend(self.repeated())
        return parts[0] if len(parts) == 1 else Sequence(tuple(parts))

    def repeated(self) -> list[Node]:
        parts = self.atom()
        count = self.count()
        if count is None:
            return parts
        if isinstance(parts[-1], Border):
            raise self.complaint("a place between characters cannot be repeated")
        parts[-1] = Repeat(parts[-1], *count)
        if self.peek() == "?":  # lazy: the same for a yes or no
            self.at += 1
        if self.count() is not None:
            raise self.complaint("a repeat of a repeat needs brackets")
        return parts

    def count(self) -> tuple[int, int | None] | None:
        char = self.peek()
        if char in SIGNS:
            self.at += 1
            return SIGNS[char]
        end = self.text.find("}", self.at)
        if char != "{" or end < 0:
            return None
        low, comma, high = self.text[self.at + 1 : end].partition(",")
        if not (low.isascii() and low.isdigit()) or (high and not (high.isascii() and high.isdigit())):
            return None  # as in other dialects: a brace that counts nothing is a brace
        least, most = int(low), int(high) if high else None if comma else int(low)
        if max(least, most or 0) > MOST_REPEATS or (most is not None and most < least):
            raise self.complaint(f"a count goes from low to high, {MOST_REPEATS} at most")
        self.at = end + 1
        return least, most

    def atom(self) -> list[Node]:
        first = self.at
        if self.count() is not None:
            self.at = first
            raise self.complaint("there is nothing to repeat")
        char = self.take()
        if char == "(":
            return [self.group()]
        if char == "[":
            return [self.one_of()]
        if char == ".":
            return [ANY]
        if char in "^$":
            return [Border("start" if char == "^" else "end")]
        return self.escape() if char == "\\" else self.literal(char)

    def literal(self, char: str) -> list[Node]:
        """More than one where lower case is longer (`İ`)."""
        return [Chars(((one, one),)) for one in (char.lower() if self.any_case else char)]

    def group(self) -> Node:
        if self.peek() == "?":
            if self.text[self.at : self.at + 2] != "?:":
                raise self.complaint("look-around, names and flags in a group are not supported; `(?:...)` is")
            self.at += 2
        self.depth += 1
        if self.depth > DEEPEST:
            raise self.complaint(f"more than {DEEPEST} groups in groups")
        inner = self.choice()
        self.depth -= 1
        if self.peek() != ")":
            raise self.complaint("a `(` is never closed")
        self.at += 1
        return inner

    def escape(self) -> list[Node]:
        char = self.take()
        if char in BORDERS:
            return [BORDERS[char]]
        if char.lower() in CLASSES:
            return [Chars(CLASSES[char.lower()], negated=char.isupper())]
        return self.literal(self.plain_escape(char))

    def plain_escape(self, char: str) -> str:
        if char in CONTROLS:
            return CONTROLS[char]
        if char == "x":
            digits = self.text[self.at : self.at + 2]
            if len(digits) < 2 or any(one not in "0123456789abcdefABCDEF" for one in digits):
                raise self.complaint("`\\x` needs two hexadecimal digits")
            self.at += 2
            return chr(int(digits, 16))
        if char.isalnum():
            raise self.complaint(f"`\\{char}` is not supported (no back references; `\\b \\d \\s \\w` are)")
        return char

    def one_of(self) -> Chars:
        negated = self.peek() == "^"
        self.at += negated
        ranges: list[tuple[str, str]] = []
        while self.peek() != "]" or not ranges:
            low = self.member(ranges)
            if low is None:
                continue
            high = low
            if self.peek() == "-" and self.text[self.at + 1 : self.at + 2] not in ("", "]"):
                self.at += 1
                high = self.member(None) or low
            if high < low:
                raise self.complaint(f"the range `{low}-{high}` is backwards")
            ranges.append((low, high))
        self.at += 1
        return Chars(tuple(ranges), negated, self.any_case)

    def member(self, ranges: list[tuple[str, str]] | None) -> str | None:
        """A character; None where a whole class (`\\d`) was put into the ranges."""
        char = self.take()
        if char != "\\":
            return char
        char = self.take()
        if char in CLASSES and ranges is not None:
            ranges.extend(CLASSES[char])
            return None
        if char.lower() in CLASSES:
            raise self.complaint(f"`\\{char}` cannot stand here")
        return self.plain_escape(char)
