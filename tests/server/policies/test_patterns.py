import msgspec
import pytest

from compliance.server.policies.patterns import Pattern, Texts, globbed, matcher, say


def matches(texts, *candidates):
    return [text for text in candidates if matcher(texts)(text)]


def test_a_plain_word_is_the_whole_text():
    assert matches("nc", "nc", "ncat", "NC", " nc") == ["nc"]


def test_a_glob_is_the_whole_text_and_goes_through_folders():
    assert matches(Pattern(glob="/tmp/*"), "/tmp/a/b", "/tmp/", "/var/tmp/a") == ["/tmp/a/b", "/tmp/"]
    assert matches(Pattern(glob="python3.?"), "python3.1", "python3.11", "python3,1") == ["python3.1"]


def test_a_regular_expression_is_found_anywhere():
    assert matches(Pattern(regex="-[a-z]*l"), "nc -nvlp 4444", "nc host 80") == ["nc -nvlp 4444"]


def test_case_makes_no_difference_where_that_is_said():
    assert matches(Pattern(exact="SSHD", any_case=True), "sshd", "sshd2") == ["sshd"]
    assert matches(Pattern(glob="Deb*", any_case=True), "debian", "DEBIAN", "ubuntu") == ["debian", "DEBIAN"]
    assert matches(Pattern(regex="MINER", any_case=True), "xMinerd") == ["xMinerd"]


def test_of_a_list_one_has_to_match():
    texts = ("nc", Pattern(glob="ncat*"), Pattern(regex="^soc"), Pattern(exact="x"))
    assert matches(texts, "nc", "ncat.exe", "socat", "x", "bash") == ["nc", "ncat.exe", "socat", "x"]


def test_a_pattern_is_exactly_one_of_three():
    for fields in ({}, {"glob": "a", "regex": "b"}, {"any_case": True}):
        with pytest.raises(ValueError, match="one of exact, glob and regex"):
            Pattern(**fields)


def test_a_bad_expression_is_refused_when_it_is_read():
    with pytest.raises(msgspec.ValidationError, match=r"the regular expression /\(a/ cannot be read"):
        msgspec.convert({"regex": "(a"}, Pattern)


def test_nothing_is_no_pattern():
    for empty in ("", [], [""], {"glob": ""}):
        with pytest.raises(msgspec.ValidationError):
            msgspec.convert(empty, Texts)


def test_equal_patterns_are_compiled_once():
    assert matcher(Pattern(glob="a*")) is matcher(Pattern(glob="a*"))


def test_a_glob_with_many_stars_is_done_in_one_pass():
    assert matches(Pattern(glob="*a" * 60 + "b"), "a" * 4096) == []


def test_names_of_hosts_and_systems_are_globs_in_any_case():
    assert globbed(("web-*", "DB-1"), "db-1")
    assert not globbed(("web-*",), "db-1")


def test_patterns_are_said_in_a_few_words():
    assert say("nc") == "nc"
    assert say(("nc", Pattern(glob="ncat*"), Pattern(regex="^x"))) == "nc, ncat* or /^x/"
    assert say(tuple("abcdefghij")) == "a, b, c, d, e, f, g or 3 others"
