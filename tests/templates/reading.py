"""The templates as plain dicts, as written and as they are in a stack, and the scripts that they hold."""

from __future__ import annotations

import tomllib
from collections.abc import Iterator, Mapping
from functools import cache
from pathlib import Path
from typing import Any

from compliance.ops.conditions import evaluate
from compliance.ops.template import read_template

FOLDER = Path(__file__).parents[2] / "templates" / "cloudformation"
NAMES = sorted(path.stem for path in FOLDER.glob("*.yaml"))
STACKS: dict[str, Any] = tomllib.loads((FOLDER / "stacks.toml").read_text(encoding="utf-8"))
IN_STACKS = [(stack, name) for stack, table in STACKS.items() for name in table["templates"]]
DIGEST = "sha256:" + "5" * 64
IMAGE = f"123456789012.dkr.ecr.eu-west-1.amazonaws.com/compliance-prod@{DIGEST}"

NOTHING = {"Ref": "AWS::NoValue"}

# What only a person or AWS knows, so that every part of every template is there to be looked at.
CHOSEN = {
    "ImageUri": IMAGE,
    "Email": "ana@example.com",
    "CertificateArn": "arn:aws:acm:eu-west-1:123456789012:certificate/0a1b",
    "HostName": "compliance.example.com",
    "HostedZoneId": "Z0123456789",
    "SampleInstance": "yes",
}


def text_of(name: str) -> str:
    return (FOLDER / f"{name}.yaml").read_text(encoding="utf-8")


@cache
def template(name: str) -> Mapping[str, Any]:
    return read_template(FOLDER / f"{name}.yaml").tree


def resources(*types: str) -> Iterator[tuple[str, dict[str, Any]]]:
    """(template.resource, resource) of every template, of these types or of all."""
    for name in NAMES:
        for logical, resource in template(name)["Resources"].items():
            if not types or resource["Type"] in types:
                yield f"{name}.{logical}", resource


def settings(stack: str, name: str) -> dict[str, Any]:
    """The parameters of a template in a stack, as far as they are known without AWS."""
    given = {"Stack": stack, **CHOSEN, **STACKS[stack].get("parameters", {})}
    return {
        key: given.get(key, parameter.get("Default", f"a-{key}"))
        for key, parameter in template(name)["Parameters"].items()
    }


def filled(stack: str, name: str) -> dict[str, Any]:
    """As it is in a stack: parameters where they stand by themselves (`true` is true, a list a list), Ifs decided."""
    whole = read_template(FOLDER / f"{name}.yaml")
    values = settings(stack, name)
    truth = evaluate(whole, {key: str(value) for key, value in values.items()})

    def value(parameter: str) -> Any:
        kind, text = whole.tree["Parameters"][parameter]["Type"], values[parameter]
        if kind.startswith("List<"):
            return [f"{text}-{zone}" for zone in "ab"]
        return {"true": True, "false": False}.get(text, text)

    def fill(part: Any) -> Any:
        if isinstance(part, dict):
            if set(part) == {"Ref"} and part["Ref"] in values:
                return value(part["Ref"])
            if set(part) == {"Fn::If"} and truth.get(part["Fn::If"][0]) is not None:
                return fill(part["Fn::If"][1 if truth[part["Fn::If"][0]] else 2])
            return {key: made for key, below in part.items() if (made := fill(below)) != NOTHING}
        return [made for below in part if (made := fill(below)) != NOTHING] if isinstance(part, list) else part

    return {**whole.tree, "Resources": fill(whole.tree["Resources"])}


def below(tree: Any) -> Iterator[Any]:
    """The tree and everything in it."""
    yield tree
    for part in tree.values() if isinstance(tree, dict) else tree if isinstance(tree, list) else ():
        yield from below(part)


def listed(value: Any) -> list[Any]:
    return value if isinstance(value, list) else [value]
