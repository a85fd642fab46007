"""Bytes: canonical, digested as docs/wire.md says, packed when that pays, and refused in one way."""

from __future__ import annotations

import gzip
import json
import re
from hashlib import blake2b
from pathlib import Path

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from compliance.wire import codec
from compliance.wire.facts import Address, Process, Session
from compliance.wire.messages import Change, Failed, Receipt

ALICE = Session(user="alice", terminal="pts/0", remote_host="192.0.2.9", opened_at=1_795_528_800_000)
BOB = Session(user="bob", terminal="tty1", opened_at=1_795_528_000_000)


@pytest.fixture
def page(repository: Path) -> str:
    return (repository / "docs" / "wire.md").read_text(encoding="utf-8")


def test_the_worked_example_of_the_documents_runs(page: str):
    (example,) = re.findall(r"```python\n(.*?)```", page, flags=re.S)
    exec(compile(example, "docs/wire.md", "exec"), {})


def test_the_worked_example_is_what_the_codec_makes(page: str):
    block = next(block for block in re.findall(r"```json\n(.*?)```", page, flags=re.S) if "opened_at" in block)
    lines = block.encode().splitlines()
    assert [codec.canonical(row) for row in (ALICE, BOB)] == lines
    assert codec.digest([BOB, ALICE]) == "5642f97592b89705cd150ab01584661f"
    assert codec.digest([ALICE]) == "01ef8ce60e9b228b10e1292b567c724f"
    assert codec.digest([]) == "cae66941d9efbd404e4d88758ea67670"
    for state in (
        "5642f97592b89705cd150ab01584661f",
        "01ef8ce60e9b228b10e1292b567c724f",
        "cae66941d9efbd404e4d88758ea67670",
    ):
        assert state in page


def test_the_report_of_the_documents_is_one(page: str):
    block = next(block for block in re.findall(r"```json\n(.*?)```", page, flags=re.S) if '"sections"' in block)
    said = codec.decode_report(block.encode())
    assert said.sections.processes == Failed(reason="no privilege")
    assert said.sections.sessions == Change(
        base=codec.digest([ALICE, BOB]), state=codec.digest([ALICE]), ended=(BOB.key,)
    )
    assert json.loads(codec.encode(said)) == json.loads(block)


def test_the_receipt_of_the_documents_is_one(page: str):
    block = next(block for block in re.findall(r"```json\n(.*?)```", page, flags=re.S) if '"outcome"' in block)
    assert codec.decode_receipt(block.encode()) == Receipt(outcome="wanted", last="0" * 32, wanted=("sessions",))


def test_canonical_json_is_sorted_tight_and_leaves_out_what_has_no_value():
    row = Process(ticks=2, pid=1, name="sh", user=None, ppid=0, arguments="sh -c 'é'")
    assert codec.canonical(row) == '{"arguments":"sh -c \'é\'","name":"sh","pid":1,"ppid":0,"ticks":2}'.encode()
    assert (
        codec.canonical(Address(address="::1", interface="lo", primary=False)) == b'{"address":"::1","interface":"lo"}'
    )
    assert codec.canonical(Address(address="::1", interface="lo", primary=True)).endswith(b',"primary":true}')


def test_canonical_json_escapes_what_json_demands_and_nothing_else():
    row = Session(user='\x00\x1f"\\/\b\f\n\r\t\x7f\u2028é🙂')
    assert codec.canonical(row) == '{"user":"\\u0000\\u001f\\"\\\\/\\b\\f\\n\\r\\t\x7f\u2028é🙂"}'.encode()


def test_a_digest_is_the_same_in_whatever_order_the_rows_come_and_another_for_another_row():
    rows = [Process(pid=pid, ticks=ticks, name="sh") for pid in (10, 9, 2) for ticks in (3, 1)]
    state = codec.digest(rows)
    assert codec.digest(reversed(rows)) == state
    assert codec.digest(rows[1:]) != state
    assert codec.digest([*rows[1:], Process(pid=10, ticks=3, name="vi")]) != state


def test_numbers_in_a_key_are_ordered_as_numbers():
    rows = [Process(pid=9, ticks=1, name="a"), Process(pid=10, ticks=1, name="b")]
    expected = blake2b(b"".join(codec.canonical(row) + b"\n" for row in rows), digest_size=16).hexdigest()
    assert codec.digest(rows) == expected


texts = st.text(st.characters(codec="utf-8"), min_size=1, max_size=8)


@given(st.lists(st.builds(Session, user=texts, terminal=st.none() | texts), unique_by=lambda row: row.key, max_size=5))
def test_a_row_that_went_over_the_wire_has_the_digest_that_it_had(rows):
    again = [msgspec.json.decode(codec.encode(row), type=Session) for row in rows]
    assert codec.digest(again) == codec.digest(rows)


@given(st.lists(st.tuples(texts, texts), max_size=5))
def test_no_text_in_a_row_can_stand_for_the_end_of_it(pairs):
    """A line end inside of a text is escaped, so two rows are never one."""
    for user, terminal in pairs:
        assert b"\n" not in codec.canonical(Session(user=user, terminal=terminal))


def test_a_short_body_goes_as_it_is_and_a_long_one_packed():
    short, headers = codec.compress(b"x" * (codec.GZIP_FROM - 1))
    assert (short, headers) == (b"x" * (codec.GZIP_FROM - 1), {"content-type": "application/json"})
    long, headers = codec.compress(b"x" * codec.GZIP_FROM)
    assert gzip.decompress(long) == b"x" * codec.GZIP_FROM
    assert len(long) < codec.GZIP_FROM
    assert headers == {"content-type": "application/json", "content-encoding": "gzip"}


def test_the_same_bytes_are_packed_into_the_same_bytes():
    assert codec.compress(b"x" * 5000) == codec.compress(b"x" * 5000)


DECODERS = [codec.decode_report, codec.decode_enrollment, codec.decode_enrolled, codec.decode_receipt]


@pytest.mark.parametrize("decode", DECODERS)
@pytest.mark.parametrize(
    ("body", "why"),
    [
        (b"", "truncated"),
        (b"{", "truncated"),
        (b"nonsense", "malformed"),
        (b'{"id": "\xff"}', "not UTF-8|malformed|Expected|missing"),
        (b'{"outcome": "\xff"}', "not UTF-8|missing"),
        (b'{"x": ' + b"[" * 100_000, "nested too deeply"),
        (b'{"x": ' + b'{"a":' * 100_000, "nested too deeply"),
        (b"null", "Expected `object`"),
        (b"[]", "Expected `object`"),
        (b'"text"', "Expected `object`"),
        (b'{"x": NaN}', "malformed"),
        (b'{"x": 1e999}', "missing"),
        (b"\xef\xbb\xbf{}", "malformed"),
        ('{"x": 1}'.encode("utf-16"), "malformed"),
    ],
)
def test_whatever_is_no_message_is_refused_in_one_way(decode, body: bytes, why: str):
    with pytest.raises(msgspec.DecodeError, match=why):
        decode(body)


@given(st.binary(max_size=60))
def test_no_bytes_at_all_do_more_than_be_refused(body: bytes):
    for decode in DECODERS:
        with pytest.raises(msgspec.DecodeError):
            decode(body)
