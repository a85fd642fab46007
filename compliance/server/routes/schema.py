"""The API's own description: /schema/openapi.json, and a page made from it that loads nothing from elsewhere."""

from __future__ import annotations

from html import escape
from typing import Any

import msgspec
from litestar import Request
from litestar.openapi.plugins import JsonRenderPlugin, OpenAPIRenderPlugin
from litestar.openapi.spec import Components, SecurityScheme

from compliance.server.routes import original
from compliance.wire.answers import Problem
from compliance.wire.messages import Enrolled, Enrollment, Receipt, Report

STYLE = (
    "body{font:16px/1.5 system-ui,sans-serif;max-width:60rem;margin:2rem auto;padding:0 1rem;color:#1b1f24}"
    "code{background:#f2f4f6;padding:.1rem .3rem;border-radius:.2rem}"
    "section{border-top:1px solid #d5dae0;padding:.6rem 0}"
    "b{display:inline-block;min-width:4rem;color:#0b6b50}table{border-collapse:collapse}td{padding:.1rem 1rem .1rem 0}"
)


def _bearer(description: str) -> SecurityScheme:
    return SecurityScheme(type="http", scheme="bearer", description=description)


SECURITY = Components(
    security_schemes={
        "reading": _bearer("A key with the role read or admin."),
        "enrolling": _bearer("A key with the role enroll."),
        "reporting": _bearer("A host's own token, which it made when it enrolled."),
        "original": SecurityScheme(
            type="apiKey", security_scheme_in="header", name="x-api-key", description="A key with the role ingest."
        ),
    }
)
"""Who may call; `guard` names them."""
BODIES: dict[str, type[msgspec.Struct]] = {
    "/api/v1/enroll": Enrollment,
    "/api/v1/reports": Report,
    "/hosts": original.HostSaid,
    "/processes": original.ProcessesSaid,
    "/users": original.UsersSaid,
    "/cpus": original.CpuSaid,
}
"""What is posted: the handlers decode it themselves, so that their signatures do not tell."""
ANSWERS: dict[str, type[msgspec.Struct]] = {"/api/v1/enroll": Enrolled, "/api/v1/reports": Receipt}
_REFERENCE = "#/components/schemas/{name}"


def described(generated: dict[str, Any]) -> dict[str, Any]:
    """What the framework found, with what it cannot see: bodies, their answers, and that every error is a problem."""
    reference, schemas = _schemas([*BODIES.values(), *ANSWERS.values(), Problem])
    problem = _content(reference[Problem], "application/problem+json")
    paths: dict[str, Any] = {}
    for path, item in generated["paths"].items():
        paths[path] = {}
        for method, operation in item.items():
            answers = {status: answer for status, answer in operation["responses"].items() if status < "400"}
            if method == "post" and path in ANSWERS:
                answers["200"] = answers["200"] | _content(reference[ANSWERS[path]])
            answers["default"] = {"description": "What is wrong, and what to do.", **problem}
            paths[path][method] = operation | {"responses": answers}
            if method == "post" and path in BODIES:
                paths[path][method]["requestBody"] = {"required": True, **_content(reference[BODIES[path]])}
    components = generated["components"]
    return generated | {"paths": paths, "components": components | {"schemas": components["schemas"] | schemas}}


def _schemas(kinds: list[type[msgspec.Struct]]) -> tuple[dict[type[msgspec.Struct], Any], dict[str, Any]]:
    """A reference for each, and what they refer to."""
    references, schemas = msgspec.json.schema_components(kinds, ref_template=_REFERENCE)
    text = msgspec.json.encode(schemas).decode()
    for name in schemas:
        text = text.replace(f'"{name}"', f'"{_short(name)}"').replace(f'/{name}"', f'/{_short(name)}"')
    return dict(zip(kinds, references, strict=True)), msgspec.json.decode(text)


def _short(name: str) -> str:
    """`Change_Process__tuple_typing.Annotated_...` without its key's type."""
    return name.partition("__")[0]


def _content(schema: dict[str, Any], kind: str = "application/json") -> dict[str, Any]:
    return {"content": {kind: {"schema": schema}}}


class Description(JsonRenderPlugin):
    """For programs."""

    def render(self, request: Request[Any, Any, Any], openapi_schema: dict[str, Any]) -> bytes:
        return self.render_json(request, described(openapi_schema))


class SchemaPage(OpenAPIRenderPlugin):
    """Every operation with its parameters, as plain HTML."""

    def __init__(self) -> None:
        super().__init__(path="/")

    def render(self, request: Request[Any, Any, Any], openapi_schema: dict[str, Any]) -> bytes:
        schemes = openapi_schema["components"]["securitySchemes"]
        parts = [
            _operation(path, method, operation, schemes)
            for path, item in sorted(openapi_schema["paths"].items())
            for method, operation in item.items()
            if isinstance(operation, dict)
        ]
        info = openapi_schema["info"]
        title = f"{escape(info['title'])} {escape(info['version'])}"
        head = f"<!doctype html><html lang=en><meta charset=utf-8><title>{title}</title><style>{STYLE}</style>"
        intro = "For programs: <a href='/schema/openapi.json'>openapi.json</a>."
        return f"{head}<h1>{title}</h1><p>{intro}</p>{''.join(parts)}".encode()


def _operation(path: str, method: str, operation: dict[str, Any], schemes: dict[str, Any]) -> str:
    rows = "".join(_parameter(parameter) for parameter in operation.get("parameters", []))
    table = f"<table>{rows}</table>" if rows else ""
    text = escape(operation.get("description") or operation.get("summary") or "")
    needed = [schemes[name]["description"] for one in operation.get("security", []) for name in one]
    who = escape(" ".join(needed) or "Open to all.")
    head = f"<b>{method.upper()}</b> <code>{escape(path)}</code>"
    return f"<section>{head}<p>{text}</p><p><small>{who}</small></p>{table}</section>"


def _parameter(parameter: dict[str, Any]) -> str:
    name, place = escape(parameter["name"]), escape(parameter["in"])
    return f"<tr><td><code>{name}</code><td>{place}<td>{escape(parameter.get('description') or '')}</tr>"
