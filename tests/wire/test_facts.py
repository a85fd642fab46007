"""The bounds of every fact: what decodes can be stored, and nothing else decodes."""

from __future__ import annotations

import json
from typing import Any

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from compliance.wire import facts
from compliance.wire.facts import LAST_MOMENT, Address, Cpu, Fact, Host, OperatingSystem, Process, Session

LEAST: dict[type[Fact], dict[str, Any]] = {
    Host: {"hostname": "h"},
    OperatingSystem: {"name": "n"},
    Address: {"address": "::", "interface": "i"},
    Cpu: {"percent": 0.0, "cores": 1},
    Process: {"pid": 0, "ticks": 0, "name": "n"},
    Session: {"user": "u"},
}
MOST: dict[type[Fact], dict[str, Any]] = {
    Host: {"hostname": "h" * 255, "machine_id": "m" * 64, "booted_at": LAST_MOMENT},
    OperatingSystem: {"name": "n" * 255, "version": "v" * 255, "kernel": "k" * 255, "architecture": "a" * 64},
    Address: {
        "address": "ffff:ffff:ffff:ffff:ffff:ffff:255.255.255.255",
        "interface": "i" * 255,
        "primary": True,
    },
    Cpu: {"percent": 100.0, "cores": 1_000_000, "load_1": 1e9, "load_5": 1e9, "load_15": 1e9},
    Process: {
        "pid": 2**32 - 1,
        "ticks": 2**63 - 1,
        "ppid": 2**32 - 1,
        "started_at": LAST_MOMENT,
        "user": "u" * 255,
        "name": "n" * 255,
        "exe": "/" * 4096,
        "arguments": "a" * 65_536,
    },
    Session: {"user": "u" * 255, "terminal": "t" * 255, "remote_host": "r" * 255, "opened_at": LAST_MOMENT},
}
KINDS = list(LEAST)


def decode(kind: type[Fact], members: dict[str, Any]) -> Fact:
    return msgspec.json.decode(json.dumps(members).encode(), type=kind)


def test_every_kind_of_fact_is_bounded_here():
    kinds = {kind for kind in vars(facts).values() if isinstance(kind, type) and issubclass(kind, Fact)} - {Fact}
    assert kinds == set(LEAST) == set(MOST)


@pytest.mark.parametrize("kind", KINDS)
def test_the_least_and_the_most_that_can_be_said_come_back_as_they_are(kind):
    for members in (LEAST[kind], MOST[kind]):
        row = decode(kind, members)
        assert row == kind(**members)
        assert decode(kind, json.loads(msgspec.json.encode(row))) == row
    assert set(MOST[kind]) == set(kind.__struct_fields__)


def beyond(value: Any) -> list[Any]:
    """What is past the bound that `value` stands on, and what is of another type."""
    if isinstance(value, bool):
        return [1, "true", None]
    if isinstance(value, str):
        return [value + value[-1], 1, [value]]
    if isinstance(value, float):
        return [value * 1.001, -0.001, "1", float("nan"), float("inf")]
    return [value + 1, -1, float(value) + 0.5, str(value), True]


@pytest.mark.parametrize(
    ("kind", "name", "value"),
    [
        pytest.param(kind, name, value, id=f"{kind.__name__}.{name}-{str(value)[:12]}")
        for kind in KINDS
        for name, most in MOST[kind].items()
        for value in beyond(most)
    ],
)
def test_what_is_out_of_bounds_is_refused(kind, name, value):
    with pytest.raises(msgspec.DecodeError):
        decode(kind, MOST[kind] | {name: value})


@pytest.mark.parametrize("kind", KINDS)
def test_what_has_to_be_there_is_missed_and_what_may_be_absent_is_none(kind):
    for name in LEAST[kind]:
        with pytest.raises(msgspec.ValidationError, match=f"missing required field `{name}`"):
            decode(kind, {other: value for other, value in LEAST[kind].items() if other != name})
    row = decode(kind, LEAST[kind])
    absent = set(kind.__struct_fields__) - set(LEAST[kind])
    assert all(getattr(row, name) in (None, False) for name in absent)


@pytest.mark.parametrize(
    ("kind", "name"),
    [(Host, "hostname"), (OperatingSystem, "name"), (Process, "name"), (Process, "user"), (Session, "user")],
)
def test_a_name_is_never_empty(kind, name):
    with pytest.raises(msgspec.ValidationError, match="length >= 1"):
        decode(kind, LEAST[kind] | {name: ""})


@pytest.mark.parametrize("address", ["192.0.2.1\n", "192.0.2.1 ", "fe80::1%eth0", "FE80::1", "localhost", ":", "a\0"])
def test_an_address_is_an_address_and_nothing_behind_it(address):
    with pytest.raises(msgspec.ValidationError):
        decode(Address, LEAST[Address] | {"address": address})


@pytest.mark.parametrize("text", ["\x00", "\x1b[31m", "日本", "'\"\\", "\u202e", "🙂", " a "])
def test_text_of_any_kind_is_taken_as_it_is(text):
    row = decode(Process, LEAST[Process] | {"name": text, "arguments": text})
    assert (row.name, row.arguments) == (text, text)  # type: ignore[attr-defined]


@pytest.mark.parametrize("raw", [rb'"\ud800"', rb'"\udc80x"', b'"\xff"', b'"\xc0\x80"'])
def test_half_a_character_is_no_text(raw: bytes):
    with pytest.raises((msgspec.DecodeError, UnicodeDecodeError)):
        msgspec.json.decode(b'{"user": ' + raw + b"}", type=Session)


def test_what_a_newer_agent_adds_to_a_row_is_ignored():
    assert decode(Session, {"user": "ana", "seat": {"name": "seat0"}}) == Session(user="ana")


def test_keys_tell_rows_of_one_look_apart_and_nothing_that_may_change_is_part_of_them():
    row = Process(pid=1, ticks=2, name="sh", user="ana", exe="/bin/sh", arguments="sh")
    assert row.key == (1, 2)
    assert Session(user="ana").key == ("ana", "", "", 0)
    assert Session(user="ana", terminal="pts/0", remote_host="h", opened_at=5).key == ("ana", "pts/0", "h", 5)
    assert Address(address="::1", interface="lo").key == "::1"
    assert Host(hostname="h").key == OperatingSystem(name="n").key == ""


@given(st.builds(Session, user=st.text(st.characters(codec="utf-8"), min_size=1, max_size=20)))
def test_what_is_said_of_a_session_comes_back_letter_for_letter(row):
    assert msgspec.json.decode(msgspec.json.encode(row), type=Session) == row
