import gzip
import itertools
import json
import threading
import time
from typing import Any

import msgspec
import pytest
import zstandard
from litestar.testing import TestClient

from compliance.server.app import create_app
from compliance.server.config import MEGABYTE, Config
from compliance.server.storage.clock import OPEN
from compliance.wire.codec import encode
from compliance.wire.messages import MAX_ROWS
from tests.server.ingest.reporting import (
    NOON,
    Machine,
    change,
    everything,
    process,
    report,
    same,
    sample,
    session,
    whole,
)
from tests.server.ingest.trouble import REFUSED_PID, another, refusing_a_pid
from tests.server.routes.reading import problem

PATH = "/api/v1/reports"


def post(host, said, **headers):
    return host.post(PATH, content=encode(said), headers=headers)


def as_json(said) -> Any:
    return json.loads(encode(said))


def changed(said, path, value):
    """The report as JSON, with another value at the path; `...` takes the member out."""
    made = as_json(said)
    place = made
    for step in path[:-1]:
        place = place[step]
    if value is ...:
        del place[path[-1]]
    else:
        place[path[-1]] = value
    return json.dumps(made).encode()


def test_a_report_is_applied_told_again_and_followed(host, rows):
    first = report(**everything(process(1)))
    assert post(host, first).json() == {"outcome": "applied", "last": first.id}
    assert post(host, first).json() == {"outcome": "repeat", "last": first.id}
    unfit = report(first.id, processes=same(process(9)))
    assert post(host, unfit).json() == {"outcome": "wanted", "last": first.id, "wanted": ["processes"]}
    second = report(first.id, processes=change((process(1),), (process(2),)))
    assert post(host, second).json() == {"outcome": "applied", "last": second.id}
    assert rows.ask("SELECT pid FROM process WHERE ended_at = ?", OPEN) == [(2,)]


@pytest.mark.parametrize(("encoding", "pack"), [("gzip", gzip.compress), ("zstd", zstandard.compress)])
def test_a_report_may_come_packed(host, encoding, pack):
    answer = host.post(PATH, content=pack(encode(report(cpu=sample()))), headers={"content-encoding": encoding})
    assert answer.json()["outcome"] == "applied"


def test_only_the_token_says_who_reports(store, host, enrolled, rows):
    other = Machine(store, 2)
    post(host, report(host=everything()["host"]))
    seen = "SELECT seen_at IS NULL FROM host_contact WHERE host_id = ?"
    assert rows.ask(seen, enrolled.host_id) == [(0,)]
    assert rows.ask(seen, other.host_id) == [(1,)]


def test_a_clone_is_refused_with_what_to_do(host):
    first = report(cpu=sample())
    post(host, first)
    post(host, report(first.id, cpu=sample()))
    for _ in range(2):
        fork = report(first.id, cpu=sample())
        last = post(host, fork).json()["last"]
        answer = post(host, report(last, id=fork.id, cpu=sample()))
    sentence = problem(answer, 403)
    assert "Two machines" in sentence
    assert "hosts release" in sentence
    assert "--anew" in sentence


# Bad input

GOOD = report(cpu=sample(), processes=change((), tuple(process(pid) for pid in range(1, 6))), sessions=whole(session()))
STARTED = ("sections", "processes", "started")


@pytest.mark.parametrize(
    ("path", "value", "place"),
    [
        (("id",), ..., "Object missing required field `id`"),
        (("id",), "g" * 32, "id: "),
        (("id",), "a" * 31, "id: "),
        (("after",), 7, "after: "),
        (("taken_at",), "yesterday", "taken_at: "),
        (("taken_at",), -1, "taken_at: "),
        (("taken_at",), 4_102_444_800_001, "taken_at: "),
        (("sent_at",), 1.5, "sent_at: "),
        (("boot_id",), "", "boot_id: "),
        (("boot_id",), "b" * 65, "boot_id: "),
        (("agent",), None, "agent: "),
        (("interval",), 0, "interval: "),
        (("interval",), 86_401, "interval: "),
        (("sections",), [], "sections: "),
        (("sections",), ..., "missing required field `sections`"),
        (("sections", "processes"), None, "processes: "),
        (("sections", "processes", "form"), "half", "processes.form: "),
        (("sections", "processes", "form"), ..., "processes: "),
        (("sections", "processes", "base"), "nonsense", "processes.base: "),
        ((*STARTED, 3, "pid"), "7", "processes.started[3].pid: Expected `int`, got `str`"),
        ((*STARTED, 3, "pid"), True, "processes.started[3].pid: "),
        ((*STARTED, 3, "pid"), -1, "processes.started[3].pid: "),
        ((*STARTED, 3, "pid"), 2**32, "processes.started[3].pid: "),
        ((*STARTED, 3, "pid"), 1.5, "processes.started[3].pid: "),
        ((*STARTED, 3, "pid"), 10**30, "processes.started[3].pid: "),
        ((*STARTED, 3, "ticks"), 2**63, "processes.started[3].ticks: "),
        ((*STARTED, 3, "name"), "", "processes.started[3].name: "),
        ((*STARTED, 3, "name"), "x" * 256, "processes.started[3].name: "),
        ((*STARTED, 3, "exe"), "x" * 4097, "processes.started[3].exe: "),
        ((*STARTED, 3, "arguments"), "x" * 65_537, "processes.started[3].arguments: "),
        ((*STARTED, 3), "sshd", "processes.started[3]: "),
        (("sections", "processes", "ended"), [["1", 2]], "processes.ended[0][0]: "),
        (("sections", "processes", "ended"), [[1]], "processes.ended[0]: "),
        (("sections", "sessions", "rows", 0, "user"), "", "sessions.rows[0].user: "),
        (("sections", "cpu", "row", "percent"), 100.1, "cpu.row.percent: "),
        (("sections", "cpu", "row", "percent"), "1", "cpu.row.percent: "),
        (("sections", "cpu", "row", "cores"), 0, "cpu.row.cores: "),
        (("sections", "cpu", "row", "load_1"), 1e10, "cpu.row.load_1: "),
        (("sections", "cpu", "form"), "whole", "cpu.form: "),
        (("dropped",), {"reports": -1, "reason": "full"}, "dropped.reports: "),
        (("dropped",), {"reports": 1, "reason": ""}, "dropped.reason: "),
    ],
)
def test_a_wrong_value_is_refused_with_its_place(host, rows, path, value, place):
    sentence = problem(host.post(PATH, content=changed(GOOD, path, value)), 400)
    assert place in sentence
    assert rows.ask("SELECT report_id FROM host_contact") == [(None,)]


@pytest.mark.parametrize("number", ["NaN", "Infinity", "-Infinity", "1e999", "-1e999", "1" * 400, "0x1", "01", "1_0"])
def test_a_number_that_is_none_or_absurd_is_refused(host, number):
    body = encode(report(cpu=sample(77.0))).replace(b"77.0", number.encode())
    assert number.encode() in body
    assert problem(host.post(PATH, content=body), 400)


@pytest.mark.parametrize(
    "body",
    [
        b"",
        b"null",
        b"[]",
        b'"report"',
        b"{",
        b"{}",
        b"not json",
        encode(GOOD)[:-1],
        encode(GOOD) + b"{}",
        b"\xff\xfe{}",
        b"\x00",
        encode(GOOD).decode().encode("utf-16"),
    ],
)
def test_what_is_no_report_is_refused(host, body):
    assert problem(host.post(PATH, content=body), 400)


@pytest.mark.parametrize("name", [b"\xff", b"\xc3", b"\xed\xa0\x80", b"\xf5\x80\x80\x80", b"\\ud800", b"\\u12"])
def test_a_name_that_is_no_text_is_refused(host, name):
    body = encode(report(processes=change((), (process(name="NAME"),)))).replace(b"NAME", name)
    assert problem(host.post(PATH, content=body), 400)


@pytest.mark.parametrize("nest", [b"[", b'{"a":'])
def test_a_body_nested_without_end_is_refused(host, caplog, nest):
    body = b'{"more":' + nest * 200_000
    assert "deep" in problem(host.post(PATH, content=body), 400)
    assert caplog.records == []


def test_a_member_that_comes_twice_counts_as_it_came_last(host):
    said = report(cpu=sample())
    body = b'{"id":"' + b"f" * 32 + b'",' + encode(said)[1:]
    assert host.post(PATH, content=body).json() == {"outcome": "applied", "last": said.id}


def test_members_that_are_not_known_are_left_aside(host):
    made = as_json(report(processes=whole(process())))
    made["new"] = {"deep": [1, None, "x"]}
    made["sections"]["ports"] = {"form": "whole", "rows": []}
    made["sections"]["processes"]["rows"][0]["colour"] = "blue"
    assert host.post(PATH, content=json.dumps(made).encode()).json()["outcome"] == "applied"


def test_a_key_twice_and_rows_of_another_digest_are_refused_with_their_place(host):
    twice = whole(process(1), process(1, ticks=9))
    assert "processes.rows[1].pid: it comes twice" in problem(post(host, report(processes=twice)), 400)
    lying = msgspec.structs.replace(whole(process(1)), state="0" * 32)
    assert "processes.state: not the digest" in problem(post(host, report(processes=lying)), 400)


@pytest.mark.parametrize("part", ["rows", "started", "ended"])
def test_more_rows_than_a_section_holds_are_refused(host, part):
    keys = [[pid, 1] for pid in range(MAX_ROWS + 1)]
    many = [{"pid": pid, "ticks": ticks, "name": "a"} for pid, ticks in keys]
    section: dict[str, Any] = {"form": "whole", "rows": many, "state": "0" * 32}
    if part != "rows":
        values = keys if part == "ended" else many
        section = {"form": "change", "base": "0" * 32, "state": "0" * 32, part: values}
    body = json.dumps({**as_json(report()), "sections": {"processes": section}}).encode()
    sentence = problem(host.post(PATH, content=body), 400)
    assert sentence.startswith(f"processes.{part}: ")
    assert str(MAX_ROWS) in sentence


def test_as_many_rows_as_a_section_holds_are_taken(host, rows):
    many = whole(*(process(pid, name=f"job {pid % 50}") for pid in range(1, MAX_ROWS + 1)))
    assert post(host, report(processes=many)).json()["outcome"] == "applied"
    assert rows.ask("SELECT COUNT(*) FROM process") == [(MAX_ROWS,)]


def test_a_body_is_bounded_as_it_comes_and_as_it_unpacks(host):
    assert "larger than 4 MB" in problem(host.post(PATH, content=b" " * (4 * MEGABYTE + 1)), 413)
    for encoding, pack in (("gzip", gzip.compress), ("zstd", zstandard.compress)):
        bomb = pack(b" " * (32 * MEGABYTE + 1))
        answer = host.post(PATH, content=bomb, headers={"content-encoding": encoding})
        assert "more than 32 MB" in problem(answer, 413)


def test_a_body_that_does_not_say_its_length_is_bounded_too(host):
    chunks = itertools.repeat(b" " * MEGABYTE, 6)
    assert problem(host.post(PATH, content=chunks), 413)


def test_texts_of_any_kind_are_kept_as_they_are(host, reader):
    names = [
        "nul \x00",
        "emoji \U0001f600",
        "quote ' \" \\ % ? {in}",
        "line\nfeed\ttab",
        "\u202eright to left",
        "é" * 255,
    ]
    said = report(processes=whole(*(process(pid, name=name, user=name) for pid, name in enumerate(names, 1))))
    assert post(host, said).json()["outcome"] == "applied"
    items = reader.get("/api/v1/processes").json()["items"]
    assert [(item["name"], item["user"]) for item in items] == [(name, name) for name in names]


# Trouble


def test_a_report_that_the_store_refuses_is_422_and_the_next_one_is_taken(store, host):
    with refusing_a_pid(store):
        assert "cannot keep this report" in problem(post(host, report(processes=whole(process(REFUSED_PID)))), 422)
        assert post(host, report(processes=whole(process(1)))).json()["outcome"] == "applied"


def test_a_store_in_trouble_is_503_with_a_sentence_and_when_to_come_again(store, host, caplog):
    with store.session() as db:
        db.execute("ALTER TABLE cpu_sample RENAME TO cpu_sample_away")
    try:
        answer = post(host, report(cpu=sample()))
    finally:
        with store.session() as db:
            db.execute("ALTER TABLE cpu_sample_away RENAME TO cpu_sample")
    assert "lacks a table" in problem(answer, 503)
    assert int(answer.headers["retry-after"]) > 0
    assert "Traceback" not in caplog.text
    assert post(host, report(cpu=sample())).json()["outcome"] == "applied"


def test_a_full_queue_is_503_at_once(store, database):
    """While the first one waits for a lock, a second one fills the queue."""
    machines = [Machine(store, number) for number in range(1, 4)]
    app = create_app(Config(database=database, queue_bytes=1))
    answers = {}

    def send(http, machine):
        headers = {"authorization": f"Bearer {machine.secret}"}
        answers[machine.identity] = http.post(PATH, content=encode(report(cpu=sample())), headers=headers)

    with TestClient(app) as http, another(database) as other:
        other.begin()
        other.execute("UPDATE host_contact SET skew_ms = 9")
        first, second = (threading.Thread(target=send, args=(http, machine)) for machine in machines[:2])
        first.start()
        wait_for(lambda: app.state.writer._held)
        second.start()
        wait_for(lambda: app.state.writer._queue)
        send(http, machines[2])
        other.rollback()
        first.join()
        second.join()
    assert "more reports than it can take" in problem(answers[machines[2].identity], 503)
    assert answers[machines[2].identity].headers["retry-after"] == "5"
    assert [answers[machine.identity].json()["outcome"] for machine in machines[:2]] == ["applied", "applied"]


def wait_for(condition):
    deadline = time.monotonic() + 30
    while not condition():
        assert time.monotonic() < deadline, "it did not come to that"
        time.sleep(0.005)


def test_no_answer_and_no_log_line_holds_the_token(host, enrolled, caplog):
    bodies = [b"", b"{", encode(GOOD)[:-1], changed(GOOD, ("id",), enrolled.secret), changed(GOOD, ("agent",), 7)]
    for body in bodies:
        answer = host.post(PATH, content=body)
        assert enrolled.secret not in answer.text
        assert "Traceback" not in answer.text
    assert enrolled.secret not in caplog.text
    assert caplog.records == []


def test_a_report_is_received_when_it_came_whatever_its_clock_says(host, rows):
    post(host, report(taken=NOON - 10**9, sent=NOON - 10**9 + 5000, cpu=sample()))
    late = rows.ask("SELECT seen_at, received_at, skew_ms FROM host_contact")[0]
    assert late[0] < late[1]
    assert late[2] < -(10**9) + 60_000
