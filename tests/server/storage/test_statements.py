"""What is written for MySQL without one: placeholders, sizes."""

import pytest

from compliance.server.storage.mysql.statements import (
    MAX_BYTES,
    MAX_ROWS,
    as_format,
    inserts,
    literal,
    statements,
    updates,
)


def test_question_marks_become_placeholders_and_percent_signs_are_doubled() -> None:
    assert (
        as_format("SELECT a % 2 FROM t WHERE b = ? AND c LIKE ?") == "SELECT a %% 2 FROM t WHERE b = %s AND c LIKE %s"
    )


@pytest.mark.parametrize(
    ("sql", "expected"),
    [
        ("SELECT 'what?'", "SELECT 'what?'"),
        ("SELECT 'it''s ?', ?", "SELECT 'it''s ?', %s"),
        ("SELECT 'a\\'?', ?", "SELECT 'a\\'?', %s"),
        ('SELECT "odd?name", `b?`, ?', 'SELECT "odd?name", `b?`, %s'),
        ("SELECT '50%', ?", "SELECT '50%%', %s"),
    ],
)
def test_quoted_question_marks_are_text(sql: str, expected: str) -> None:
    assert as_format(sql) == expected


def test_a_value_that_no_column_holds_is_refused() -> None:
    with pytest.raises(TypeError, match="a list cannot be stored"):
        literal([1])  # type: ignore[arg-type]
    with pytest.raises(ValueError, match="nan"):
        literal(float("nan"))


def test_statements_stay_under_a_megabyte_also_in_bytes() -> None:
    rows = [("é" * 3000,) for _ in range(900)]
    texts = list(inserts("t", ("a",), rows))
    assert len(texts) > 5
    assert max(len(text.encode()) for text in texts) <= MAX_BYTES
    assert sum(text.count("(") - 1 for text in texts) == 900


def test_statements_hold_at_most_a_thousand_rows() -> None:
    texts = list(inserts("t", ("a",), [(n,) for n in range(MAX_ROWS * 2 + 1)]))
    assert [text.count(",") + 1 for text in texts] == [1000, 1000, 1]


def test_no_rows_are_no_statement() -> None:
    assert list(inserts("t", ("a",), [])) == []
    assert list(updates("t", ["a"], ["{}"], ["b"], [], "")) == []


def test_a_part_larger_than_the_limit_goes_alone() -> None:
    assert list(statements("", ["a", "b" * (MAX_BYTES + 1), "c"], ",", "")) == ["a", "b" * (MAX_BYTES + 1), "c"]
