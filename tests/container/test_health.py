"""The image's health check, against servers of its own."""

import ssl
import subprocess
import threading
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, HTTPServer

import pytest

from container import health


@contextmanager
def answering(status, certificate=None):
    class Handler(BaseHTTPRequestHandler):
        def do_GET(self):
            self.send_response(status if self.path == "/health/ready" else 404)
            self.end_headers()
            self.wfile.write(b"The database cannot be reached.")

        def log_message(self, *_):
            pass

    with HTTPServer(("127.0.0.1", 0), Handler) as server:
        if certificate:
            context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
            context.load_cert_chain(certificate)
            server.socket = context.wrap_socket(server.socket, server_side=True)
        thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01})
        thread.start()
        try:
            yield server.server_port
        finally:
            server.shutdown()
            thread.join()


@pytest.fixture
def certificate(tmp_path):
    file = tmp_path / "server.pem"
    command = ["openssl", "req", "-x509", "-newkey", "rsa:2048", "-nodes", "-days", "1", "-subj", "/CN=elsewhere"]
    subprocess.run([*command, "-keyout", file, "-out", tmp_path / "cert.pem"], check=True, capture_output=True)
    file.write_bytes(file.read_bytes() + (tmp_path / "cert.pem").read_bytes())
    return file


def test_a_ready_server_is_healthy():
    with answering(200) as port:
        assert health.main(port) == 0


def test_a_ready_server_with_a_certificate_of_any_name_is_healthy(certificate):
    with answering(200, certificate) as port:
        assert health.main(port) == 0


def test_a_server_that_is_not_ready_is_unhealthy_and_says_why(capsys):
    with answering(503) as port:
        assert health.main(port) == 1
    assert "The database cannot be reached." in capsys.readouterr().out


def test_where_nobody_listens_nothing_is_healthy(capsys):
    with answering(200) as port:
        pass
    assert health.main(port) == 1
    assert "refused" in capsys.readouterr().out
