"""What `agent collect` prints of looks that a test lays out."""

from __future__ import annotations

import csv
import io
import json
from typing import Any

import pytest

from compliance.agent import tables
from compliance.agent.collectors import COLLECTORS, Look
from compliance.agent.snapshot import Snapshot
from compliance.console import Format
from compliance.wire.facts import Address, Cpu, Host, OperatingSystem
from compliance.wire.messages import Blind, Failed
from tests.agent.laidout import NOON, process, session

LOOKS: Any = {
    "host": Look((Host(hostname="web-1", booted_at=NOON),)),
    "os": Look((OperatingSystem(name="Debian GNU/Linux", version="13", architecture="x86_64"),)),
    "addresses": Look((Address(address="192.0.2.7", interface="eth0", primary=True),)),
    "cpu": Look((Cpu(percent=12.5, cores=4, load_1=0.5),)),
    "processes": Look(
        (process(1, "init", started_at=NOON, user="root"), process(42, "sh", arguments="sh -c [redacted]")),
        Blind(rows=3, fields=2, reason="No privilege."),
    ),
    "sessions": Failed(reason="There is no utmp."),
}


def show(capsys: pytest.CaptureFixture[str], output: Format, only: str | None = None, *kinds: str) -> tuple[str, str]:
    looks = {kind: look for kind, look in LOOKS.items() if not kinds or kind in kinds}
    tables.show(Snapshot(NOON, "boot", looks, {}), output, only)
    return capsys.readouterr()


def test_every_kind_has_its_columns_and_a_title():
    assert list(tables.COLUMNS) == list(tables.TITLES) == list(COLLECTORS)


def test_a_table_a_kind_and_what_was_not_seen_beside_it(capsys):
    out, err = show(capsys, Format.table)
    assert out.splitlines() == [
        "Host",
        "Host   Machine id  Booted",
        "web-1  -           2026-03-03 12:00:00 UTC",
        "Operating system",
        "Operating system  Version  Kernel  Architecture",
        "Debian GNU/Linux  13       -       x86_64",
        "Addresses",
        "Address    Interface  Primary",
        "192.0.2.7  eth0       yes",
        "CPU",
        "  CPU  Cores  Load 1 min  5 min  15 min",
        "12.5%      4        0.50      -       -",
        "Processes (2)",
        "PID  User  Name  Started                  Program  Arguments",
        "  1  root  init  2026-03-03 12:00:00 UTC  -        -",
        " 42  -     sh    -                        -        sh -c [redacted]",
    ]
    assert err.splitlines() == [
        "Warning: Processes: 3 not seen and 2 fields not seen: No privilege.",
        "Warning: Open sessions: There is no utmp.",
    ]


def test_several_kinds_are_an_object_by_kind_and_what_failed_stands_in_its_place(capsys):
    out, err = show(capsys, Format.json)
    told = json.loads(out)
    assert list(told) == list(COLLECTORS)
    assert told["sessions"] == {"failed": "There is no utmp."}
    assert told["processes"][1] == {
        "pid": 42,
        "ticks": 7,
        "ppid": None,
        "started_at": None,
        "user": None,
        "name": "sh",
        "exe": None,
        "arguments": "sh -c [redacted]",
    }
    assert err == ""


def test_one_kind_is_its_rows(capsys):
    out, _ = show(capsys, Format.json, None, "cpu")
    assert json.loads(out) == [{"percent": 12.5, "cores": 4, "load_1": 0.5, "load_5": None, "load_15": None}]


def test_csv_is_the_raw_values(capsys):
    out, err = show(capsys, Format.csv, None, "processes")
    rows = list(csv.DictReader(io.StringIO(out)))
    assert rows[0] == {
        "pid": "1",
        "user": "root",
        "name": "init",
        "started_at": str(NOON),
        "exe": "",
        "arguments": "",
    }
    assert "3 not seen" in err


def test_one_field_of_the_operating_system(capsys):
    assert show(capsys, Format.csv, "name", "os")[0] == "name\nDebian GNU/Linux\n"
    assert json.loads(show(capsys, Format.json, "version", "os")[0]) == ["13"]
    assert show(capsys, Format.table, "version", "os")[0] == "Operating system\nVersion\n13\n"


def test_one_field_of_the_operating_system_takes_nothing_from_the_other_kinds(capsys):
    told = json.loads(show(capsys, Format.json, "name", "os", "processes")[0])
    assert told["os"] == ["Debian GNU/Linux"]
    assert told["processes"][0]["pid"] == 1
    assert "42" in show(capsys, Format.table, "name", "os", "processes")[0]


def test_nothing_there_is_a_sentence_and_not_the_same_as_not_seen(capsys):
    for kind, sentence in (("sessions", "Nobody has an open session."), ("processes", "Nothing is there.")):
        looks: Any = {kind: Look(())}
        tables.show(Snapshot(NOON, "boot", looks, {}), Format.table)
        assert capsys.readouterr() == ("", f"{sentence}\n")
        tables.show(Snapshot(NOON, "boot", looks, {}), Format.json)
        assert json.loads(capsys.readouterr().out) == []


def test_what_was_looked_at_in_a_sentence():
    assert list(tables.summary(Snapshot(NOON, "boot", LOOKS, {}))) == [
        "host",
        "os",
        "1 addresses",
        "cpu",
        "2 processes",
        "sessions (not seen: There is no utmp)",
    ]
    looks: Any = {"sessions": Look((session("ana"), session("bob")))}
    assert list(tables.summary(Snapshot(NOON, "boot", looks, {}))) == ["2 sessions"]
