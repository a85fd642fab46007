"""A server with a certificate: trusted by name of its authority, or not asked at all."""

import ssl
import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import pytest

from compliance import cli
from compliance.wire import codec
from tests.report import fleet
from tests.server.storage.test_tls import Authority


@pytest.fixture
def authority(tmp_path: Path) -> Authority:
    return Authority(tmp_path, "authority")


@pytest.fixture
def url(authority: Authority, monkeypatch: pytest.MonkeyPatch) -> Iterator[str]:
    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            self.send_response(200)
            self.end_headers()
            self.wfile.write(codec.encode(fleet.page(fleet.host())))

        def log_message(self, *_: Any) -> None:
            pass

    monkeypatch.setenv("COMPLIANCE_KEY", "k")
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    certificate = authority.issue("localhost")
    context.load_cert_chain(certificate, certificate.with_suffix(".key"))
    with ThreadingHTTPServer(("127.0.0.1", 0), Handler) as server:
        server.socket = context.wrap_socket(server.socket, server_side=True)
        server.handle_error = lambda *_: None  # type: ignore[method-assign]
        thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01})
        thread.start()
        yield f"https://localhost:{server.server_address[1]}"
        server.shutdown()
        thread.join()


def test_a_server_is_trusted_by_the_authority_that_is_named(url, authority, capsys):
    assert cli.run(["report", "hosts", "--server", url, "--ca", str(authority.ca)]) == 0
    assert "web-1" in capsys.readouterr().out


def test_a_server_that_is_not_trusted_gets_no_key_and_the_option_is_named(url, capsys):
    assert cli.run(["report", "hosts", "--server", url]) == 3
    assert capsys.readouterr().err == (
        f"Error: The certificate of {url} is not trusted: name the authority that signed it with --ca FILE.\n"
    )


def test_a_file_that_holds_no_certificate_is_said_so(url, tmp_path, capsys):
    (tmp_path / "no.pem").write_text("nothing")
    assert cli.run(["report", "hosts", "--server", url, "--ca", str(tmp_path / "no.pem")]) == 2
    assert "holds no usable certificate" in capsys.readouterr().err
