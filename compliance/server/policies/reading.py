"""From the text of a YAML file to policies; what is wrong is told by file, line, and what was probably meant.

Every scalar is text until its field says what it is, so that YAML's own guesses (`no`, `3.10`, `22:22`) change nothing.
"""

from __future__ import annotations

import re
from typing import Any

import msgspec
import yaml
from msgspec import Struct

from compliance.server.policies.mistakes import explain
from compliance.server.policies.policy import Policy

LARGEST = 1_000_000
DEEPEST = 40
LOADER = getattr(yaml, "CSafeLoader", yaml.SafeLoader)

NULL = "tag:yaml.org,2002:null"

Path = tuple[str | int, ...]


class Problem(Struct, frozen=True, order=True):
    """A mistake in a file, for a person."""

    file: str
    line: int
    message: str

    def __str__(self) -> str:
        return f"{self.file}:{self.line}: {self.message}"


class Loaded(Struct, frozen=True):
    """A policy and where it stands."""

    policy: Policy
    file: str
    line: int


class _Wrong(Exception):
    """Line and message."""


def read(text: str, file: str) -> tuple[list[Loaded], list[Problem]]:
    """The documents of a file, each a policy. A mistake costs its own document only, unless it is one of the syntax."""
    loaded: list[Loaded] = []
    problems: list[Problem] = []
    if len(text) > LARGEST:
        return [], [Problem(file, 1, f"the file is larger than {LARGEST:,} characters: split it")]
    try:
        nodes = [node for node in yaml.compose_all(text, Loader=LOADER) if not _is_empty(node)]
    except yaml.MarkedYAMLError as error:
        mark = error.problem_mark or error.context_mark
        return [], [Problem(file, mark.line + 1 if mark else 1, f"this is not YAML: {_syntax(error)}")]
    except yaml.YAMLError as error:
        return [], [Problem(file, 1, f"this is not YAML: {str(error).splitlines()[0]}")]
    except RecursionError:
        return [], [Problem(file, 1, f"it is nested more than {DEEPEST} deep")]
    for node in nodes:
        try:
            loaded.append(Loaded(_policy(node), file, _line(node)))
        except _Wrong as wrong:
            problems.append(Problem(file, *wrong.args))
    return loaded, problems


def _policy(node: yaml.Node) -> Policy:
    lines: dict[Path, int] = {(): _line(node)}
    plain = _plain(node, (), lines, set())
    if not isinstance(plain, dict):
        raise _Wrong(_line(node), "a policy begins with its fields: `id: ...`")
    try:
        return msgspec.convert(plain, Policy, strict=False)
    except msgspec.ValidationError as error:
        message, path = explain(str(error), plain)
        raise _Wrong(_line_of(path, lines), message) from error


def _plain(node: yaml.Node, path: Path, lines: dict[Path, int], seen: set[int]) -> Any:
    """Mappings, lists and texts; `lines` learns where each stands."""
    if id(node) in seen:
        raise _Wrong(_line(node), "anchors and aliases (`&`, `*`) are not read: write it out")
    if len(path) > DEEPEST:
        raise _Wrong(_line(node), f"it is nested more than {DEEPEST} deep")
    seen.add(id(node))
    if isinstance(node, yaml.SequenceNode):
        for number, child in enumerate(node.value):
            lines[*path, number] = _line(child)
        return [_plain(child, (*path, number), lines, seen) for number, child in enumerate(node.value)]
    if isinstance(node, yaml.MappingNode):
        return _mapping(node, path, lines, seen)
    if node.tag == NULL:
        raise _Wrong(lines.get(path, _line(node)), f"{_name(path)} is empty: give it a value, or leave it out")
    return node.value


def _mapping(node: yaml.MappingNode, path: Path, lines: dict[Path, int], seen: set[int]) -> dict[str, Any]:
    found: dict[str, Any] = {}
    for key, value in node.value:
        if not isinstance(key, yaml.ScalarNode):
            raise _Wrong(_line(key), "a field's name is a word")
        if key.value in found:
            first = lines[*path, key.value]
            raise _Wrong(_line(key), f"`{key.value}` is given twice, first in line {first}")
        lines[*path, key.value] = _line(key)
        found[key.value] = _plain(value, (*path, key.value), lines, seen)
    return found


def _is_empty(node: yaml.Node) -> bool:
    """Of a document: a remark between two `---`."""
    return node.tag == NULL and node.value == ""


def _line(node: yaml.Node) -> int:
    return int(node.start_mark.line) + 1


def _line_of(path: Path, lines: dict[Path, int]) -> int:
    """That of the innermost part that has one."""
    return next(lines[path[:end]] for end in range(len(path), -1, -1) if path[:end] in lines)


def _name(path: Path) -> str:
    names = [part for part in path if isinstance(part, str)]
    return f"`{names[-1]}`" if names else "it"


def _syntax(error: yaml.MarkedYAMLError) -> str:
    """libyaml and PyYAML say the same in other words; one sentence of theirs is enough."""
    parts = [part for part in (error.context, error.problem) if part]
    return re.sub(r"\s+", " ", ", ".join(parts)) or "it cannot be read"
