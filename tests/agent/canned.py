"""A server that answers what a test lays out, over a real socket, and remembers what it was sent."""

from __future__ import annotations

import gzip
import json
import ssl
import threading
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

from compliance.wire import codec
from compliance.wire.messages import Report

PROBLEM = "application/problem+json"


@dataclass
class Answer:
    """`None` as the body is no answer at all: the connection is kept open, and nothing comes."""

    status: int = 200
    body: bytes | None = b"{}"
    headers: Mapping[str, str] = field(default_factory=dict)


def problem(status: int, detail: str, **headers: str) -> Answer:
    body = json.dumps({"type": "about:blank", "title": "No", "status": status, "detail": detail}).encode()
    named = {name.replace("_", "-"): value for name, value in headers.items()}
    return Answer(status, body, {"content-type": PROBLEM, **named})


class Canned:
    """`answers` are given one after the other, the last one again and again."""

    def __init__(self) -> None:
        self.answers: list[Answer] = [Answer()]
        self.asked: list[tuple[str, dict[str, str], bytes]] = []
        """Path, headers by lower-case name, body as it was before it was packed."""
        self.url = ""
        self.arrived = threading.Semaphore(0)
        """Released with each request that has come in whole."""
        self.ended = threading.Event()

    def reports(self) -> list[Report]:
        return [codec.decode_report(body) for path, _, body in self.asked if path.endswith("/reports")]

    def take(self) -> Answer:
        return self.answers.pop(0) if len(self.answers) > 1 else self.answers[0]


@contextmanager
def canned(tls: ssl.SSLContext | None = None) -> Iterator[Canned]:
    said = Canned()

    class Handler(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            body = self.rfile.read(int(self.headers["content-length"]))
            headers = {name.lower(): value for name, value in self.headers.items()}
            plain = gzip.decompress(body) if headers.get("content-encoding") == "gzip" else body
            said.asked.append((self.path, headers, plain))
            answer = said.take()
            said.arrived.release()
            if answer.body is None:
                said.ended.wait()
                self.close_connection = True
                return
            self.send_response(answer.status)
            for name, value in {"content-length": str(len(answer.body)), **answer.headers}.items():
                self.send_header(name, value)
            self.end_headers()
            self.wfile.write(answer.body)

        def log_message(self, *_: Any) -> None:
            pass

    with ThreadingHTTPServer(("127.0.0.1", 0), Handler) as server:
        said.url = f"http://127.0.0.1:{server.server_address[1]}"
        if tls is not None:
            server.socket = tls.wrap_socket(server.socket, server_side=True)
            server.handle_error = lambda *_: None  # type: ignore[method-assign]
            said.url = f"https://localhost:{server.server_address[1]}"
        thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01})
        thread.start()
        yield said
        said.ended.set()
        server.shutdown()
        thread.join()
