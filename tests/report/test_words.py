"""The sentences about what was not seen."""

from compliance.report.words import SENTENCES, Moment, blind_sentences, called, cut
from compliance.wire.messages import Kind
from tests.report import fleet
from tests.report.fleet import DAY, HOUR, MINUTE, NOW

NOW_IS = Moment(NOW, past=False)


def test_kinds_of_the_same_stretch_share_a_sentence_in_the_order_of_the_wire():
    mixed: tuple[Kind, ...] = ("sessions", "processes", "cpu")
    three = [fleet.unknown(kind) for kind in mixed]
    assert blind_sentences(three, NOW_IS) == [
        "web-1: cpu, processes and sessions unknown since 13:51 UTC: no report for 12 min"
    ]


def test_a_host_of_which_nothing_is_seen_is_one_sentence():
    kinds: tuple[Kind, ...] = ("host", "os", "addresses", "cpu", "processes", "sessions")
    assert blind_sentences([fleet.unknown(kind) for kind in kinds], NOW_IS) == [
        "web-1: everything unknown since 13:51 UTC: no report for 12 min"
    ]


def test_each_kind_of_stretch_has_its_words():
    def words(**changes):
        return blind_sentences([fleet.unknown(reason="why.", **changes)], NOW_IS)[0]

    assert words(since=None) == "web-1: processes never seen: why"
    assert words(since=None, until=NOW) == "web-1: processes not seen before 14:03 UTC: why"
    assert words(since=NOW - HOUR, until=NOW) == "web-1: processes unknown from 13:03 UTC to 14:03 UTC: why"
    assert words(since=NOW - DAY) == "web-1: processes unknown since 2026-11-23 14:03 UTC: why"


def test_a_long_list_is_cut_and_what_is_left_out_is_counted():
    names = [str(number) for number in range(SENTENCES + 3)]
    assert cut(names[:SENTENCES]) == names[:SENTENCES]
    assert cut(names)[SENTENCES:] == ["and 3 more: -o json shows them all"]


def test_an_age_before_a_past_moment_is_not_taken_for_one_of_today():
    then = Moment(NOW, past=True)
    assert (then.age(NOW - 3 * MINUTE), then.age(NOW)) == ("3 min earlier", "just then")
    assert (NOW_IS.age(NOW - 3 * MINUTE), NOW_IS.age(NOW)) == ("3 min ago", "just now")


def test_a_host_of_the_original_contract_is_called_by_its_address():
    assert called(None, "original:10.0.0.9") == "original:10.0.0.9"
