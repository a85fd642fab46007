"""Where a page ended, as an opaque text: its last item's sort key, and the moment that all its pages answer for."""

from __future__ import annotations

import base64
import binascii
from typing import Any

import msgspec

from compliance.errors import WrongUsage

LATEST = 4_102_444_800_000
_MOST = 2**63 - 1


def encode(at: int, key: list[Any]) -> str:
    return base64.urlsafe_b64encode(msgspec.json.encode([at, *key])).decode().rstrip("=")


def decode(text: str, *types: type) -> tuple[int, list[Any]]:
    """The moment and the key; WrongUsage for what no page gave out."""
    try:
        found = msgspec.json.decode(base64.urlsafe_b64decode(text + "=" * (-len(text) % 4)), type=list[Any])
        at, *key = found
        if [type(part) for part in (at, *key)] != [int, *types] or not 0 <= at <= LATEST:
            raise ValueError
        if any(isinstance(part, int) and abs(part) > _MOST for part in key):
            raise ValueError
    except (ValueError, binascii.Error, msgspec.DecodeError):
        raise stranger() from None
    return at, key


def stranger() -> WrongUsage:
    return WrongUsage("This cursor is none of ours: take `next` of the page before, as it is.")


def after(columns: list[str], key: list[Any]) -> tuple[str, list[Any]]:
    """The SQL that goes on after a key, for both stores (row comparisons would scan on one of them)."""
    sql, args = f"{columns[-1]} > ?", [key[-1]]
    for column, value in reversed(list(zip(columns[:-1], key[:-1], strict=True))):
        sql, args = f"({column} > ? OR ({column} = ? AND {sql}))", [value, value, *args]
    return sql, args
