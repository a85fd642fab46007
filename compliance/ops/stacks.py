"""stacks.toml: which templates make a stack, in which order, with which parameters."""

from __future__ import annotations

import difflib
import re
import tomllib
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from compliance.errors import WrongUsage
from compliance.ops.template import Template, read_template, scalar

FILE = "stacks.toml"
KNOWN = {"description": str, "templates": list, "parameters": dict}
STACK = "Stack"
IMAGE = "ImageUri"
SPECIAL = (STACK, IMAGE)
"""Parameters whose value is this program's to find: the stack's name, and the image by its digest."""
ASKED = ("Email",)
"""Parameters that only a person can give: no template and no file of ours may know them."""


@dataclass(frozen=True)
class Stack:
    """Its templates are deployed in this order, each as a CloudFormation stack of its own, and deleted in reverse."""

    name: str
    description: str
    templates: tuple[Template, ...]
    parameters: Mapping[str, str]

    def called(self, template: Template) -> str:
        """The name that CloudFormation knows it by."""
        return f"compliance-{self.name}-{template.name}"

    @property
    def declared(self) -> set[str]:
        return {name for template in self.templates for name in template.parameters}


def read_stacks(folder: Path) -> dict[str, Stack]:
    """Every stack of the folder's stacks.toml. WrongUsage names the file and what is wrong in it."""
    path = folder / FILE
    try:
        tables = tomllib.loads(path.read_text(encoding="utf-8"))
    except OSError as error:
        raise WrongUsage(f"Cannot read {path} ({error.strerror}).") from error
    except (tomllib.TOMLDecodeError, UnicodeDecodeError) as error:
        raise WrongUsage(f"{path} is not TOML: {error}.") from error
    templates: dict[str, Template] = {}
    return {name: _stack(name, table, folder, templates) for name, table in tables.items()}


def choose(stacks: Mapping[str, Stack], name: str) -> Stack:
    if name not in stacks:
        near = difflib.get_close_matches(name, stacks, 1)
        meant = f"did you mean {near[0]!r}?" if near else f"{FILE} has {', '.join(stacks)}."
        raise WrongUsage(f"There is no stack {name!r}; {meant}")
    return stacks[name]


def parse_given(texts: list[str], stack: Stack) -> dict[str, str]:
    """`Key=Value` of the command line; WrongUsage for a key that no template of the stack declares."""
    given = {}
    for text in texts:
        name, equals, value = text.partition("=")
        if not equals:
            raise WrongUsage(f"{text!r} is no parameter: write --parameter Key=Value.")
        if name == STACK:
            raise WrongUsage("The parameter Stack is the stack's name: choose it with --stack.")
        if name == IMAGE:
            raise WrongUsage("The parameter ImageUri is the image to run: name it with --image.")
        if name not in stack.declared:
            near = difflib.get_close_matches(name, stack.declared, 1)
            meant = f"did you mean {near[0]}?" if near else f"they take {', '.join(sorted(stack.declared))}."
            raise WrongUsage(f"No template of {stack.name} takes a parameter {name}; {meant}")
        given[name] = value
    return given


def _stack(name: str, table: Any, folder: Path, read: dict[str, Template]) -> Stack:
    where = f"{folder / FILE}: [{name}]"
    if not re.fullmatch(r"[A-Za-z][A-Za-z0-9-]{0,31}", name) or not isinstance(table, dict):
        raise WrongUsage(f"{where} is no stack: its name is letters, digits and dashes, and it is a table.")
    for key, value in table.items():
        if key not in KNOWN or not isinstance(value, KNOWN[key]):
            raise WrongUsage(f"{where} knows description (text), templates (list) and parameters (table), not {key}.")
    names = [str(one) for one in table.get("templates", [])]
    if not names or len(set(names)) != len(names):
        raise WrongUsage(f"{where} needs templates, each named once.")
    for one in names:
        if one not in read:
            read[one] = read_template(folder / f"{one}.yaml")
    parameters = {key: scalar(value) for key, value in table.get("parameters", {}).items()}
    return Stack(name, str(table.get("description", "")), tuple(read[one] for one in names), parameters)
