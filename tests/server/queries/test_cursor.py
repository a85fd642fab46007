import base64

import msgspec
import pytest

from compliance.errors import WrongUsage
from compliance.server.queries import cursor


def sealed(*parts: object) -> str:
    return base64.urlsafe_b64encode(msgspec.json.encode(parts)).decode()


def test_a_cursor_gives_back_its_moment_and_its_key():
    assert cursor.decode(cursor.encode(5, ["wéb", 7]), str, int) == (5, ["wéb", 7])


@pytest.mark.parametrize(
    "text",
    [
        "",
        "no cursor",
        "é",
        "AAAA",
        sealed(),
        sealed(5),
        sealed(5, "a"),
        sealed(5, 7, "a"),
        sealed(5, "a", 7, 8),
        sealed("5", "a", 7),
        sealed(True, "a", 7),
        sealed(5, "a", True),
        sealed(-1, "a", 7),
        sealed(10**17, "a", 7),
        sealed(5, "a", 2**63),
        sealed(5, "a", None),
    ],
)
def test_what_no_page_gave_out_is_refused_with_a_sentence(text):
    with pytest.raises(WrongUsage, match="cursor"):
        cursor.decode(text, str, int)


def test_a_key_of_several_columns_goes_on_after_each_of_them():
    sql, args = cursor.after(["a", "b"], [1, 2])
    assert (sql, args) == ("(a > ? OR (a = ? AND b > ?))", [1, 1, 2])
