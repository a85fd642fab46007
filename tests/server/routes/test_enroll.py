import json

import pytest

from tests.server.ingest.reporting import new_id
from tests.server.routes.reading import client, problem

PATH = "/api/v1/enroll"
TOKEN = "cmt_" + "t" * 43
GOOD = {"id": "a" * 32, "secret": TOKEN, "hostname": "web-1"}


@pytest.fixture
def enroller(database, store):
    with client(database, store, "enroll") as http:
        yield http


def test_a_host_enrolls_and_reports_at_once(enroller):
    told = enroller.post(PATH, json=GOOD)
    assert (told.status_code, told.json()) == (200, {"id": "a" * 32, "name": "web-1"})
    said = {"id": new_id(), "taken_at": 1, "sent_at": 1, "boot_id": "b", "agent": "0.1.0", "sections": {}}
    answer = enroller.post("/api/v1/reports", json=said, headers={"authorization": f"Bearer {TOKEN}"})
    assert answer.json()["outcome"] == "applied"


def test_a_token_that_was_refused_before_is_good_once_it_is_enrolled(enroller):
    """Not ten seconds later: the refusal is remembered, and forgotten when the host enrolls."""
    headers = {"authorization": f"Bearer {TOKEN}"}
    said = {"id": new_id(), "taken_at": 1, "sent_at": 1, "boot_id": "b", "agent": "0.1.0", "sections": {}}
    assert "not known here" in problem(enroller.post("/api/v1/reports", json=said, headers=headers), 401)
    enroller.post(PATH, json=GOOD)
    assert enroller.post("/api/v1/reports", json=said, headers=headers).status_code == 200


def test_saying_it_again_answers_the_same(enroller):
    assert enroller.post(PATH, json=GOOD).json() == enroller.post(PATH, json=GOOD).json()


def test_what_is_taken_is_409_with_what_to_do(enroller):
    enroller.post(PATH, json=GOOD)
    for other in ({**GOOD, "secret": "cmt_" + "u" * 43}, {**GOOD, "id": "b" * 32}):
        assert "--anew" in problem(enroller.post(PATH, json=other), 409)


@pytest.mark.parametrize(
    ("member", "value"),
    [
        ("id", "A" * 32),
        ("id", "a" * 33),
        ("id", None),
        ("secret", "cmt_" + "t" * 42),
        ("secret", "cmk_" + "t" * 43),
        ("secret", TOKEN + "\n"),
        ("secret", 7),
        ("hostname", ""),
        ("hostname", "x" * 256),
        ("hostname", ["web-1"]),
    ],
)
def test_a_wrong_value_is_refused_with_its_place_and_without_the_secret(enroller, rows, caplog, member, value):
    sentence = problem(enroller.post(PATH, json={**GOOD, member: value}), 400)
    assert sentence.startswith(f"{member}: ")
    for secret in (TOKEN, str(value)) if member == "secret" else (TOKEN,):
        assert secret not in sentence
        assert secret not in caplog.text
    assert rows.ask("SELECT COUNT(*) FROM host") == [(0,)]


@pytest.mark.parametrize("member", GOOD)
def test_a_missing_value_is_named(enroller, member):
    sentence = problem(enroller.post(PATH, json={name: value for name, value in GOOD.items() if name != member}), 400)
    assert f"`{member}`" in sentence


@pytest.mark.parametrize("body", [b"", b"[]", b"{", json.dumps(GOOD).encode()[:-1], b'{"id": "\xff"}'])
def test_what_is_no_enrollment_is_refused(enroller, body):
    assert problem(enroller.post(PATH, content=body), 400)
