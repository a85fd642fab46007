"""Text from the host: whatever the bytes, it encodes to UTF-8, holds no NUL and keeps its bounds."""

import os

import pytest
from hypothesis import given
from hypothesis import strategies as st

from compliance.agent.text import clean, cut, within


@pytest.mark.parametrize(
    ("raw", "text"),
    [
        (b"plain", "plain"),
        ("Zoë".encode(), "Zoë"),
        (b"a\xff\xfeb", r"a\xff\xfeb"),
        (b"cut \xe2\x82", r"cut \xe2\x82"),
        (b"a\0b", "ab"),
        (b"line\n\x1b[31m", "line\n\x1b[31m"),
        ("\ud800", r"\xed\xa0\x80"),
        ("日本", "日本"),
    ],
)
def test_bytes_that_are_no_text_become_escapes(raw: bytes | str, text: str) -> None:
    assert clean(raw) == text


@given(st.binary(max_size=40))
def test_bytes_and_the_string_that_python_makes_of_them_read_the_same(raw: bytes) -> None:
    assert clean(raw) == clean(raw.decode("utf-8", "surrogateescape"))


@given(st.one_of(st.binary(), st.text(st.characters(exclude_categories=()))))
def test_whatever_comes_in_can_be_stored(raw: bytes | str) -> None:
    text = clean(raw)
    assert "\0" not in text
    assert text.encode("utf-8").decode("utf-8") == text


def test_a_text_that_is_too_long_ends_with_a_mark() -> None:
    assert cut("abcd", 4) == "abcd"
    assert cut("abcde", 4) == "abc…"


@given(st.binary(max_size=60), st.integers(1, 20))
def test_the_bound_holds_after_escaping(raw: bytes, limit: int) -> None:
    assert len(within(raw, limit)) <= limit


def test_a_file_name_of_any_bytes_is_read() -> None:
    assert clean(os.fsdecode(b"/tmp/\xe9t\xe9")) == r"/tmp/\xe9t\xe9"
