"""The API's own description: /schema/openapi.json, and a page made from it that loads nothing from elsewhere."""

from __future__ import annotations

from html import escape
from typing import Any

from litestar import Request
from litestar.openapi.plugins import OpenAPIRenderPlugin

STYLE = (
    "body{font:16px/1.5 system-ui,sans-serif;max-width:60rem;margin:2rem auto;padding:0 1rem;color:#1b1f24}"
    "code{background:#f2f4f6;padding:.1rem .3rem;border-radius:.2rem}"
    "section{border-top:1px solid #d5dae0;padding:.6rem 0}"
    "b{display:inline-block;min-width:4rem;color:#0b6b50}table{border-collapse:collapse}td{padding:.1rem 1rem .1rem 0}"
)


class SchemaPage(OpenAPIRenderPlugin):
    """Every operation with its parameters, as plain HTML."""

    def __init__(self) -> None:
        super().__init__(path="/")

    def render(self, request: Request[Any, Any, Any], openapi_schema: dict[str, Any]) -> bytes:
        parts = [
            _operation(path, method, operation)
            for path, item in sorted(openapi_schema["paths"].items())
            for method, operation in item.items()
            if isinstance(operation, dict)
        ]
        info = openapi_schema["info"]
        title = f"{escape(info['title'])} {escape(info['version'])}"
        head = f"<!doctype html><html lang=en><meta charset=utf-8><title>{title}</title><style>{STYLE}</style>"
        intro = "For programs: <a href='/schema/openapi.json'>openapi.json</a>."
        return f"{head}<h1>{title}</h1><p>{intro}</p>{''.join(parts)}".encode()


def _operation(path: str, method: str, operation: dict[str, Any]) -> str:
    rows = "".join(_parameter(parameter) for parameter in operation.get("parameters", []))
    table = f"<table>{rows}</table>" if rows else ""
    text = escape(operation.get("description") or operation.get("summary") or "")
    return f"<section><b>{method.upper()}</b> <code>{escape(path)}</code><p>{text}</p>{table}</section>"


def _parameter(parameter: dict[str, Any]) -> str:
    name, place = escape(parameter["name"]), escape(parameter["in"])
    return f"<tr><td><code>{name}</code><td>{place}<td>{escape(parameter.get('description') or '')}</tr>"
