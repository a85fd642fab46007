"""A server that answers what a test lays out, over a real socket, and remembers what it was asked."""

import json
import os
import sys
import threading
from collections.abc import Callable, Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any
from urllib.parse import parse_qsl, urlsplit

import pytest

from compliance import cli
from compliance.wire import codec
from compliance.wire.answers import Problem

KEY = "cmk_read_of_the_tests"
Shown = tuple[int, str, str]


class Canned:
    """`answers[path]` are given one after the other, the last one again and again."""

    def __init__(self) -> None:
        self.answers: dict[str, list[tuple[int, bytes]]] = {}
        self.asked: list[tuple[str, dict[str, str]]] = []
        self.keys: list[str | None] = []
        self.gateway_keys: list[str | None] = []
        self.paths: list[str] = []
        self.url = ""

    def answer(self, path: str, *structs: Any) -> None:
        self.answers[path] = [(200, codec.encode(one)) for one in structs]

    def problem(self, path: str, status: int, detail: str) -> None:
        problem = Problem(type="about:blank", title="No", status=status, detail=detail)
        self.answers[path] = [(status, codec.encode(problem))]

    def raw(self, path: str, status: int, body: bytes) -> None:
        self.answers[path] = [(status, body)]

    def take(self, path: str) -> tuple[int, bytes]:
        left = self.answers.get(path, [(404, json.dumps({"detail": f"nothing at {path}"}).encode())])
        return left.pop(0) if len(left) > 1 else left[0]


@pytest.fixture
def canned() -> Iterator[Canned]:
    said = Canned()

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            parts = urlsplit(self.path)
            path = parts.path.removeprefix("/api/v1/")
            said.asked.append((path, dict(parse_qsl(parts.query))))
            said.keys.append(self.headers["Authorization"])
            said.gateway_keys.append(self.headers["x-api-key"])
            said.paths.append(parts.path)
            status, body = said.take(path)
            self.send_response(status)
            self.send_header("Content-Length", str(len(body)))
            self.end_headers()
            self.wfile.write(body)

        def log_message(self, *_: Any) -> None:
            pass

    with ThreadingHTTPServer(("127.0.0.1", 0), Handler) as server:
        said.url = f"http://127.0.0.1:{server.server_address[1]}"
        thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01})
        thread.start()
        yield said
        server.shutdown()
        thread.join()


@pytest.fixture
def state() -> Path:
    return Path(os.environ["COMPLIANCE_STATE_DIR"])


@pytest.fixture
def report(canned: Canned, state: Path, capsys: pytest.CaptureFixture[str]) -> Callable[..., Shown]:
    """`compliance report ...` beside a server that was started on this machine: (exit code, stdout, stderr)."""
    (state / "server.url").write_text(f"{canned.url}\n")
    (state / "read.key").write_text(f"{KEY}\n")

    def call(*arguments: str) -> Shown:
        code = cli.run(["report", *arguments])
        return code, *capsys.readouterr()

    return call


@pytest.fixture
def terminal(monkeypatch: pytest.MonkeyPatch) -> Callable[[int], None]:
    """From here on stdout is a terminal of that many columns."""

    def widen(columns: int) -> None:
        monkeypatch.setenv("COLUMNS", str(columns))
        monkeypatch.setenv("TERM", "xterm-256color")
        monkeypatch.setattr(sys.stdout, "isatty", lambda: True)

    return widen
