"""What a socket may be sent: a real server, and bytes that no client library would send."""

import json
import re
import socket
from pathlib import Path

import pytest

from compliance.server.connection import MAX_HEAD
from tests.shell import Running, Shell

CLOSE = b"connection: close\r\n"
POST = b"POST /api/v1/enroll HTTP/1.1\r\nhost: x\r\n"


@pytest.fixture
def server(shell: Shell) -> Running:
    return shell.start("server", "run", "--port", "0")


@pytest.fixture
def port(server: Running) -> int:
    return int(server.said(r"Listening on http://127.0.0.1:(\d+),"))


def answered(port, *parts):
    """All that comes back until the server hangs up."""
    with socket.create_connection(("127.0.0.1", port), timeout=30) as sock:
        try:
            for part in parts:
                sock.sendall(part)
        except OSError:
            pass  # it hung up already: what it said is still to be read
        return received(sock)


def received(sock):
    said = b""
    try:
        while more := sock.recv(65536):
            said += more
    except ConnectionResetError:
        pass
    return said


def problem(said, status):
    head, _, body = said.partition(b"\r\n\r\n")
    assert head.startswith(b"HTTP/1.1 %d " % status), said[:200]
    assert b"application/problem+json" in head
    return json.loads(body)["detail"]


def is_well(port):
    said = answered(port, b"GET /health/ready HTTP/1.1\r\nhost: x\r\n" + CLOSE + b"\r\n")
    return said.startswith(b"HTTP/1.1 200")


def memory(server):
    """Megabytes that the server has taken at most."""
    return int(re.findall(r"VmHWM:\s+(\d+)", Path(f"/proc/{server.process.pid}/status").read_text())[0]) // 1024


@pytest.mark.parametrize(
    ("start", "more"),
    [
        (b"GET /health/live HTTP/1.1\r\nx: ", b"a" * 65536),
        (b"GET /health/live HTTP/1.1\r\n", b"x: y\r\n" * 8192),
        (b"GET /", b"a" * 65536),
        (b"GET /health/live?", b"a" * 65536),
    ],
)
def test_a_head_without_end_is_refused_and_costs_no_memory(server, port, start, more):
    before = memory(server)
    assert "larger than 64 KB" in problem(answered(port, start, *[more] * 600), 431)
    assert memory(server) - before < 60
    assert is_well(port)


def test_the_second_request_of_a_connection_is_bounded_too(port):
    first = b"GET /health/live HTTP/1.1\r\nhost: x\r\n\r\n"
    with socket.create_connection(("127.0.0.1", port), timeout=30) as sock:
        sock.sendall(first)
        said = b""
        while not said.endswith(b'{"status":"live"}'):
            said += sock.recv(65536)
        try:
            sock.sendall(b"GET /health/live HTTP/1.1\r\n")
            for _ in range(600):
                sock.sendall(b"x: y\r\n" * 8192)
        except OSError:
            pass
        assert "larger than 64 KB" in problem(received(sock), 431)


def test_trailers_without_end_are_cut_off(server, port):
    before = memory(server)
    head = POST + b"transfer-encoding: chunked\r\n\r\n2\r\n{}\r\n0\r\n"
    answered(port, head, *[b"x: y\r\n" * 8192] * 600)
    assert memory(server) - before < 60
    assert is_well(port)


def test_a_large_head_that_ends_is_taken(port):
    many = b"".join(b"x-%d: %s\r\n" % (number, b"a" * 1000) for number in range(50))
    assert 50_000 < len(many) < MAX_HEAD
    said = answered(port, b"GET /health/live HTTP/1.1\r\nhost: x\r\n" + CLOSE, many, b"\r\n")
    assert said.startswith(b"HTTP/1.1 200")


@pytest.mark.parametrize("chunk", [8, 1000, 100_000])
def test_a_body_in_chunks_is_read_whole(port, chunk):
    """With no key it is a 401, which comes when the head is there; what follows may not be taken for a head."""
    body = b"x" * 300_000
    chunks = b"".join(
        b"%x\r\n%s\r\n" % (len(part), part) for part in (body[at : at + chunk] for at in range(0, len(body), chunk))
    )
    said = answered(port, POST + CLOSE + b"transfer-encoding: chunked\r\n\r\n", chunks, b"0\r\n\r\n")
    assert problem(said, 401)


@pytest.mark.parametrize(
    "rest",
    [
        b"content-length: -5\r\n\r\n{}",
        b"content-length: abc\r\n\r\n{}",
        b"content-length: 5\r\ntransfer-encoding: chunked\r\n\r\n0\r\n\r\n",
        b"content-length: 2\r\ncontent-length: 3\r\n\r\n{}",
        b"transfer-encoding: chunked\r\n\r\nzz\r\n",
        b"no colon\r\n\r\n",
        b"x: a\x00b\r\n\r\n",
    ],
)
def test_a_request_that_contradicts_itself_is_refused(port, rest):
    assert problem(answered(port, POST + rest), 400) in (
        "This is no HTTP request.",
        "Send your key as `Authorization: Bearer ...`.",
    )
    assert is_well(port)


@pytest.mark.parametrize(
    "said", [b"\x16\x03\x01\x02\x00hello\r\n\r\n", b"GET / HTTP/9.9\r\n\r\n", b"GET /\xff HTTP/1.1\r\n\r\n"]
)
def test_what_is_no_http_is_refused_with_a_problem(port, said):
    assert problem(answered(port, said), 400) == "This is no HTTP request."


def test_a_body_that_is_longer_than_it_says_is_no_second_request(port):
    said = answered(port, POST + b"content-length: 2\r\n\r\n{}more of it\r\n\r\n")
    assert said.count(b"HTTP/1.1") == 1
    assert is_well(port)


def test_a_body_that_is_shorter_than_it_says_and_a_client_that_goes_leave_no_trace(shell, server, port):
    key = json.loads(shell("server", "keys", "create", "--role", "enroll", "--name", "e", "-o", "json").out)["key"]
    head = POST + b"authorization: Bearer " + key.encode() + b"\r\ncontent-length: 5000\r\n\r\n{"
    for _ in range(3):
        with socket.create_connection(("127.0.0.1", port), timeout=30) as sock:
            sock.sendall(head)
    assert is_well(port)
    assert "Traceback" not in server.err
    assert key not in server.err


def test_a_websocket_is_not_spoken_and_nobody_is_told_to_install_one(server, port):
    upgrade = b"GET /health/live HTTP/1.1\r\nhost: x\r\nupgrade: websocket\r\nconnection: upgrade, close\r\n\r\n"
    assert answered(port, upgrade).startswith(b"HTTP/1.1 200")
    assert is_well(port)
    assert "pip install" not in server.err
