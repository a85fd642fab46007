"""Writes docs/tables.md, a diagram of the tables, from their definition; with --check says whether it is up to date."""

import inspect
import sqlite3
import sys
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path
from typing import Any

from piccolo.columns import ForeignKey
from piccolo.table import Table

from compliance.server.storage import tables
from compliance.server.storage.migration import render
from compliance.server.storage.migrations import MIGRATIONS

PAGE = Path(__file__).parent.parent / "docs" / "tables.md"
PREFACE = """\
# The tables

Written by `python scripts/draw_tables.py` from `compliance/server/storage/tables.py` and the migrations that make them.
A line is a foreign key. `optional` may be NULL; in a fact that means "not seen". How rows come and go is told in
[architecture.md](architecture.md), why an open interval has an end in
[decisions/0003](decisions/0003-open-intervals-have-an-end.md).
"""
Made = dict[str, dict[str, tuple[bool, bool]]]
TYPES = {"Serial": "serial", "BigInt": "bigint", "DoublePrecision": "double", "Bytea": "binary"}


def all_tables() -> list[type[Table]]:
    """In the order of their definition."""
    found = (one for one in vars(tables).values() if inspect.isclass(one) and issubclass(one, Table))
    return [one for one in found if one.__module__ == tables.__name__]


def page() -> str:
    drawn, made = all_tables(), made_columns()
    lines = [PREFACE, "```mermaid", "erDiagram"]
    lines += [relation for table in drawn for relation in _relations(table, made)]
    for table in drawn:
        columns = [_column(one, made[_name(table)][_column_name(one)]) for one in table._meta.columns]
        lines += [f"    {_name(table)} {{", *(f"        {column}" for column in columns), "    }"]
    lines += ["```", "", "| table | holds |", "|---|---|"]
    lines += [f"| `{_name(table)}` | {_sentence(table)} |" for table in drawn]
    return "\n".join(lines) + "\n"


def made_columns() -> Made:
    """(may be NULL, part of the key) by table and column: Piccolo is told neither of a key's second column."""
    with closing(sqlite3.connect(":memory:")) as store:
        for migration in MIGRATIONS:
            for statement in migration.statements:
                store.execute(render(statement, "sqlite"))
        return {
            _name(table): {
                name: (not needed and not key, bool(key))
                for _, name, _, needed, _, key in store.execute(f"PRAGMA table_info({_name(table)})")
            }
            for table in all_tables()
        }


def _name(table: type[Table]) -> str:
    return table._meta.tablename


def _column_name(column: Any) -> str:
    return str(column._meta.db_column_name)


def _relations(table: type[Table], made: Made) -> Iterator[str]:
    for key in table._meta.foreign_key_columns:
        parent = key._foreign_key_meta.resolved_references
        nullable, in_key = made[_name(table)][_column_name(key)]
        alone = in_key and sum(part for _, part in made[_name(table)].values()) == 1
        ends = f"{'|o' if nullable else '||'}--{'o|' if alone else 'o{'}"
        yield f"    {_name(parent)} {ends} {_name(table)} : {_column_name(key)}"


def _column(column: Any, made: tuple[bool, bool]) -> str:
    nullable, in_key = made
    foreign = isinstance(column, ForeignKey)
    kind = "integer" if foreign else TYPES.get(type(column).__name__, type(column).__name__.lower())
    marks = ", ".join(mark for mark, is_so in (("PK", in_key), ("FK", foreign)) if is_so)
    return " ".join(filter(None, (kind, _column_name(column), marks, '"optional"' if nullable else "")))


def _sentence(table: type[Table]) -> str:
    return (table.__doc__ or "").strip().partition("\n\n")[0].replace("\n    ", " ").replace("|", "\\|")


def main() -> int:
    if "--check" not in sys.argv[1:]:
        PAGE.parent.mkdir(exist_ok=True)
        PAGE.write_text(page(), encoding="utf-8")
        return 0
    if PAGE.is_file() and PAGE.read_text(encoding="utf-8") == page():
        return 0
    print("docs/tables.md is not what the tables are: run `python scripts/draw_tables.py`.", file=sys.stderr)
    return 1


if __name__ == "__main__":
    sys.exit(main())
