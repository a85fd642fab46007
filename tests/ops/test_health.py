"""The server's own word on how it is, over real sockets."""

import json
import ssl
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

import pytest

from compliance.ops.health import ask, server_url
from compliance.ops.status import Health
from tests.ops.aws import free_port
from tests.server.storage.test_tls import Authority


@contextmanager
def serving(status: int, body: bytes = b"", certificate=None) -> Iterator[str]:
    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            self.send_response(status)
            self.end_headers()
            self.wfile.write(body if self.path == "/health/ready" else b"elsewhere")

        def log_message(self, *_: object) -> None:
            pass

    with ThreadingHTTPServer(("127.0.0.1", 0), Handler) as server:
        scheme, name = "http", "127.0.0.1"
        if certificate is not None:
            context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
            context.load_cert_chain(certificate, certificate.with_suffix(".key"))
            server.socket = context.wrap_socket(server.socket, server_side=True)
            server.handle_error = lambda *_: None  # type: ignore[method-assign]
            scheme, name = "https", "localhost"
        thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01})
        thread.start()
        yield f"{scheme}://{name}:{server.server_address[1]}/health/ready"
        server.shutdown()
        thread.join()


@pytest.mark.parametrize(
    ("outputs", "url"),
    [
        ({"Url": "https://x.example.org"}, "https://x.example.org/health/ready"),
        ({"Url": "https://x.example.org/v1/"}, "https://x.example.org/v1/health/ready"),
        ({"Url": "nowhere"}, None),
        ({"VpcId": "vpc-1"}, None),
    ],
)
def test_the_output_tells_where_the_server_is(outputs, url):
    assert server_url(outputs) == url


def test_a_server_that_is_ready_is_ready():
    with serving(200) as url:
        answer = ask(url)
    assert (answer.health, answer.url, answer.sentence) == (Health.ready, url, f"{url} answers that it is ready")


def test_a_server_that_is_not_says_why():
    detail = json.dumps({"detail": "The writer does not run; the server's log says why."}).encode()
    with serving(503, detail) as url:
        answer = ask(url)
    assert answer.health is Health.unready
    assert answer.sentence == f"{url} answers 503: The writer does not run; the server's log says why"


@pytest.mark.parametrize("body", [b"", b"<html>", b"[1]", b'{"detail": 3}'])
def test_an_answer_of_something_in_between_is_told_by_its_number(body):
    with serving(504, body) as url:
        assert ask(url).sentence == f"{url} answers 504"


@pytest.mark.parametrize("status", [401, 403])
def test_a_gateway_that_wants_a_key_leaves_the_server_unknown(status):
    with serving(status) as url:
        assert ask(url).health is Health.unknown


def test_a_server_that_does_not_answer_is_not_ready():
    url = f"http://127.0.0.1:{free_port()}/health/ready"
    answer = ask(url)
    assert answer.health is Health.unready
    assert answer.sentence.startswith(f"{url} does not answer (")


def test_a_certificate_of_ones_own_is_trusted_when_it_is_the_one_that_was_shown(tmp_path):
    authority, stranger = Authority(tmp_path, "authority"), Authority(tmp_path, "stranger")
    with serving(200, certificate=authority.issue("localhost")) as url:
        assert ask(url, authority.ca.read_text()).health is Health.ready
        assert ask(url, stranger.ca.read_text()).health is Health.unready
        assert ask(url).health is Health.unready


def test_a_server_that_shows_no_certificate_yet_has_not_started():
    answer = ask("https://127.0.0.1:1/health/ready", "none yet")
    assert answer.health is Health.unready
    assert "has not started to the end" in answer.sentence
