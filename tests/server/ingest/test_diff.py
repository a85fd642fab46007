from hypothesis import given
from hypothesis import strategies as st

from compliance.server.ingest.diff import differences

ROWS = st.dictionaries(st.integers(1, 6), st.sampled_from("abc")).map(lambda rows: list(rows.items()))


def test_what_is_alike_stays():
    rows = [(1, "a"), (2, "b")]
    assert differences(rows, rows[::-1], 1) == ([], [])


def test_a_row_that_differs_in_its_values_is_closed_and_opened():
    assert differences([(1, "a")], [(1, "b")], 1) == ([(1,)], [(1, "b")])


def test_a_table_with_no_key_but_the_host_has_one_row():
    assert differences([("web-1",)], [("web-2",)], 0) == ([()], [("web-2",)])
    assert differences([], [("web-2",)], 0) == ([], [("web-2",)])


@given(ROWS, ROWS)
def test_closing_and_opening_makes_what_is_kept_what_was_brought(kept, brought):
    closed, opened = differences(kept, brought, 1)
    gone = {key for (key,) in closed}
    left = [row for row in kept if row[0] not in gone]
    assert sorted(left + opened) == sorted(brought)
    assert not set(opened) & set(kept)
