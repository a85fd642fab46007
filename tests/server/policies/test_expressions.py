import pytest

from compliance.server.policies.expressions import LONGEST, NotUnderstood, parse


@pytest.mark.parametrize(
    ("expression", "complaint"),
    [
        ("(a", "cannot be read at character 3: a `(` is never closed"),
        ("a)", "cannot be read at character 2: a `)` closes nothing"),
        ("*a", "cannot be read at character 1: there is nothing to repeat"),
        ("a|+", "nothing to repeat"),
        ("{2}", "nothing to repeat"),
        ("a**", "a repeat of a repeat needs brackets"),
        ("a{3}{2}", "a repeat of a repeat needs brackets"),
        ("^*", "a place between characters cannot be repeated"),
        ("[a", "it ends too early"),
        ("[z-a]", "the range `z-a` is backwards"),
        (r"[\W]", r"`\W` cannot stand here"),
        (r"(a)\1", r"`\1` is not supported"),
        (r"\p{L}", r"`\p` is not supported"),
        (r"\x4", "needs two hexadecimal digits"),
        ("(?=a)", "look-around, names and flags in a group are not supported"),
        ("(?P<n>a)", "look-around, names and flags"),
        ("a{2,1}", "a count goes from low to high"),
        ("a{1,999}", "a count goes from low to high, 200 at most"),
        ("a\\", "it ends too early"),
        ("(" * 60 + "a" + ")" * 60, "more than 50 groups in groups"),
        ("a" * (LONGEST + 1), "longer than 500 characters"),
    ],
)
def test_what_is_not_understood_is_told_with_its_place(expression, complaint):
    with pytest.raises(NotUnderstood) as refused:
        parse(expression)
    assert complaint in str(refused.value)


def test_a_brace_that_counts_nothing_is_a_brace():
    for expression in ("{}", "a{,2}", "{x}", "a{"):
        parse(expression)
