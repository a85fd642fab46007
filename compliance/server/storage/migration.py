"""One migration: numbered single statements in a neutral SQL, whose {words} each store spells its own way.

    Migration(1, "first tables", (
        "CREATE TABLE IF NOT EXISTS host (host_id {id}, name {text:255} NOT NULL) {table_options}",
        "{index:host_name ON host (name)|a host by its name: queries/fleet}",
    ))

Each statement must be safe to repeat (a cut-off run starts it again), and do no harm to older workers still running.
"That is there already" counts as done, so ALTER TABLE ... ADD COLUMN and CREATE INDEX need nothing more.
"""

import re
from dataclasses import dataclass

# word: (MySQL, SQLite). `N` is what follows the colon.
WORDS = {
    "id": ("INT UNSIGNED NOT NULL AUTO_INCREMENT PRIMARY KEY", "INTEGER PRIMARY KEY AUTOINCREMENT"),
    "ref": ("INT UNSIGNED", "INTEGER"),
    "time": ("DATETIME(3)", "TEXT"),
    "digest": ("BINARY(16)", "BLOB"),
    "hash": ("BINARY(32)", "BLOB"),
    "ids": ("VARBINARY(160)", "BLOB"),
    "text": ("VARCHAR(N) CHARACTER SET utf8mb4 COLLATE utf8mb4_bin", "TEXT"),
    "ascii": ("VARCHAR(N) CHARACTER SET ascii COLLATE ascii_bin", "TEXT"),
    "longtext": ("MEDIUMTEXT CHARACTER SET utf8mb4 COLLATE utf8mb4_bin", "TEXT"),
    "u8": ("TINYINT UNSIGNED", "INTEGER"),
    "u16": ("SMALLINT UNSIGNED", "INTEGER"),
    "u32": ("INT UNSIGNED", "INTEGER"),
    "u64": ("BIGINT UNSIGNED", "INTEGER"),
    "i64": ("BIGINT", "INTEGER"),
    "real": ("DOUBLE", "REAL"),
    "bool": ("TINYINT(1)", "INTEGER"),
    "table_options": ("ENGINE=InnoDB ROW_FORMAT=DYNAMIC DEFAULT CHARACTER SET utf8mb4 COLLATE utf8mb4_bin", ""),
}
SIZED = ("text", "ascii")
INDEXES = {"index": "INDEX", "unique": "UNIQUE INDEX"}

_WORD = re.compile(r"\{(\w+)(?::([^{}]*))?\}")


@dataclass(frozen=True, slots=True)
class Migration:
    number: int
    name: str
    statements: tuple[str, ...]


def render(statement: str, dialect: str) -> str:
    """The statement as `dialect` ("mysql" or "sqlite") reads it; ValueError for a word that is none."""
    if dialect not in ("mysql", "sqlite"):
        raise ValueError(f"no dialect {dialect!r}")
    return _WORD.sub(lambda match: _spell(match, dialect == "mysql"), statement).rstrip()


def _spell(match: re.Match[str], mysql: bool) -> str:
    word, argument = match.group(1), match.group(2)
    if word == "comment" and argument:
        return _comment(argument) if mysql else ""
    if word in INDEXES and argument:
        return _index(INDEXES[word], argument, mysql)
    if word not in WORDS or (word in SIZED) != bool(argument and argument.isdecimal()):
        raise ValueError(f"unknown word {match.group()} in a migration")
    spelling = WORDS[word][0 if mysql else 1]
    return spelling.replace("(N)", f"({argument})")


def _index(kind: str, argument: str, mysql: bool) -> str:
    """`name ON table (columns)|which query it serves`: the comment is required."""
    definition, _, query = argument.partition("|")
    if not query.strip():
        raise ValueError(f"an index names the query that it serves: {definition}")
    if mysql:
        # MySQL has no IF NOT EXISTS here (MariaDB does): repeating it is error 1061, which the runner takes for done.
        return f"CREATE {kind} {definition.strip()} {_comment(query)}"
    return f"CREATE {kind} IF NOT EXISTS {definition.strip()}"


def _comment(text: str) -> str:
    return "COMMENT '" + text.strip().replace("'", "''") + "'"
