"""Pure: where each parameter of a template takes its value from. What is named alike is joined.

`--parameter` over stacks.toml over the output of the same name of an earlier template over what was given at an earlier
deployment over the template's own Default.
"""

from __future__ import annotations

import re
from collections.abc import Collection, Mapping
from dataclasses import dataclass
from enum import StrEnum

from compliance.ops.stacks import FILE, IMAGE, SPECIAL, STACK, Stack
from compliance.ops.template import Parameter, Template


class Source(StrEnum):
    """Where a value comes from, in the words of a table."""

    special = "ours"
    given = "--parameter"
    file = FILE
    output = "output"
    kept = "kept"
    default = "default"
    missing = "missing"


@dataclass(frozen=True)
class Value:
    """`text` is None where it is not known here: what is kept stays with AWS, an output may be yet to come."""

    source: Source
    text: str | None = None

    @property
    def is_to_come(self) -> bool:
        return self.source is Source.output and self.text is None


def known(values: Mapping[str, Value]) -> dict[str, str]:
    return {name: value.text for name, value in values.items() if value.text is not None}


def wire(
    stack: Stack,
    template: Template,
    given: Mapping[str, str],
    outputs: Mapping[str, str | None],
    image: str | None = None,
    kept: Collection[str] = (),
) -> dict[str, Value]:
    """A Value for every parameter. `outputs` are earlier templates', `kept` need not be said again."""
    special: dict[str, str | None] = {STACK: stack.name, **({IMAGE: image} if image else {})}
    layers: tuple[tuple[Source, Mapping[str, str | None]], ...] = (
        (Source.special, special),
        (Source.given, given),
        (Source.file, stack.parameters),
        (Source.output, outputs),
    )

    def value(parameter: Parameter) -> Value:
        for source, layer in layers:
            if parameter.name in layer and (source is Source.special or parameter.name not in SPECIAL):
                return Value(source, layer[parameter.name])
        if parameter.name in kept:
            return Value(Source.kept)
        if parameter.default is not None:
            return Value(Source.default, parameter.default)
        return Value(Source.missing)

    return {parameter.name: value(parameter) for parameter in template.parameters.values()}


def kept_parameters(template: Template, deployed: Mapping[str, str], defaults: Mapping[str, str]) -> set[str]:
    """What was given at an earlier deployment: it differs from the Default that the deployed template had.

    So a size that was chosen once survives the next upgrade, and a new Default of a new version arrives.
    """
    return {
        name
        for name, value in deployed.items()
        if name in template.parameters and value != defaults.get(name, object())
    }


def objection(parameter: Parameter, text: str) -> str | None:
    """Why CloudFormation would refuse this value, as far as the template tells."""
    if parameter.allowed and text not in parameter.allowed:
        return f"has to be one of {', '.join(parameter.allowed)}, not {_shown(parameter, text)}"
    if parameter.pattern and not re.fullmatch(parameter.pattern, text):
        return parameter.constraint or f"does not match {parameter.pattern}: {_shown(parameter, text)}"
    measured: float = len(text)
    if parameter.type == "Number":
        try:
            measured = float(text)
        except ValueError:
            return f"has to be a number, not {_shown(parameter, text)}"
    kind = "Value" if parameter.type == "Number" else "Length"
    least, most = parameter.limits.get(f"Min{kind}"), parameter.limits.get(f"Max{kind}")
    what = "has to be" if parameter.type == "Number" else "needs a length of"
    if least is not None and measured < least:
        return f"{what} at least {least:g}"
    if most is not None and measured > most:
        return f"{what} at most {most:g}"
    return None


def _shown(parameter: Parameter, text: str) -> str:
    return "what was given" if parameter.secret else repr(text)
