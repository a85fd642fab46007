"""From what msgspec says of a document to a sentence for whoever wrote it, with what was probably meant."""

from __future__ import annotations

import difflib
import re
from collections.abc import Iterator
from functools import cache
from typing import Any

from msgspec import inspect

from compliance.server.policies.policy import Policy

Path = tuple[str | int, ...]

PLACE = re.compile(r" - at `\$(.*)`$")
STEP = re.compile(r"\[(\d+)\]|\[\.\.\.\]|\.([^.\[]+)")
WORDS = {"str": "text", "int": "a whole number", "float": "a number", "bool": "true or false"}
WORDS |= {"object": "fields", "array": "a list", "null": "nothing", "date": "a date", "datetime": "a moment"}


def explain(complaint: str, document: Any) -> tuple[str, Path]:
    """The sentence, and the place in the document that it is about."""
    found = PLACE.search(complaint)
    path = _path(found[1]) if found else ()
    text = complaint[: found.start()] if found else complaint
    for form, say in FORMS:
        match = re.fullmatch(form, text, re.DOTALL)
        if match:
            return say(match, document, path)
    return f"{_field(path)}{text[:1].lower()}{text[1:]}", path


def _unknown_field(match: re.Match[str], document: Any, path: Path) -> tuple[str, Path]:
    names = sorted(_known_fields(document, path))
    return f"there is no field `{match[1]}` here; {_meant(match[1], names)}", (*path, match[1])


def _missing_field(match: re.Match[str], document: Any, path: Path) -> tuple[str, Path]:
    if match[1] == "kind":
        kinds = [tag for struct in _structs_at(document, path) if (tag := struct.tag) is not None]
        return f"the rule does not say its `kind`: {', '.join(sorted(map(str, kinds)))}", path
    return f"{_field(path)}the field `{match[1]}` is missing", path


def _unknown_kind(match: re.Match[str], document: Any, path: Path) -> tuple[str, Path]:
    kinds = sorted(str(struct.tag) for struct in _structs_at(document, path[:-1]))
    return f"there is no kind of rule `{match[1]}`; {_meant(match[1], kinds)}", path


def _unknown_word(match: re.Match[str], document: Any, path: Path) -> tuple[str, Path]:
    words = sorted(_words(_types_at(document, path)))
    return f"{_field(path)}there is no `{match[1]}`; {_meant(match[1], words)}", path


def _wrong_form(match: re.Match[str], document: Any, path: Path) -> tuple[str, Path]:
    descriptions = [told for info in _types_at(document, path) if (told := _description(info))]
    return f"{_field(path)}has to be: {descriptions[0] if descriptions else match[1]}", path


def _wrong_type(match: re.Match[str], document: Any, path: Path) -> tuple[str, Path]:
    wanted = " or ".join(dict.fromkeys(WORDS.get(word, word) for word in match[1].split(" | ") if word != "null"))
    return f"{_field(path)}has to be {wanted}, not {WORDS.get(match[2], match[2])}", path


FORMS = (
    (r"Object contains unknown field `(.*)`", _unknown_field),
    (r"Object missing required field `(.*)`", _missing_field),
    (r"Invalid value '(.*)'", _unknown_kind),
    (r"Invalid enum value '(.*)'", _unknown_word),
    (r"Expected `str` matching regex (.*)", _wrong_form),
    (r"Expected `([^`]*)`, got `([^`]*)`", _wrong_type),
)


def _meant(word: str, known: list[str]) -> str:
    near = difflib.get_close_matches(word, known, 1)
    if not near:
        near = [name for name in known if word.replace("_", "-") == name]
    return f"did you mean `{near[0]}`?" if near else f"known are {', '.join(known)}"


def _field(path: Path) -> str:
    names = [part for part in path if isinstance(part, str)]
    return f"`{names[-1]}`: " if names else ""


def _path(text: str) -> Path:
    """`.rule.of[0].name`; what stands below a `[...]` has no place of its own."""
    found: list[str | int] = []
    for match in STEP.finditer(text):
        if match[0] == "[...]":
            break
        found.append(int(match[1]) if match[1] else match[2])
    return tuple(found)


def _known_fields(document: Any, path: Path) -> set[str]:
    structs = list(_structs_at(document, path))
    return {field.encode_name for struct in structs for field in struct.fields} | {
        struct.tag_field for struct in structs if struct.tag_field
    }


def _structs_at(document: Any, path: Path) -> Iterator[inspect.StructType]:
    return (info for info in _types_at(document, path) if isinstance(info, inspect.StructType))


def _types_at(document: Any, path: Path) -> list[inspect.Type]:
    """The types that the value at that place may have; of rules the one that its `kind` names."""
    types, value = _open([_policy()], document), document
    for step in path:
        types = [inner for info in types for inner in _below(info, step)]
        value = _child(value, step)
        types = _open(types, value)
    return types


def _child(value: Any, step: str | int) -> Any:
    try:
        return value[step]
    except (KeyError, IndexError, TypeError):
        return None


def _open(types: list[inspect.Type], value: Any) -> list[inspect.Type]:
    """Without the wrappings; a tagged Struct only where the value's tag is its own or nobody's."""
    flat: list[inspect.Type] = []
    for info in types:
        if isinstance(info, inspect.Metadata):
            flat += _open([info.type], value) if not isinstance(info.type, inspect.StrType) else [info]
        elif isinstance(info, inspect.UnionType):
            flat += _open(list(info.types), value)
        else:
            flat.append(info)
    tag = value.get("kind") if isinstance(value, dict) else None
    own: list[inspect.Type] = [
        info for info in flat if isinstance(info, inspect.StructType) and info.tag == tag and tag is not None
    ]
    return own or flat


def _below(info: inspect.Type, step: str | int) -> list[inspect.Type]:
    if isinstance(info, inspect.StructType):
        return [field.type for field in info.fields if field.encode_name == step]
    if isinstance(info, inspect.VarTupleType | inspect.ListType):
        return [info.item_type]
    return [info.value_type] if isinstance(info, inspect.DictType) else []


def _words(types: list[inspect.Type]) -> set[str]:
    return {str(word) for info in types if isinstance(info, inspect.LiteralType) for word in info.values}


def _description(info: inspect.Type) -> str | None:
    extra = info.extra_json_schema if isinstance(info, inspect.Metadata) else None
    return extra.get("description") if extra else None


@cache
def _policy() -> inspect.Type:
    return inspect.type_info(Policy)
