import re

import pytest

from compliance import errors
from compliance.errors import Broken, ComplianceError, Refused, Unreachable, WrongUsage


def tree() -> dict[str, int]:
    return {
        name: kind.exit_code
        for name, kind in vars(errors).items()
        if isinstance(kind, type) and issubclass(kind, ComplianceError)
    }


@pytest.mark.parametrize(
    ("kind", "code"), [(ComplianceError, 1), (Broken, 1), (WrongUsage, 2), (Unreachable, 3), (Refused, 4)]
)
def test_each_kind_of_error_has_its_exit_code(kind, code):
    assert kind("a sentence").exit_code == code
    assert str(kind("a sentence")) == "a sentence"


def test_the_drawing_in_the_docstring_is_the_tree():
    drawn = re.findall(r"(\w+)\s+exit (\d)", errors.__doc__ or "")
    assert {name: int(code) for name, code in drawn} == tree()


def test_every_error_says_in_its_docstring_when_it_is_raised():
    assert [name for name in tree() if not getattr(errors, name).__doc__] == []
