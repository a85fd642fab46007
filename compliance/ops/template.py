"""One CloudFormation template, read from its YAML with the short forms (`!Ref`, `!Sub`) written out."""

from __future__ import annotations

from collections.abc import Hashable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import yaml

from compliance.errors import WrongUsage

DATA = "data"
"""`Metadata: {compliance: {data: true}}`: what this template makes holds what nobody else has."""


@dataclass(frozen=True)
class Parameter:
    """`default` is None where the template has none: somebody has to give a value."""

    name: str
    type: str
    default: str | None
    allowed: tuple[str, ...] = ()
    pattern: str | None = None
    constraint: str | None = None
    limits: Mapping[str, float] = field(default_factory=dict)
    """MinLength, MaxLength, MinValue, MaxValue: those that are set."""
    secret: bool = False


@dataclass(frozen=True)
class Template:
    """`body` is what is sent, byte for byte; `tree` is the same as plain dicts and lists."""

    name: str
    body: str
    tree: Mapping[str, Any]
    parameters: Mapping[str, Parameter]

    @property
    def description(self) -> str:
        return str(self.tree.get("Description", ""))

    @property
    def resources(self) -> Mapping[str, Any]:
        return _section(self.tree, "Resources")

    @property
    def outputs(self) -> Mapping[str, Any]:
        return _section(self.tree, "Outputs")

    @property
    def conditions(self) -> Mapping[str, Any]:
        return _section(self.tree, "Conditions")

    @property
    def holds_data(self) -> bool:
        return bool(_section(_section(self.tree, "Metadata"), "compliance").get(DATA))


def read_template(path: Path) -> Template:
    try:
        return parse_template(path.stem, path.read_text(encoding="utf-8"))
    except OSError as error:
        raise WrongUsage(f"Cannot read the template {path} ({error.strerror}).") from error
    except UnicodeDecodeError as error:
        raise WrongUsage(f"{path} is not UTF-8.") from error


def parse_template(name: str, body: str) -> Template:
    """WrongUsage for what is no YAML, or is no template at all."""
    try:
        # The loader below is a SafeLoader: it makes nothing but dicts, lists and scalars.
        tree = yaml.load(body, Loader=_Loader)  # noqa: S506
    except yaml.YAMLError as error:
        raise WrongUsage(f"{name}.yaml is not YAML: {' '.join(str(error).split())}.") from error
    if not isinstance(tree, dict) or not isinstance(tree.get("Resources"), dict):
        raise WrongUsage(f"{name}.yaml is no CloudFormation template: it has no Resources.")
    declared = _section(tree, "Parameters")
    return Template(name, body, tree, {key: _parameter(key, value) for key, value in declared.items()})


def scalar(value: Any) -> str:
    """A parameter's value as CloudFormation takes it: `true`, `3`, `a,b`."""
    if isinstance(value, bool):
        return str(value).lower()
    if isinstance(value, list):
        return ",".join(scalar(one) for one in value)
    return str(value)


def _section(tree: Mapping[str, Any], name: str) -> Mapping[str, Any]:
    found = tree.get(name)
    return found if isinstance(found, dict) else {}


def _parameter(name: str, value: Any) -> Parameter:
    told = value if isinstance(value, dict) else {}
    return Parameter(
        name=name,
        type=str(told.get("Type", "String")),
        default=scalar(told["Default"]) if "Default" in told else None,
        allowed=tuple(scalar(one) for one in told.get("AllowedValues") or ()),
        pattern=told.get("AllowedPattern"),
        constraint=told.get("ConstraintDescription"),
        limits={key: float(told[key]) for key in ("MinLength", "MaxLength", "MinValue", "MaxValue") if key in told},
        secret=scalar(told.get("NoEcho", False)) == "true",
    )


class _Loader(yaml.SafeLoader):
    """Knows CloudFormation's tags, takes no key twice, and leaves dates (`Version: 2012-10-17`) as they are written."""

    yaml_implicit_resolvers = {  # noqa: RUF012
        first: [(tag, pattern) for tag, pattern in resolvers if tag != "tag:yaml.org,2002:timestamp"]
        for first, resolvers in yaml.SafeLoader.yaml_implicit_resolvers.items()
    }

    def construct_mapping(self, node: yaml.MappingNode, deep: bool = False) -> dict[Hashable, Any]:
        seen = set()
        for key, _ in node.value:
            if key.value in seen:
                raise yaml.constructor.ConstructorError(None, None, f"the key {key.value} twice", key.start_mark)
            seen.add(key.value)
        return super().construct_mapping(node, deep)


def _short_form(loader: _Loader, suffix: str, node: yaml.Node) -> Any:
    if isinstance(node, yaml.ScalarNode):
        value: Any = loader.construct_scalar(node)
    elif isinstance(node, yaml.SequenceNode):
        value = loader.construct_sequence(node, deep=True)
    else:
        assert isinstance(node, yaml.MappingNode)
        value = loader.construct_mapping(node, deep=True)
    if suffix == "GetAtt" and isinstance(value, str):
        value = value.split(".", 1)
    return {suffix if suffix in {"Ref", "Condition"} else f"Fn::{suffix}": value}


_Loader.add_multi_constructor("!", _short_form)
