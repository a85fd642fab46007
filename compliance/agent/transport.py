"""What goes over the network. The client is given: a real one, or a test's that needs no socket."""

from __future__ import annotations

import ssl
from pathlib import Path

import httpx
import msgspec

from compliance import __version__
from compliance.errors import ComplianceError, Refused, Unreachable, WrongUsage
from compliance.wire.codec import compress, decode_receipt, encode
from compliance.wire.messages import Enrolled, Enrollment, Receipt, Report

TIMEOUT = httpx.Timeout(30, connect=10)


class Malformed(ComplianceError):
    """The server can never take this report, as it is."""


class TryLater(Unreachable):
    """The server is busy or in trouble; `seconds` is how long it asks us to wait, if it does."""

    def __init__(self, sentence: str, seconds: float | None = None) -> None:
        super().__init__(sentence)
        self.seconds = seconds


def make_client(server: str, ca: str | None = None, gateway_key: str | None = None) -> httpx.Client:
    """A client of that server. Redirects are not followed: they would carry the token elsewhere."""
    headers = {"user-agent": f"compliance/{__version__}"}
    if gateway_key:
        headers["x-api-key"] = gateway_key
    verify: ssl.SSLContext | bool = True
    if ca is not None:
        if not Path(ca).is_file():
            raise WrongUsage(f"There is no file {ca}: --ca names a PEM file with the server's authority.")
        try:
            verify = ssl.create_default_context(cafile=ca)
        except ssl.SSLError as error:
            raise WrongUsage(f"{ca} is no PEM file of certificates.") from error
    return httpx.Client(base_url=server.rstrip("/"), headers=headers, timeout=TIMEOUT, verify=verify)


class Transport:
    """Says things to one server, and turns what comes back into a message or an error of ours."""

    def __init__(self, client: httpx.Client) -> None:
        self._client = client
        self.sent_bytes = 0
        """Of the last body, as it went over the wire."""

    def enroll(self, enrollment: Enrollment, key: str) -> Enrolled:
        answer = self._post("/api/v1/enroll", encode(enrollment), key)
        return _decoded(answer, Enrolled)

    def send(self, report: Report, token: str) -> Receipt:
        """Raise Malformed, Refused or Unreachable (TryLater); nothing of the report is lost by any of them."""
        answer = self._post("/api/v1/reports", encode(report), token)
        try:
            return decode_receipt(answer.content)
        except msgspec.DecodeError as error:
            raise TryLater(_strange(answer)) from error

    def _post(self, path: str, body: bytes, secret: str) -> httpx.Response:
        content, headers = compress(body)
        self.sent_bytes = len(content)
        headers["authorization"] = f"Bearer {secret}"
        place = str(self._client.base_url).rstrip("/")
        try:
            answer = self._client.post(path, content=content, headers=headers)
        except httpx.TimeoutException as error:
            raise TryLater(f"{place} did not answer in time.") from error
        except httpx.TransportError as error:
            raise TryLater(_unreachable(place, error)) from error
        if answer.status_code != 200:
            raise _error(answer)
        return answer


def _unreachable(place: str, error: httpx.TransportError) -> str:
    if "CERTIFICATE_VERIFY_FAILED" in str(error):
        return f"The certificate of {place} is not trusted: name the authority that signed it with --ca FILE."
    return f"Cannot reach {place} ({error}): is the server running, and the address right?"


def _decoded(answer: httpx.Response, kind: type[Enrolled]) -> Enrolled:
    try:
        return msgspec.json.decode(answer.content, type=kind)
    except msgspec.DecodeError as error:
        raise TryLater(_strange(answer)) from error


def _strange(answer: httpx.Response) -> str:
    return f"{answer.url.host} answered something that is no compliance server's answer: is the address right?"


def _error(answer: httpx.Response) -> ComplianceError:
    status = answer.status_code
    sentence = _detail(answer) or f"{answer.url.host} answered {status} {answer.reason_phrase}."
    if status in (400, 413, 422):
        return Malformed(sentence)
    if status in (401, 403, 404, 409) or 300 <= status < 400:
        return Refused(sentence)
    return TryLater(sentence, _retry_after(answer))


def _detail(answer: httpx.Response) -> str | None:
    try:
        detail = answer.json()["detail"]
    except (ValueError, KeyError, TypeError):
        return None
    return detail if isinstance(detail, str) else None


def _retry_after(answer: httpx.Response) -> float | None:
    text = answer.headers.get("retry-after", "")
    return min(float(text), 3600.0) if text.isdecimal() else None
