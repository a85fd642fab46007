"""Pure: the texts of statements. PyMySQL fills in values on this side, so a statement is one text, values included."""

import re
from collections.abc import Callable, Iterable, Iterator, Sequence
from functools import lru_cache
from typing import Any

from pymysql.converters import escape_string

from compliance.server.storage.pool import Row, Value

MAX_BYTES = 1_000_000
MAX_ROWS = 1000
MAX_UPDATES = 500
"""Rows of one updating join: the rate is at its best from 100 on (tried), and a UNION's parser nests."""

# Quoted text (with '' and \' inside), a quoted name, or one of the two characters that mean something here.
_TOKEN = re.compile(r"""'(?:[^'\\]|\\.|'')*'|"[^"]*"|`[^`]*`|[?%]""", re.DOTALL)


@lru_cache(maxsize=1024)
def as_format(sql: str) -> str:
    """`?` placeholders, as the driver's `%s`; every `%` of the text itself is doubled."""
    return _TOKEN.sub(_as_format, sql)


def _as_format(match: re.Match[str]) -> str:
    token = match.group()
    return "%s" if token == "?" else token.replace("%", "%%")


def _float(value: float) -> str:
    text = repr(value)
    if text in ("inf", "-inf", "nan"):
        raise ValueError(f"{text} cannot be stored")
    return text if "e" in text else text + "e0"


# What `escape_string` would change: most texts hold none of it, and to see that costs a third of escaping them.
_ESCAPED = re.compile(r"""[\0\n\r\x1a"'\\]""")


# One report's rows share their moments, and a fleet its programs: 2,048 texts are at most some MB.
@lru_cache(maxsize=2048)
def _text(value: str) -> str:
    return f"'{escape_string(value) if _ESCAPED.search(value) else value}'"


class _Literals(dict[type, Callable[[Any], str]]):
    def __missing__(self, kind: type) -> Callable[[Any], str]:
        raise TypeError(f"a {kind.__name__} cannot be stored")


_LITERALS: dict[type, Callable[[Any], str]] = _Literals(
    {
        int: str,
        str: _text,
        bytes: lambda value: "_binary X'" + value.hex() + "'",
        type(None): lambda value: "NULL",
        float: _float,
        bool: lambda value: "1" if value else "0",
    }
)


def literal(value: Value) -> str:
    """Relies on the session's sql_mode being without NO_BACKSLASH_ESCAPES, as `connect` makes it."""
    return _LITERALS[type(value)](value)


def row_literal(row: Row) -> str:
    # The inner loop of the write path: about twice as fast as formatting with the driver's placeholders.
    kinds = _LITERALS
    return "(" + ",".join([kinds[type(value)](value) for value in row]) + ")"


def statements(head: str, parts: Iterable[str], joint: str, tail: str, most: int = MAX_ROWS) -> Iterator[str]:
    """`head` + parts + `tail`, as few times as MAX_BYTES and `most` parts each allow; nothing for no parts."""
    room = MAX_BYTES - len(head.encode()) - len(tail.encode())
    batch: list[str] = []
    size = 0
    for part in parts:
        cost = (len(part) if part.isascii() else len(part.encode())) + len(joint)
        if batch and (size + cost > room or len(batch) == most):
            yield head + joint.join(batch) + tail
            batch, size = [], 0
        batch.append(part)
        size += cost
    if batch:
        yield head + joint.join(batch) + tail


def names(columns: Iterable[str], prefix: str = "") -> str:
    return ",".join(f'{prefix}"{column}"' for column in columns)


def inserts(table: str, columns: Sequence[str], rows: Iterable[Row], tail: str = "") -> Iterator[str]:
    head = f'INSERT INTO "{table}" ({names(columns)}) VALUES '
    return statements(head, map(row_literal, rows), ",", tail)


def updates(
    table: str, key: Sequence[str], casts: Sequence[str], columns: Sequence[str], rows: Iterable[Row], where: str
) -> Iterator[str]:
    """UPDATE by a join with the rows as a derived table.

    The derived table comes first in a STRAIGHT_JOIN, so that each of its rows looks the key up in the index: a list of
    tuples (`(a, b) IN ((1, 2), ...)`) scans it instead. `casts` has a `{}` pattern for each key column: derived text is
    utf8mb4 and derived moments are text, and without the cast it would be the indexed column that gets converted.
    """
    labels = [f"k{n}" for n in range(len(key))] + [f"v{n}" for n in range(len(columns))]
    on = " AND ".join(
        f't."{column}" = {cast.format(f"d.k{n}")}' for n, (column, cast) in enumerate(zip(key, casts, strict=True))
    )
    sets = ", ".join(f't."{column}" = d.v{n}' for n, column in enumerate(columns))
    tail = f') AS d STRAIGHT_JOIN "{table}" AS t ON {on} SET {sets}' + (f" WHERE {where}" if where else "")
    # Only the first SELECT of a UNION names the columns.
    first = ",".join(f"NULL AS {label}" for label in labels)
    head = f"UPDATE (SELECT {first} FROM DUAL WHERE 1 = 0 UNION ALL "
    selects = ("SELECT " + row_literal(row)[1:-1] for row in rows)
    return statements(head, selects, " UNION ALL ", tail, MAX_UPDATES)
