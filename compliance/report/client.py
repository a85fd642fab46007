"""Asks the API: one request, or page after page, every failure as an error of ours."""

import json
import ssl
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from typing import Any, TypeVar
from urllib.parse import quote

import httpx
import msgspec

from compliance import __version__
from compliance.errors import ComplianceError, Refused, Unreachable, WrongUsage
from compliance.report.source import Source
from compliance.settings import is_loopback
from compliance.wire.answers import CpuAnswer, HostAnswer, HostDetail, Page, Problem, ProcessAnswer, SessionAnswer

Answer = TypeVar("Answer")
Item = TypeVar("Item")
Parameters = Mapping[str, str | int | None]

TIMEOUT = httpx.Timeout(30, connect=5)
PAGE = 500
"""Rows asked for at once."""


class Reader:
    """Asks through `client`, whose base URL and key are set: an edge that a test may replace."""

    def __init__(self, client: httpx.Client) -> None:
        self._client = client

    def hosts(self, filters: Parameters, limit: int | None) -> Page[HostAnswer]:
        return self._pages("hosts", Page[HostAnswer], filters, limit)

    def host(self, name: str, at: int | None) -> HostDetail:
        return self._ask(f"hosts/{quote(name, safe='')}", HostDetail, {"at": at})

    def processes(self, filters: Parameters, limit: int | None) -> Page[ProcessAnswer]:
        return self._pages("processes", Page[ProcessAnswer], filters, limit)

    def sessions(self, filters: Parameters, limit: int | None) -> Page[SessionAnswer]:
        return self._pages("sessions", Page[SessionAnswer], filters, limit)

    def cpu(self, filters: Parameters, limit: int | None) -> Page[CpuAnswer]:
        return self._pages("cpu", Page[CpuAnswer], filters, limit)

    def _pages(self, path: str, kind: type[Page[Item]], filters: Parameters, limit: int | None) -> Page[Item]:
        """Up to `limit` items, or all of them, as one page; `next` is kept when there are more."""
        first = page = self._ask(path, kind, {**filters, "limit": _room(limit, 0)})
        items, unknown = list(page.items), list(page.unknown)
        while page.next is not None and (limit is None or len(items) < limit):
            cursor = page.next
            page = self._ask(path, kind, {**filters, "limit": _room(limit, len(items)), "cursor": cursor})
            if page.next == cursor:
                raise ComplianceError(f"{self._url} repeats itself at {path}: report this with its log.")
            items += page.items
            unknown += page.unknown
        return Page(at=first.at, items=items, next=page.next, unknown=list(dict.fromkeys(unknown)))

    def _ask(self, path: str, kind: type[Answer], parameters: Parameters) -> Answer:
        given = {name: value for name, value in parameters.items() if value is not None}
        response = self._request(f"/api/v1/{path}", given)
        if response.status_code != httpx.codes.OK:
            raise self._explained(response)
        try:
            return msgspec.json.decode(response.content, type=kind)
        except msgspec.MsgspecError as error:
            raise ComplianceError(
                f"{self._url} answered in a form that this version does not read ({error}): is it a compliance server, "
                "and is it as new as this command?"
            ) from error

    def _request(self, path: str, parameters: Mapping[str, str | int]) -> httpx.Response:
        try:
            return self._client.get(path, params=parameters)
        except httpx.TimeoutException as error:
            raise Unreachable(
                f"{self._url} did not answer in time: try again, or ask for less with --host or --limit."
            ) from error
        except httpx.TransportError as error:
            raise self._unreachable(error) from error

    def _unreachable(self, error: httpx.TransportError) -> ComplianceError:
        if "CERTIFICATE_VERIFY_FAILED" in str(error):
            return Unreachable(
                f"The certificate of {self._url} is not trusted: name the authority that signed it with --ca FILE."
            )
        return Unreachable(
            f"Cannot reach the server at {self._url} ({_reason(error)}): "
            "start one with `compliance up`, or name another with --server."
        )

    def _explained(self, response: httpx.Response) -> ComplianceError:
        status = response.status_code
        sentence = _detail(response)
        if sentence is None:
            sentence = f"{self._url} answered {status} and not why: is it a compliance server, with nothing in between?"
        if status in {401, 403}:
            return Refused(sentence)
        if status in {400, 422}:
            return WrongUsage(sentence)
        if status == httpx.codes.TOO_MANY_REQUESTS or status >= httpx.codes.INTERNAL_SERVER_ERROR:
            return Unreachable(sentence)
        return ComplianceError(sentence)

    @property
    def _url(self) -> str:
        return str(self._client.base_url).rstrip("/")


@contextmanager
def reading(source: Source) -> Iterator[Reader]:
    """A reader for the time of a command."""
    headers = {"Authorization": f"Bearer {source.key}", "User-Agent": f"compliance-report/{__version__}"}
    if source.gateway_key:
        headers["x-api-key"] = source.gateway_key
    client = httpx.Client(
        base_url=source.url,
        headers=headers,
        timeout=TIMEOUT,
        verify=_trust(source),
        # A proxy cannot reach what listens on this machine only.
        trust_env=not is_loopback(source.url),
    )
    with client:
        yield Reader(client)


def _trust(source: Source) -> ssl.SSLContext | bool:
    if not source.url.startswith("https://"):
        return True
    try:
        return ssl.create_default_context(cafile=str(source.ca) if source.ca else None)
    except (OSError, ssl.SSLError) as error:
        raise WrongUsage(f"{source.ca} holds no usable certificate: --ca takes a file in PEM form.") from error


def _room(limit: int | None, taken: int) -> int:
    return PAGE if limit is None else min(PAGE, limit - taken)


def _reason(error: httpx.TransportError) -> str:
    return str(error).strip().partition("\n")[0] or type(error).__name__


def _detail(response: httpx.Response) -> str | None:
    """The server's own sentence, when the answer is a problem as RFC 9457 has it."""
    try:
        return msgspec.json.decode(response.content, type=Problem).detail.strip() or None
    except msgspec.MsgspecError:
        pass
    try:
        body: Any = json.loads(response.content)
    except ValueError:
        return None
    detail = body.get("detail") if isinstance(body, dict) else None
    return detail.strip() or None if isinstance(detail, str) else None
