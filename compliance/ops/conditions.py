"""Pure: a template's Conditions, with the parameters as far as they are known: true, false, or None for unknown."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

from compliance.ops.template import Template, scalar

COMING = "\0"
"""Stands for a value that will be there, but is not yet: it is something, and so not the empty text."""


def evaluate(template: Template, known: Mapping[str, str]) -> dict[str, bool | None]:
    """Every condition by its name; `known` holds parameters and pseudo parameters (`AWS::Region`)."""
    names = template.conditions
    return {name: _truth(tree, names, known, (name,)) for name, tree in names.items()}


def made(template: Template, known: Mapping[str, str]) -> dict[str, bool | None]:
    """Whether each resource would be there: True, False, or None where that hangs on what is not known yet."""
    truth = evaluate(template, known)
    return {
        name: truth.get(resource["Condition"]) if resource.get("Condition") else True
        for name, resource in template.resources.items()
    }


def present_outputs(template: Template, known: Mapping[str, str]) -> dict[str, bool | None]:
    """The outputs that are there, or (None) may be; one whose condition is false is left out."""
    truth = evaluate(template, known)
    found = {
        name: truth.get(output["Condition"]) if output.get("Condition") else True
        for name, output in template.outputs.items()
    }
    return {name: there for name, there in found.items() if there is not False}


def _truth(tree: Any, names: Mapping[str, Any], known: Mapping[str, str], asked: tuple[str, ...]) -> bool | None:
    if not isinstance(tree, Mapping) or len(tree) != 1:
        return None
    ((function, argument),) = tree.items()
    if function == "Condition":
        # A circle of conditions has no answer.
        return None if argument in asked else _truth(names.get(argument), names, known, (*asked, argument))
    if function == "Fn::Equals" and isinstance(argument, list) and len(argument) == 2:
        one, other = (_text(side, known) for side in argument)
        if one is None or other is None or (COMING in (one, other) and "" not in (one, other)):
            return None
        return one == other
    if function in _JOINTS and isinstance(argument, list):
        return _JOINTS[function]([_truth(part, names, known, asked) for part in argument])
    return None


def _text(side: Any, known: Mapping[str, str]) -> str | None:
    if isinstance(side, Mapping):
        return known.get(side["Ref"]) if set(side) == {"Ref"} else None
    return scalar(side)


def _not(parts: list[bool | None]) -> bool | None:
    return None if len(parts) != 1 or parts[0] is None else not parts[0]


def _and(parts: list[bool | None]) -> bool | None:
    return False if False in parts else None if None in parts else True


def _or(parts: list[bool | None]) -> bool | None:
    return True if True in parts else None if None in parts else False


_JOINTS: Mapping[str, Callable[[list[bool | None]], bool | None]] = {
    "Fn::Not": _not,
    "Fn::And": _and,
    "Fn::Or": _or,
}
