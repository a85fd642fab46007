"""Every way an answer can fail, as the sentence and the exit code that a person meets."""

import socket

import pytest

from tests.report import fleet

ROLES = "This key is for enrolling hosts (role enroll); reports need a key of the role read or admin."


@pytest.mark.parametrize(
    ("status", "code"),
    [(401, 4), (403, 4), (404, 1), (400, 2), (422, 2), (429, 3), (500, 3), (503, 3), (409, 1)],
)
def test_the_servers_own_sentence_is_shown_and_the_exit_code_follows_its_status(canned, report, status, code):
    canned.problem("hosts", status, ROLES)
    assert report("hosts") == (code, "", f"Error: {ROLES}\n")


@pytest.mark.parametrize(("status", "body"), [(404, b"<html>"), (302, b""), (502, b"[]"), (403, b'{"detail": ""}')])
def test_an_answer_that_is_no_problem_of_ours_asks_what_stands_there(canned, report, status, body):
    canned.raw("hosts", status, body)
    _, out, err = report("hosts")
    assert out == ""
    assert err == (
        f"Error: {canned.url} answered {status} and not why: is it a compliance server, with nothing in between?\n"
    )


@pytest.mark.parametrize("body", [b"<html>", b"{}", b'{"at": "x", "items": [], "next": null, "unknown": []}'])
def test_an_answer_in_another_form_is_one_sentence(canned, report, body):
    canned.raw("hosts", 200, body)
    code, out, err = report("hosts")
    assert (code, out) == (1, "")
    assert "answered in a form that this version does not read" in err
    assert len(err.splitlines()) == 1


def test_a_server_that_is_not_there_says_how_to_start_one(report, monkeypatch):
    monkeypatch.setenv("COMPLIANCE_KEY", "k")
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        url = f"http://127.0.0.1:{taken.getsockname()[1]}"
        code, out, err = report("hosts", "--server", url)
    assert (code, out) == (3, "")
    assert err.startswith(f"Error: Cannot reach the server at {url} (")
    assert err.endswith("): start one with `compliance up`, or name another with --server.\n")


def test_a_cursor_that_leads_nowhere_ends_and_does_not_loop(canned, report):
    canned.answer("processes", fleet.page(fleet.process(), next="same"))
    code, _, err = report("processes", "--all")
    assert code == 1
    assert "repeats itself" in err
    assert len(canned.asked) == 2


def test_a_host_name_cannot_lead_to_another_path(canned, report):
    code, _, err = report("host", "../keys?x=1")
    assert code == 1
    assert canned.asked[0][0] == "hosts/..%2Fkeys%3Fx%3D1"
    assert err == "Error: nothing at hosts/..%2Fkeys%3Fx%3D1\n"


def test_a_stretch_that_begins_after_the_moment_is_refused(canned, report):
    code, _, err = report("cpu", "--since", "2026-01-02", "--at", "2026-01-01")
    assert code == 2
    assert "--since lies after the moment asked for" in err
    assert canned.asked == []
