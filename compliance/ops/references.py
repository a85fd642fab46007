"""Pure: whether everything that a template names is there: Ref, GetAtt, Sub, FindInMap, If, Condition, DependsOn."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from typing import Any

from compliance.ops.template import Template

PSEUDO = {
    f"AWS::{name}"
    for name in ("AccountId", "NotificationARNs", "NoValue", "Partition", "Region", "StackId", "StackName", "URLSuffix")
}
SECTIONS = ("Conditions", "Rules", "Resources", "Outputs")
VARIABLE = re.compile(r"\$\{(?!!)\s*([^}\s]+)\s*\}")


def dangling(template: Template) -> Iterator[tuple[str, str]]:
    """(where, what is wrong) for each name that leads nowhere."""
    for section in SECTIONS:
        part = template.tree.get(section)
        for name, tree in part.items() if isinstance(part, Mapping) else ():
            for what in _below(tree, template):
                yield f"{section}.{name}", what
    for name, resource in template.resources.items():
        for what in _around(resource, template):
            yield f"Resources.{name}", what
    for name, output in template.outputs.items():
        for what in _condition(output, template):
            yield f"Outputs.{name}", what


def _around(resource: Any, template: Template) -> Iterator[str]:
    """What stands beside the Properties of a resource."""
    if not isinstance(resource, Mapping) or not isinstance(resource.get("Type"), str):
        yield "is no resource: it has no Type"
        return
    yield from _condition(resource, template)
    needed = resource.get("DependsOn", [])
    for name in [needed] if isinstance(needed, str) else needed:
        if name not in template.resources:
            yield f"depends on {name}, which is no resource here"


def _condition(tree: Any, template: Template) -> Iterator[str]:
    name = tree.get("Condition") if isinstance(tree, Mapping) else None
    if isinstance(name, str) and name not in template.conditions:
        yield f"needs the condition {name}, which is not there"


def _below(tree: Any, template: Template) -> Iterator[str]:
    if isinstance(tree, list):
        for part in tree:
            yield from _below(part, template)
    elif isinstance(tree, Mapping):
        for key, value in tree.items():
            yield from _named(str(key), value, template)
            yield from _below(value, template)


def _named(key: str, value: Any, template: Template) -> Iterator[str]:
    if key == "Ref" and isinstance(value, str):
        yield from _ref(value, template)
    elif key == "Fn::GetAtt" and isinstance(value, list) and value and isinstance(value[0], str):
        yield from _attribute(value[0], template)
    elif key == "Fn::Sub":
        yield from _sub(value, template)
    elif key == "Fn::FindInMap" and isinstance(value, list) and value and isinstance(value[0], str):
        if value[0] not in (template.tree.get("Mappings") or {}):
            yield f"looks into the mapping {value[0]}, which is not there"
    elif key == "Fn::If" and isinstance(value, list):
        if len(value) != 3 or value[0] not in template.conditions:
            yield f"asks If for {value[0] if value else 'nothing'}, which is no condition here"
    elif key == "Fn::ImportValue":
        yield "imports a value: templates of a stack are joined by parameters that are named as outputs"


def _ref(name: str, template: Template) -> Iterator[str]:
    if name not in template.parameters and name not in template.resources and name not in PSEUDO:
        yield f"names {name}, which is neither a parameter nor a resource here"


def _attribute(name: str, template: Template) -> Iterator[str]:
    if name not in template.resources:
        yield f"takes an attribute of {name}, which is no resource here"


def _sub(value: Any, template: Template) -> Iterator[str]:
    text, own = value if isinstance(value, list) and len(value) == 2 else (value, {})
    for name in VARIABLE.findall(text) if isinstance(text, str) else ():
        if name in own:
            continue
        resource, dot, _ = name.partition(".")
        yield from _attribute(resource, template) if dot else _ref(name, template)
