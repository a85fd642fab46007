import pytest

from compliance.server.storage.engine import Store
from compliance.server.storage.migration import WORDS, render
from compliance.server.storage.pool import Value


def test_type_words_are_spelled_as_each_store_has_them() -> None:
    statement = "CREATE TABLE t (t_id {id}, name {text:255} NOT NULL, boot {ascii:36}, at {time}) {table_options}"
    assert render(statement, "sqlite") == (
        "CREATE TABLE t (t_id INTEGER PRIMARY KEY AUTOINCREMENT, name TEXT NOT NULL, boot TEXT, at TEXT)"
    )
    assert render(statement, "mysql") == (
        "CREATE TABLE t (t_id INT UNSIGNED NOT NULL AUTO_INCREMENT PRIMARY KEY,"
        " name VARCHAR(255) CHARACTER SET utf8mb4 COLLATE utf8mb4_bin NOT NULL,"
        " boot VARCHAR(36) CHARACTER SET ascii COLLATE ascii_bin, at DATETIME(3))"
        " ENGINE=InnoDB ROW_FORMAT=DYNAMIC DEFAULT CHARACTER SET utf8mb4 COLLATE utf8mb4_bin"
    )


def test_an_index_carries_the_query_that_it_serves() -> None:
    short = "{index:process_open ON process (host_id, ended_at)|what ran on a host at T: queries/processes}"
    assert render(short, "sqlite") == "CREATE INDEX IF NOT EXISTS process_open ON process (host_id, ended_at)"
    assert render(short, "mysql") == (
        "CREATE INDEX process_open ON process (host_id, ended_at) COMMENT 'what ran on a host at T: queries/processes'"
    )
    long = "CREATE INDEX a ON t (b) {comment:a host's own}"
    assert render(long, "sqlite") == "CREATE INDEX a ON t (b)"
    assert render(long, "mysql") == "CREATE INDEX a ON t (b) COMMENT 'a host''s own'"


@pytest.mark.parametrize(
    "statement", ["{txt:5}", "{text}", "{text:x}", "{u8:3}", "{index:a ON t (b)}", "{index}", "{comment}"]
)
def test_a_word_that_is_none_is_refused(statement: str) -> None:
    for dialect in ("mysql", "sqlite"):
        with pytest.raises(ValueError, match="word|index names"):
            render(statement, dialect)


def test_a_dialect_that_is_none_is_refused() -> None:
    with pytest.raises(ValueError, match="no dialect"):
        render("SELECT 1", "postgres")


def test_every_word_makes_a_column_that_holds_its_values(empty_store: Store) -> None:
    values: dict[str, Value] = {
        "ref": 2**32 - 1, "time": "2026-11-24 14:03:00.000", "digest": b"\x00" * 16, "hash": b"\xff" * 32,
        "ids": bytes(range(160)), "text": "é" * 9, "ascii": "x" * 9, "longtext": "é" * 100_000, "u8": 255, "u16": 65535,
        "u32": 2**32 - 1, "u64": 2**63 - 1, "i64": -(2**63), "real": 0.1, "bool": 1,
    }  # fmt: skip
    assert {*values, "id", "table_options"} == set(WORDS)
    columns = [f"c_{word} {{{word}:9}}" if word in ("text", "ascii") else f"c_{word} {{{word}}}" for word in values]
    with empty_store.session() as db:
        db.execute(
            render(f"CREATE TABLE t (t_id {{id}}, {', '.join(columns)}) {{table_options}}", empty_store.dialect.name)
        )
        db.insert_new("t", [f"c_{word}" for word in values], [list(values.values())])
        assert db.query("SELECT * FROM t") == [(1, *values.values())]
