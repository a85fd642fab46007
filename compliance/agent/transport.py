"""What goes over the network. The client is given: a real one, or a test's that needs no socket."""

from __future__ import annotations

import ssl
import time
from email.utils import parsedate_to_datetime

import httpx
import msgspec

from compliance import __version__
from compliance.errors import ComplianceError, Refused, Unreachable, WrongUsage
from compliance.settings import is_loopback
from compliance.wire.codec import compress, decode_enrolled, decode_receipt, encode
from compliance.wire.messages import Enrolled, Enrollment, Receipt, Report

TIMEOUT = httpx.Timeout(30, connect=10)
LONGEST_WAIT = 3600.0
"""Seconds; whatever a server asks for."""


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
    return httpx.Client(
        base_url=server,
        headers=headers,
        timeout=TIMEOUT,
        verify=True if ca is None else _trust(ca),
        # A proxy of the environment would see in the clear what was not to leave this machine.
        trust_env=not is_loopback(server),
    )


def _trust(ca: str) -> ssl.SSLContext:
    try:
        return ssl.create_default_context(cafile=ca)
    except ssl.SSLError as error:
        raise WrongUsage(f"{ca} is no PEM file of certificates: --ca names the server's authority.") from error
    except OSError as error:
        raise WrongUsage(f"Cannot read {ca} ({error.strerror}): --ca names the server's authority.") from error


class Transport:
    """Says things to one server, and turns what comes back into a message or an error of ours."""

    def __init__(self, client: httpx.Client) -> None:
        self._client = client
        self.sent_bytes = 0
        """Of the last body, as it went over the wire."""

    def close(self) -> None:
        self._client.close()

    def enroll(self, enrollment: Enrollment, key: str) -> Enrolled:
        """Raise Malformed, Refused or Unreachable (TryLater)."""
        answer = self._post("/api/v1/enroll", encode(enrollment), key)
        try:
            return decode_enrolled(answer.content)
        except msgspec.DecodeError as error:
            raise TryLater(_strange(answer)) from error

    def send(self, report: Report, token: str) -> Receipt:
        """Raise as `enroll` does; nothing of the report is lost by any of them."""
        answer = self._post("/api/v1/reports", encode(report), token)
        try:
            return decode_receipt(answer.content)
        except msgspec.DecodeError as error:
            raise TryLater(_strange(answer)) from error

    def _post(self, path: str, body: bytes, secret: str) -> httpx.Response:
        content, headers = compress(body)
        self.sent_bytes = len(content)
        headers["authorization"] = f"Bearer {secret}"
        try:
            answer = self._client.post(path, content=content, headers=headers)
        except httpx.TimeoutException as error:
            raise TryLater(f"{self._place} did not answer in time.") from error
        except httpx.RequestError as error:
            raise TryLater(self._unreachable(error)) from error
        if answer.status_code != 200:
            raise _error(answer)
        return answer

    @property
    def _place(self) -> str:
        return str(self._client.base_url).rstrip("/")

    def _unreachable(self, error: httpx.RequestError) -> str:
        if "CERTIFICATE_VERIFY_FAILED" in str(error):
            return f"The certificate of {self._place} is not trusted: name the authority that signed it with --ca FILE."
        reason = str(error).partition("\n")[0] or type(error).__name__
        return f"Cannot reach {self._place} ({reason}): is the server running, and the address right?"


def _place(answer: httpx.Response) -> str:
    return answer.url.netloc.decode("ascii", "replace")


def _strange(answer: httpx.Response) -> str:
    return (
        f"{_place(answer)} answered {answer.status_code}, but not as a compliance server does: is the address right,"
        " and nothing in between?"
    )


def _error(answer: httpx.Response) -> ComplianceError:
    status, sentence = answer.status_code, _detail(answer)
    if status == 413 or (status in (400, 422) and _is_ours(answer)):
        return Malformed(sentence or f"{_place(answer)} takes no report of this size.")
    if 300 <= status < 400:
        # Nor is the place told where it wants us: that may be anybody's text.
        return Refused(f"{_place(answer)} sends us elsewhere, where a token does not follow: is the address right?")
    if status in (401, 403, 404, 409):
        return Refused(sentence or _strange(answer))
    return TryLater(sentence or _strange(answer), _retry_after(answer))


def _is_ours(answer: httpx.Response) -> bool:
    """A 400 of anything in between must not cost a report: a server of ours says what is wrong with it."""
    return bool(answer.headers.get("content-type", "").startswith("application/problem+json"))


def _detail(answer: httpx.Response) -> str | None:
    try:
        detail = answer.json()["detail"]
    except (ValueError, KeyError, TypeError, RecursionError):
        return None
    return detail[:500] if isinstance(detail, str) and detail else None


def _retry_after(answer: httpx.Response) -> float | None:
    """Seconds, or the moment as HTTP has it; an hour at most."""
    text = answer.headers.get("retry-after", "").strip()
    if text.isdecimal():
        return min(float(text), LONGEST_WAIT)
    try:
        wait = parsedate_to_datetime(text).timestamp() - time.time()
    except (ValueError, OverflowError):
        return None
    return min(max(wait, 0.0), LONGEST_WAIT)
