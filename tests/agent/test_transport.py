"""What goes over a real socket, and what every kind of answer, or none, is taken for."""

from __future__ import annotations

import gzip
import socket
import ssl
import threading
from collections.abc import Callable, Iterator
from contextlib import closing
from datetime import UTC, datetime, timedelta
from email.utils import format_datetime
from pathlib import Path

import httpx
import pytest

from compliance import __version__
from compliance.agent.identity import Identity, mint
from compliance.agent.transport import LONGEST_WAIT, Malformed, Transport, TryLater, make_client
from compliance.errors import Refused, WrongUsage
from compliance.wire.codec import decode_enrollment, encode
from compliance.wire.messages import Enrolled, Enrollment, Failed, Receipt
from tests.agent.canned import Answer, Canned, problem
from tests.agent.canned import canned as canned_server
from tests.agent.test_changes import report
from tests.server.storage.test_tls import Authority

APPLIED = Answer(body=encode(Receipt(outcome="applied", last="1" * 32)))


@pytest.fixture
def who() -> Identity:
    return mint()


@pytest.fixture
def send(canned: Canned, who: Identity) -> Iterator[Callable[..., Receipt]]:
    with make_client(canned.url) as client:
        yield lambda what=None: Transport(client).send(what or report(), who.token)


def said(error: pytest.ExceptionInfo[Exception], who: Identity) -> str:
    """The sentence, which holds no secret."""
    assert who.token not in str(error.value)
    return str(error.value)


def test_a_report_goes_out_as_it_is_with_the_hosts_token(canned: Canned, send, who: Identity):
    canned.answers = [APPLIED]
    assert send() == Receipt(outcome="applied", last="1" * 32)
    ((path, headers, _),) = canned.asked
    assert path == "/api/v1/reports"
    assert headers["authorization"] == f"Bearer {who.token}"
    assert headers["content-type"] == "application/json"
    assert headers["user-agent"] == f"compliance/{__version__}"
    assert "content-encoding" not in headers
    assert "x-api-key" not in headers
    assert canned.reports() == [report()]


def test_a_long_report_goes_out_packed_and_its_size_on_the_wire_is_told(canned: Canned, who: Identity):
    canned.answers = [APPLIED]
    long = report(processes=Failed(reason="x" * 255), sessions=Failed(reason="y" * 255), os=Failed(reason="z" * 255))
    with make_client(canned.url) as client:
        transport = Transport(client)
        transport.send(long, who.token)
    assert canned.asked[0][1]["content-encoding"] == "gzip"
    assert int(canned.asked[0][1]["content-length"]) == transport.sent_bytes < len(encode(long))
    assert canned.reports() == [long]


def test_a_gateway_in_front_gets_its_own_key(canned: Canned, who: Identity):
    canned.answers = [APPLIED]
    with make_client(canned.url, gateway_key="gate") as client:
        Transport(client).send(report(), who.token)
    assert canned.asked[0][1]["x-api-key"] == "gate"
    assert canned.asked[0][1]["authorization"] == f"Bearer {who.token}"


def test_a_server_behind_a_path_is_asked_there(canned: Canned, who: Identity):
    canned.answers = [APPLIED]
    with make_client(f"{canned.url}/stage/prod") as client:
        Transport(client).send(report(), who.token)
    assert canned.asked[0][0] == "/stage/prod/api/v1/reports"


def test_enrolling_shows_the_key_and_not_the_token_in_the_header(canned: Canned, who: Identity):
    canned.answers = [Answer(body=encode(Enrolled(id=who.id, name="web-1")))]
    enrollment = Enrollment(id=who.id, secret=who.token, hostname="web-1")
    with make_client(canned.url) as client:
        assert Transport(client).enroll(enrollment, "cmk_key") == Enrolled(id=who.id, name="web-1")
    ((path, headers, body),) = canned.asked
    assert (path, headers["authorization"]) == ("/api/v1/enroll", "Bearer cmk_key")
    assert decode_enrollment(body) == enrollment


@pytest.mark.parametrize("status", [400, 413, 422])
def test_a_report_that_the_server_names_as_wrong_is_malformed(canned: Canned, send, who: Identity, status: int):
    canned.answers = [problem(status, "processes.started[3].pid: too large")]
    with pytest.raises(Malformed) as error:
        send()
    assert said(error, who) == "processes.started[3].pid: too large"


def test_too_much_for_whatever_stands_before_the_server_is_malformed_too(canned: Canned, send):
    canned.answers = [Answer(413, b"<html>nginx</html>")]
    with pytest.raises(Malformed, match="takes no report of this size"):
        send()


@pytest.mark.parametrize("status", [400, 422])
@pytest.mark.parametrize(
    "body", [b"<html>The plain HTTP request was sent to HTTPS port</html>", b'{"detail": "no"}', b""]
)
def test_a_strangers_bad_request_costs_no_report(canned: Canned, send, status: int, body: bytes):
    canned.answers = [Answer(status, body, {"content-type": "application/json"})]
    with pytest.raises(TryLater):
        send()


@pytest.mark.parametrize("status", [401, 403, 404, 409])
def test_a_refusal_is_told_in_the_servers_words(canned: Canned, send, who: Identity, status: int):
    canned.answers = [problem(status, "This host is not known here: enroll it.")]
    with pytest.raises(Refused) as error:
        send()
    assert said(error, who) == "This host is not known here: enroll it."


def test_a_refusal_of_something_else_asks_whether_the_address_is_right(canned: Canned, send):
    canned.answers = [Answer(404, b"<html>")]
    place = canned.url.removeprefix("http://")
    with pytest.raises(Refused, match=f"{place} answered 404, but not as a compliance server does"):
        send()


@pytest.mark.parametrize("status", [301, 302, 303, 307, 308])
def test_a_redirect_is_not_followed(canned: Canned, send, status: int):
    canned.answers = [Answer(status, b"", {"location": f"{canned.url}/elsewhere"}), APPLIED]
    with pytest.raises(Refused, match="sends us elsewhere, where a token does not follow"):
        send()
    assert [path for path, _, _ in canned.asked] == ["/api/v1/reports"]


@pytest.mark.parametrize("status", [201, 204, 402, 405, 418, 429, 500, 502, 503, 504])
def test_anything_else_is_tried_later(canned: Canned, send, status: int):
    canned.answers = [Answer(status, b"")]
    with pytest.raises(TryLater) as error:
        send()
    assert error.value.seconds is None
    assert error.value.exit_code == 3


@pytest.mark.parametrize(
    ("header", "seconds"),
    [
        ("5", 5.0),
        ("0", 0.0),
        ("86400", LONGEST_WAIT),
        ("9" * 400, LONGEST_WAIT),
        ("-3", None),
        ("soon", None),
        ("", None),
    ],
)
def test_how_long_the_server_asks_to_wait_is_read(canned: Canned, send, header: str, seconds: float | None):
    canned.answers = [problem(503, "Busy.", retry_after=header)]
    with pytest.raises(TryLater, match=r"Busy\.") as error:
        send()
    assert error.value.seconds == seconds


@pytest.mark.parametrize(
    ("ahead", "least", "most"), [(-3600, 0, 0), (600, 500, 600), (86_400, LONGEST_WAIT, LONGEST_WAIT)]
)
def test_until_when_the_server_asks_to_wait_is_read(canned: Canned, send, ahead: int, least: float, most: float):
    then = format_datetime(datetime.now(UTC) + timedelta(seconds=ahead), usegmt=True)
    canned.answers = [problem(503, "Busy.", retry_after=then)]
    with pytest.raises(TryLater) as error:
        send()
    assert error.value.seconds is not None
    assert least <= error.value.seconds <= most


@pytest.mark.parametrize(
    "body",
    [
        b"",
        b"hello",
        b"<html>",
        b"[]",
        b"{}",
        b'{"outcome": "maybe"}',
        b'{"outcome": "applied", "last": "short"}',
        b'{"outcome": "\xff"}',
        b"[" * 100_000,
    ],
)
def test_an_answer_that_is_no_receipt_keeps_the_report(canned: Canned, send, body: bytes):
    canned.answers = [Answer(200, body)]
    with pytest.raises(TryLater, match="answered 200, but not as a compliance server does"):
        send()


def test_an_answer_that_says_it_is_packed_and_is_not_keeps_the_report(canned: Canned, send):
    canned.answers = [Answer(200, b"not packed", {"content-encoding": "gzip"})]
    with pytest.raises(TryLater, match="Cannot reach"):
        send()


def test_what_a_newer_server_adds_to_its_receipt_is_ignored(canned: Canned, send):
    canned.answers = [Answer(200, b'{"outcome": "repeat", "last": null, "greeting": {"deep": [1]}}')]
    assert send() == Receipt(outcome="repeat")


def test_a_packed_answer_is_read(canned: Canned, send):
    packed = gzip.compress(encode(Receipt(outcome="repeat")))
    canned.answers = [Answer(200, packed, {"content-encoding": "gzip"})]
    assert send() == Receipt(outcome="repeat")


def test_a_very_long_sentence_of_a_server_is_cut(canned: Canned, send):
    canned.answers = [problem(401, "x" * 100_000)]
    with pytest.raises(Refused) as error:
        send()
    assert len(str(error.value)) == 500


def test_nobody_listening_is_told_with_the_address(who: Identity):
    with closing(socket.socket()) as taken:  # bound, and never listening: nobody else gets the port meanwhile
        taken.bind(("127.0.0.1", 0))
        url = f"http://127.0.0.1:{taken.getsockname()[1]}"
        with make_client(url) as client, pytest.raises(TryLater) as error:
            Transport(client).send(report(), who.token)
    assert said(error, who).startswith(f"Cannot reach {url} (")
    assert said(error, who).endswith("): is the server running, and the address right?")


def test_a_server_that_never_answers_is_given_up(canned: Canned, who: Identity):
    canned.answers = [Answer(body=None)]
    with make_client(canned.url) as client:
        client.timeout = httpx.Timeout(0.2)
        with pytest.raises(TryLater, match=f"{canned.url} did not answer in time"):
            Transport(client).send(report(), who.token)


def test_a_connection_that_ends_in_the_middle_keeps_the_report(who: Identity):
    with socket.create_server(("127.0.0.1", 0)) as listening:

        def hang_up() -> None:
            connection, _ = listening.accept()
            with connection:
                connection.recv(65_536)
                connection.sendall(b"HTTP/1.1 200 OK\r\ncontent-length: 100\r\n\r\n{")

        thread = threading.Thread(target=hang_up)
        thread.start()
        url = f"http://127.0.0.1:{listening.getsockname()[1]}"
        with make_client(url) as client, pytest.raises(TryLater, match=f"Cannot reach {url}"):
            Transport(client).send(report(), who.token)
        thread.join()


def test_no_proxy_sees_what_goes_to_this_machine(canned: Canned, send, monkeypatch: pytest.MonkeyPatch):
    for name in ("HTTP_PROXY", "http_proxy", "ALL_PROXY", "all_proxy"):
        monkeypatch.setenv(name, "http://127.0.0.1:1")
    canned.answers = [APPLIED]
    with make_client(canned.url) as client:
        assert Transport(client).send(report(), mint().token).outcome == "applied"


def test_what_goes_elsewhere_takes_the_proxy_of_the_environment(canned: Canned, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setenv("HTTP_PROXY", canned.url)
    monkeypatch.delenv("NO_PROXY", raising=False)
    canned.answers = [APPLIED]
    with make_client("http://compliance.example") as client:
        Transport(client).send(report(), mint().token)
    assert canned.asked[0][0] == "http://compliance.example/api/v1/reports"


@pytest.fixture
def authority(tmp_path: Path) -> Authority:
    return Authority(tmp_path, "authority")


@pytest.fixture
def secured(authority: Authority) -> Iterator[Canned]:
    tls = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    certificate = authority.issue("localhost")
    tls.load_cert_chain(certificate, certificate.with_suffix(".key"))
    with canned_server(tls) as said:
        said.answers = [APPLIED]
        yield said


def test_a_server_is_trusted_by_the_authority_that_is_named(secured: Canned, authority: Authority, who: Identity):
    with make_client(secured.url, str(authority.ca)) as client:
        assert Transport(client).send(report(), who.token).outcome == "applied"


def test_a_server_that_nobody_vouches_for_gets_nothing(secured: Canned, who: Identity):
    with make_client(secured.url) as client, pytest.raises(TryLater) as error:
        Transport(client).send(report(), who.token)
    assert said(error, who) == (
        f"The certificate of {secured.url} is not trusted: name the authority that signed it with --ca FILE."
    )
    assert secured.asked == []


def test_an_authority_that_is_none_is_told(tmp_path: Path):
    (tmp_path / "ca.pem").write_text("not a certificate")
    with pytest.raises(WrongUsage, match=r"ca\.pem is no PEM file of certificates: --ca names the server's"):
        make_client("https://compliance.example", str(tmp_path / "ca.pem"))
    with pytest.raises(WrongUsage, match=r"Cannot read .*none\.pem \(No such file or directory\)"):
        make_client("https://compliance.example", str(tmp_path / "none.pem"))
