"""Pure: what can be proved of the stacks without AWS: references, wiring, order, values."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass

from compliance.ops.conditions import present_outputs
from compliance.ops.references import dangling
from compliance.ops.stacks import ASKED, FILE, IMAGE, SPECIAL, Stack
from compliance.ops.template import Template
from compliance.ops.wiring import Source, Value, objection, wire

MOST_BYTES = 51_200
"""Of a template that travels in the call itself; a larger one would need a bucket."""
SOMEWHERE = "(a value of AWS)"


@dataclass(frozen=True)
class Complaint:
    """`template` is the file's stem, or stacks.toml."""

    stack: str
    template: str
    where: str
    what: str


@dataclass(frozen=True)
class Wired:
    """A template of a stack with the sources of its parameters."""

    stack: str
    template: str
    resources: int
    values: Mapping[str, Value]
    holds_data: bool

    def count(self, *sources: Source) -> int:
        return sum(value.source in sources for value in self.values.values())

    @property
    def asked(self) -> list[str]:
        """What the person who deploys has to give."""
        return [name for name, value in self.values.items() if value.source is Source.missing and name in ASKED]


def wired(stack: Stack, given: Mapping[str, str]) -> list[Wired]:
    outputs: dict[str, str] = {}
    found = []
    for template in stack.templates:
        values = wire(stack, template, given, outputs, image=SOMEWHERE)
        found.append(Wired(stack.name, template.name, len(template.resources), values, template.holds_data))
        known = {name: value.text for name, value in values.items() if value.text not in (None, SOMEWHERE)}
        outputs |= dict.fromkeys(present_outputs(template, known), SOMEWHERE)
    return found


def complaints(stack: Stack, given: Mapping[str, str]) -> list[Complaint]:
    """Nothing, where the stack holds together."""
    found = [Complaint(stack.name, FILE, name, what) for name, what in _file(stack)]
    for template, wiring in zip(stack.templates, wired(stack, given), strict=True):
        found += [Complaint(stack.name, template.name, where, what) for where, what in _own(template)]
        found += [Complaint(stack.name, template.name, name, what) for name, what in _values(stack, template, wiring)]
    return found


def _own(template: Template) -> Iterator[tuple[str, str]]:
    """What is wrong with a template by itself."""
    size = len(template.body.encode())
    if size > MOST_BYTES:
        yield "", f"is {size:,} bytes long; CloudFormation takes {MOST_BYTES:,}"
    if not template.description:
        yield "Description", "is missing"
    yield from dangling(template)


def _file(stack: Stack) -> Iterator[tuple[str, str]]:
    for name in stack.parameters:
        if name in SPECIAL:
            yield name, "is found by this program, and cannot stand in the file"
        elif name not in stack.declared:
            yield name, "is a parameter of no template of this stack"
    makers: dict[str, str] = {}
    for template in stack.templates:
        for name in template.outputs:
            if name in makers:
                yield name, f"is an output of both {makers[name]} and {template.name}: a parameter could mean either"
            makers.setdefault(name, template.name)


def _values(stack: Stack, template: Template, wiring: Wired) -> Iterator[tuple[str, str]]:
    for name, value in wiring.values.items():
        if value.source is Source.missing and name not in (*ASKED, IMAGE):
            yield name, f"has no value: {_why_missing(stack, template, name)}"
        elif value.text not in (None, SOMEWHERE) and value.source is not Source.output:
            wrong = objection(template.parameters[name], value.text)
            if wrong:
                yield name, f"{wrong} (from {value.source})"


def _why_missing(stack: Stack, template: Template, name: str) -> str:
    for other in stack.templates:
        if name in other.outputs:
            if other is template:
                return "it is an output of this same template"
            after = stack.templates.index(other) > stack.templates.index(template)
            return f"it is an output of {other.name}, which " + (
                "comes later" if after else "does not have it under these parameters"
            )
    return f"no earlier template has an output of this name, and neither {FILE} nor a Default gives one"
