"""What goes wrong, as a person meets it: a sentence that says what to do, the exit code, and nothing lost.

No command may show a traceback: `Shell` looks at each.
"""

import json
import os
import shutil
import signal
import sqlite3
import subprocess
import threading
import time
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import httpx
import pytest

from tests.shell import Shell, Shells
from tests.world import HOSTNAME, World, items, samples, standing

one_store = pytest.mark.parametrize("store_kind", ["sqlite"], indirect=True)


# --- keys and hosts


@one_store
def test_a_wrong_key_is_refused_with_what_makes_a_right_one(world: World, machine: Shells):
    host = machine("host", COMPLIANCE_SERVER=world.url)
    for key in (f"cmk_{'a' * 43}", "hunter2"):
        for command in (("agent", "enroll"), ("agent", "send", "cpu"), ("report", "hosts")):
            shown = host(*command, COMPLIANCE_KEY=key, code=4)
            assert "This key is not known here: `compliance server keys create` makes one." in shown.err
            assert key not in shown.err
    assert len(items(world.reader, "hosts")) == 1, "the one of the fixture"


def test_an_expired_key_is_refused_by_its_name(world: World, machine: Shells, keys, store):
    with store.session() as db:
        db.execute("UPDATE api_key SET expires_at = '2001-01-01 00:00:00.000'")
    _, url = world.server.server()  # the other one may remember for some seconds that they were good
    host = machine("host", COMPLIANCE_SERVER=url)
    shown = host("agent", "send", "cpu", COMPLIANCE_KEY=keys["enroll"], code=4)
    assert "The key 'rollout' expired: make a new one with `compliance server keys create`." in shown.err
    assert "The key 'me' expired" in host("report", "hosts", COMPLIANCE_KEY=keys["read"], code=4).err
    # A host that is in needs no key any more.
    assert "applied" in world.web("agent", "send", "cpu", COMPLIANCE_SERVER=url).out


@one_store
def test_a_host_that_nobody_knows_is_said_with_where_to_look(world: World):
    shown = world.reader("report", "host", "web-77", code=1)
    assert "web-77" in shown.err
    assert "`compliance report hosts`" in shown.err


def test_a_server_that_lost_its_database_learns_all_again(world: World, machine: Shells, keys, tmp_path):
    world.web("agent", "send", "--all")
    fresh = machine("server", COMPLIANCE_DATABASE=f"sqlite:///{tmp_path}/fresh.db")
    _, url = fresh.server()
    shown = world.web("agent", "send", "cpu", COMPLIANCE_SERVER=url, code=4)
    assert "enroll it with `compliance agent enroll`" in shown.err
    assert "1 report is kept on disk" in shown.err
    enroll = fresh("server", "keys", "create", "--role", "enroll", "--name", "again").out
    world.web("agent", "enroll", "--server", url, "--key-file", "-", stdin=enroll)
    world.web("agent", "send", "--all")
    read = fresh("server", "keys", "create", "--role", "read", "--name", "me").out.strip()
    reader = machine("new reader", COMPLIANCE_SERVER=url, COMPLIANCE_KEY=read)
    assert [host["hostname"] for host in items(reader, "hosts")] == [HOSTNAME]
    assert samples(reader) == 2
    assert standing(world.web)["waiting"] == 0


def test_a_clone_is_refused_shown_and_released(world: World, machine: Shells, keys):
    world.web("agent", "send", "--all")
    twin = machine("twin")
    shutil.copytree(world.web.state, twin.state)
    refused = []
    for shell in (world.web, twin, world.web, twin, world.web):
        shown = shell("agent", "send", "cpu", code=None)
        if shown.code:
            refused.append(shown)
    assert {shown.code for shown in refused} == {4}
    assert "`compliance server hosts release`" in refused[-1].err
    assert "`compliance agent enroll --anew`" in refused[-1].err
    assert "kept on disk" in refused[-1].err
    told = world.reader("report", "host", HOSTNAME).out
    assert "as a clone since" in told
    assert f"`compliance server hosts release {HOSTNAME}`" in told.replace("\n", " ")
    world.server("server", "hosts", "release", HOSTNAME)
    anew = {"COMPLIANCE_KEY": keys["enroll"], "COMPLIANCE_SERVER": world.url}
    for shell in (world.web, twin):
        shell("agent", "enroll", "--anew", **anew)
        assert "applied" in shell("agent", "send", "--all").out
    assert len({host["id"] for host in items(world.reader, "hosts")}) == 2


# --- what is no report


def post(url: str, path: str, secret: str, body: bytes, **headers: str) -> httpx.Response:
    return httpx.post(
        f"{url}/api/v1/{path}", content=body, headers={"authorization": f"Bearer {secret}", **headers}, timeout=60
    )


BODIES: dict[str, tuple[bytes, dict[str, str], int, str]] = {
    "nothing": (b"", {}, 400, "not JSON"),
    "no JSON": (b'{"id": ', {}, 400, "not JSON"),
    "a wrong type": (b'{"id": 7}', {}, 400, "id: "),
    "a wrong type inside": (
        b'{"id":"%s","taken_at":"noon","sent_at":1,"boot_id":"b","agent":"0","sections":{}}' % (b"0" * 32),
        {},
        400,
        "taken_at: ",
    ),
    "a list": (b"[]", {}, 400, "object"),
    "no UTF-8": (b'{"id": "\xff"}', {}, 400, ""),
    "a depth that no parser likes": (b"[" * 200_000, {}, 400, ""),
    "more than is taken": (b" " * (4 * 2**20 + 1), {}, 413, ""),
    "a bomb": (b"", {"content-encoding": "gzip"}, 413, "unpacks to more than"),
    "a lie about its packing": (b"{}", {"content-encoding": "gzip"}, 400, "gzip"),
    "a packing that nobody knows": (b"{}", {"content-encoding": "br"}, 415, "gzip, zstd or none"),
}


def bomb() -> bytes:
    """A hundred megabytes of spaces in a hundred kilobytes."""
    import zlib

    packer = zlib.compressobj(9, wbits=31)
    return b"".join(packer.compress(b" " * 2**20) for _ in range(100)) + packer.flush()


@one_store
def test_what_is_no_report_is_refused_with_its_place_and_the_server_goes_on(world: World, keys):
    token = json.loads((world.web.state / "identity.json").read_text())["token"]
    for path, secret in (("reports", token), ("enroll", keys["enroll"])):
        for name, (body, headers, status, words) in BODIES.items():
            answer = post(world.url, path, secret, body or (bomb() if status == 413 else b""), **headers)
            assert answer.status_code == status, (path, name, answer.text)
            assert answer.headers["content-type"] == "application/problem+json", (path, name)
            if path == "reports":
                assert words in answer.json()["detail"], name
            assert "Traceback" not in answer.text
    assert httpx.get(f"{world.url}/health/ready").json() == {"status": "ready"}
    assert "applied" in world.web("agent", "send", "--all").out


@one_store
def test_a_report_that_can_never_be_taken_is_set_aside_and_told(world: World):
    world.web("agent", "send", "--all")
    world.web("agent", "send", "processes", COMPLIANCE_SERVER="http://127.0.0.1:9", code=3)
    with sqlite3.connect(world.web.state / "agent.db", isolation_level=None) as db:
        (body,) = db.execute("SELECT body FROM waiting").fetchone()
        report = json.loads(body)
        report["sections"]["processes"]["started"] *= 2  # each comes twice
        report["sections"]["processes"]["started"] += 2 * [report["sections"]["processes"]["started"][0]]
        db.execute("UPDATE waiting SET body = ?", [json.dumps(report)])
    db.close()
    shown = world.web("agent", "send", "cpu", code=4)
    assert "1 report is set aside in" in shown.err
    assert "set aside" in shown.out
    assert "comes twice" in shown.out
    assert "applied" in shown.out
    told = standing(world.web)
    assert (told["waiting"], told["set_aside"], told["dropped"]) == (0, 1, 1)
    assert len(list((world.web.state / "rejected").iterdir())) == 1
    gaps = json.loads(world.reader("report", "host", HOSTNAME, "-o", "json").out)["gaps"]
    assert any("refused" in gap["reason"] for gap in gaps)


# --- processes


@pytest.fixture
def odd(tmp_path: Path) -> Iterator[int]:
    """The pid of a process whose name and argument are no UTF-8."""
    program = os.fsencode(tmp_path) + b"/caf\xe9"
    Path(os.fsdecode(program)).symlink_to(shutil.which("cat") or "/bin/cat")
    with subprocess.Popen([program, "-", b"\xff\xfe"], stdin=subprocess.PIPE, stderr=subprocess.DEVNULL) as process:
        while b"caf" not in Path(f"/proc/{process.pid}/comm").read_bytes():
            time.sleep(0.01)
        yield process.pid
        process.kill()


def test_names_that_are_no_utf8_come_through_and_silence_nothing(world: World, odd):
    assert "applied" in world.web("agent", "send", "--all").out
    (row,) = (row for row in items(world.reader, "processes", "--all") if row["pid"] == odd)
    assert row["name"] == "caf\\xe9"
    assert row["arguments"].endswith("/caf\\xe9' - '\\xff\\xfe'"), row["arguments"]
    again = world.web("agent", "send", "processes")
    assert "applied" in again.out
    assert "caf\\xe9" in world.reader("report", "processes", "--name", "caf\\xe9").out


@one_store
def test_processes_that_vanish_while_they_are_read_end_nothing(world: World):
    storm = subprocess.Popen(["sh", "-c", "while :; do (true) & (true) & wait; done"], start_new_session=True)
    try:
        for _ in range(3):
            shown = world.web("agent", "send", "processes")
            assert "applied" in shown.out
            assert "not seen" not in shown.err
    finally:
        os.killpg(storm.pid, signal.SIGKILL)
        storm.wait()


# --- the other side


@pytest.fixture
def stranger() -> Iterator[str]:
    """The address of a web server that is none of ours."""

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            self.send_response(200)
            self.end_headers()
            self.wfile.write(b"<html>Welcome to nginx!</html>")

        do_POST = do_GET

        def log_message(self, *_: Any) -> None:
            pass

    with ThreadingHTTPServer(("127.0.0.1", 0), Handler) as server:
        thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01})
        thread.start()
        yield f"http://127.0.0.1:{server.server_address[1]}"
        server.shutdown()
        thread.join()


@one_store
def test_something_else_at_the_address_is_told_from_a_server(world: World, stranger, keys):
    world.web("agent", "send", "--all")
    shown = world.web("agent", "send", "cpu", COMPLIANCE_SERVER=stranger, code=3)
    assert "not as a compliance server does: is the address right, and nothing in between?" in shown.err
    assert "kept on disk" in shown.err
    shown = world.reader("report", "hosts", COMPLIANCE_SERVER=stranger, code=1)
    assert "is it a compliance server" in shown.err
    assert "applied" in world.web("agent", "send", "cpu").out
    assert samples(world.reader) == 3


@pytest.mark.parametrize(
    "url", ["ftp://host", "127.0.0.1:8080", "http://", "http://user:hunter2@127.0.0.1", "nonsense"]
)
def test_an_address_that_is_none_is_wrong_usage(shell: Shell, url):
    for command in (("agent", "send", "cpu"), ("report", "hosts")):
        shown = shell(*command, "--server", url, COMPLIANCE_KEY=f"cmk_{'a' * 43}", code=2)
        assert "hunter2" not in shown.err


@pytest.mark.parametrize("command", [("agent", "enroll"), ("report", "hosts")])
def test_a_secret_does_not_cross_a_network_in_the_clear(shell: Shell, command):
    shown = shell(*command, "--server", "http://192.0.2.1:8080", COMPLIANCE_KEY=f"cmk_{'a' * 43}", code=2)
    assert "https" in shown.err
    assert "--insecure" in shown.err
