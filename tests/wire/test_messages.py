"""Messages: what is told apart, what is bounded, and where a refusal says that the trouble is."""

from __future__ import annotations

import json
from typing import Any

import msgspec
import pytest

from compliance.wire.codec import decode_enrollment, decode_receipt, decode_report, digest, encode
from compliance.wire.facts import LAST_MOMENT, Cpu, Process, Session
from compliance.wire.messages import MAX_ROWS, Change, Failed, Sample, Sections, Whole

HEX = "0123456789abcdef" * 2
BASE: dict[str, Any] = {
    "id": HEX,
    "taken_at": 0,
    "sent_at": LAST_MOMENT,
    "boot_id": "b",
    "agent": "0.1",
    "sections": {},
}
EMPTY = digest([])


def report(**members: Any) -> bytes:
    return json.dumps(BASE | members).encode()


def section(kind: str, **members: Any) -> bytes:
    return report(sections={kind: members})


def refusal(body: bytes) -> str:
    with pytest.raises(msgspec.ValidationError) as error:
        decode_report(body)
    return str(error.value)


def test_the_least_report_says_nothing_and_is_one():
    said = decode_report(report())
    assert said.after is None
    assert said.sections == Sections()
    assert (bool(said.interval), bool(said.dropped)) == (False, False)
    assert json.loads(encode(said)) == BASE


def test_absent_empty_failed_and_unchanged_are_four_things_and_stay_so():
    bodies = {
        "absent": report(),
        "empty": section("sessions", form="whole", rows=[], state=EMPTY),
        "failed": section("sessions", form="failed", reason="No utmp."),
        "unchanged": section("sessions", form="change", base=EMPTY, state=EMPTY),
    }
    said = {name: decode_report(body).sections.sessions for name, body in bodies.items()}
    assert said == {
        "absent": msgspec.UNSET,
        "empty": Whole(rows=(), state=EMPTY),
        "failed": Failed(reason="No utmp."),
        "unchanged": Change(base=EMPTY, state=EMPTY),
    }
    for name, body in bodies.items():
        again = decode_report(encode(decode_report(body)))
        assert again.sections.sessions == said[name], name


def test_a_sample_is_for_the_cpu_alone():
    row = {"percent": 12.5, "cores": 4}
    assert decode_report(section("cpu", form="sample", row=row)).sections.cpu == Sample(row=Cpu(percent=12.5, cores=4))
    assert (
        refusal(section("sessions", form="sample", row=row)) == "Invalid value 'sample' - at `$.sections.sessions.form`"
    )
    assert (
        refusal(section("cpu", form="whole", rows=[], state=EMPTY))
        == "Invalid value 'whole' - at `$.sections.cpu.form`"
    )


@pytest.mark.parametrize(
    ("kind", "members", "place"),
    [
        (
            "processes",
            {"rows": [{"pid": 1, "ticks": 1, "name": "a"}, {"pid": -1, "ticks": 1, "name": "a"}]},
            "rows[1].pid",
        ),
        ("processes", {"rows": [{"pid": 1, "ticks": 1, "name": ""}]}, "rows[0].name"),
        ("processes", {"rows": [{"pid": 1, "ticks": 1}]}, "rows[0]"),
        ("processes", {"rows": {}}, "rows"),
        ("processes", {"rows": [], "state": "short"}, "state"),
        ("sessions", {"rows": [], "blind": {"rows": 1}}, "blind"),
        ("sessions", {"rows": [], "blind": {"rows": -1, "reason": "x"}}, "blind.rows"),
        ("addresses", {"rows": [{"address": "x", "interface": "i"}]}, "rows[0].address"),
        ("host", {"rows": [{"hostname": "h", "booted_at": LAST_MOMENT + 1}]}, "rows[0].booted_at"),
    ],
)
def test_a_refusal_names_the_place(kind: str, members: dict[str, Any], place: str):
    assert refusal(section(kind, **{"form": "whole", "state": EMPTY} | members)).endswith(
        f"`$.sections.{kind}.{place}`"
    )


@pytest.mark.parametrize(
    ("kind", "ended", "place"),
    [
        ("processes", [[1, 2], [2**32, 1]], "ended[1][0]"),
        ("processes", [[1]], "ended[0]"),
        ("sessions", [["ana", "", "", -1]], "ended[0][3]"),
        ("sessions", [["", "", "", 0]], "ended[0][0]"),
        ("addresses", ["not an address"], "ended[0]"),
        ("addresses", ["a" * 46], "ended[0]"),
        ("host", ["x" * 100_000], "ended[0]"),
        ("os", ["x"], "ended[0]"),
    ],
)
def test_the_keys_of_what_ended_are_bounded_as_the_rows_are(kind: str, ended: Any, place: str):
    body = section(kind, form="change", base=EMPTY, state=EMPTY, ended=ended)
    assert refusal(body).endswith(f"`$.sections.{kind}.{place}`")


@pytest.mark.parametrize(
    ("member", "values"),
    [
        ("id", ["", HEX[1:], HEX + "0", HEX.upper(), HEX + "\n", None, 7]),
        ("after", ["", HEX + "\n"]),
        ("taken_at", [-1, LAST_MOMENT + 1, 0.5, "0", None]),
        ("sent_at", [-1, LAST_MOMENT + 1]),
        ("boot_id", ["", "b" * 65, None]),
        ("agent", ["", "a" * 65]),
        ("interval", [0, 86_401, None]),
        (
            "dropped",
            [{}, {"reports": -1, "reason": "x"}, {"reports": 2**32, "reason": "x"}, {"reports": 1, "reason": ""}],
        ),
        ("sections", [None, []]),
    ],
)
def test_what_a_report_says_of_itself_is_bounded(member: str, values: list[Any]):
    for value in values:
        assert f"`$.{member}" in refusal(report(**{member: value})), value


def test_a_section_holds_so_many_rows_and_no_more():
    rows = [{"user": f"u{number}"} for number in range(MAX_ROWS)]
    said = decode_report(section("sessions", form="whole", state=EMPTY, rows=rows)).sections.sessions
    assert isinstance(said, Whole)
    assert len(said.rows) == MAX_ROWS
    rows.append({"user": "one too many"})
    keys = [[row["user"], "", "", 0] for row in rows]
    changed = {"form": "change", "base": EMPTY, "state": EMPTY}
    assert "sessions.rows" in refusal(section("sessions", form="whole", state=EMPTY, rows=rows))
    assert "sessions.started" in refusal(section("sessions", started=rows, **changed))
    assert "sessions.ended" in refusal(section("sessions", ended=keys, **changed))


def test_what_a_newer_agent_adds_is_ignored():
    new = {"weather": {"sun": [1, 2]}}
    body = report(**new, sections={"disks": {"form": "whole"}, "cpu": {"form": "failed", "reason": "x", **new}})
    assert decode_report(body) == decode_report(section("cpu", form="failed", reason="x"))


def test_a_form_that_nobody_knows_is_refused_with_its_place():
    assert refusal(section("os", form="guess")) == "Invalid value 'guess' - at `$.sections.os.form`"
    assert refusal(section("os", rows=[])) == "Object missing required field `form` - at `$.sections.os`"


def test_keys_come_back_as_the_tuples_that_rows_have():
    ended: dict[str, tuple[Any, Process | Session]] = {
        "processes": ([[1, 2]], Process(pid=1, ticks=2, name="x")),
        "sessions": ([["ana", "pts/0", "", 5]], Session(user="ana", terminal="pts/0", opened_at=5)),
    }
    for kind, (keys, row) in ended.items():
        body = section(kind, form="change", base=EMPTY, state=EMPTY, ended=keys)
        assert getattr(decode_report(body).sections, kind).ended == (row.key,)


TOKEN = "cmt_" + "A" * 43


@pytest.mark.parametrize(
    "members",
    [
        {"id": HEX + "\n"},
        {"id": ""},
        {"secret": TOKEN + "\n"},
        {"secret": TOKEN[:-1]},
        {"secret": "cmk_" + "A" * 43},
        {"secret": "cmt_" + "é" * 43},
        {"hostname": ""},
        {"hostname": "h" * 256},
    ],
)
def test_an_enrollment_is_bounded(members: dict[str, Any]):
    whole = {"id": HEX, "secret": TOKEN, "hostname": "web-1"}
    assert decode_enrollment(json.dumps(whole).encode()).hostname == "web-1"
    with pytest.raises(msgspec.ValidationError):
        decode_enrollment(json.dumps(whole | members).encode())


def test_a_receipt_wants_only_kinds_that_there_are():
    assert decode_receipt(b'{"outcome": "wanted", "wanted": ["os", "cpu"]}').wanted == ("os", "cpu")
    for body in (b'{"outcome": "wanted", "wanted": ["weather"]}', b'{"outcome": "lost"}', b"{}"):
        with pytest.raises(msgspec.ValidationError):
            decode_receipt(body)
