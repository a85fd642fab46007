"""The network between an agent and the server: it loses, holds back, and repeats. httpx over the real app."""

from __future__ import annotations

import gzip
from collections.abc import Callable
from dataclasses import dataclass

import httpx

from compliance.wire.codec import decode_receipt, decode_report
from compliance.wire.messages import Receipt, Report
from tests.history.server import Server

REPORTS = "/api/v1/reports"
TRAVEL_MS = 40
LOST, DEAF, HELD = "lost", "deaf", "held"
"""The fates of a request: never arrives; arrives, and its answer is lost; arrives later, when nobody waits any more."""


@dataclass(frozen=True)
class Delivery:
    """A report that arrived: whose token, what it said, and what the server answered."""

    token: str
    report: Report
    status: int
    receipt: Receipt | None
    fate: str | None


class Line(httpx.BaseTransport):
    """`fates` are used up one a report; `heard` is told of every report that arrives, and `passes` of time."""

    def __init__(self, server: Server, heard: Callable[[Delivery], None], passes: Callable[[int], None]) -> None:
        self._server = server
        self._passes = passes
        self._heard = heard
        self.fates: list[str] = []
        self.held: list[httpx.Request] = []
        self.sent: list[httpx.Request] = []
        """Every report that ever arrived, for a proxy that repeats."""

    def client(self) -> httpx.Client:
        return httpx.Client(transport=self, base_url="http://compliance.test")

    def handle_request(self, request: httpx.Request) -> httpx.Response:
        request.read()
        fate = self.fates.pop(0) if self.fates and request.url.path == REPORTS else None
        if fate == LOST:
            raise httpx.ConnectError("lost on the way")
        if fate == HELD:
            self.held.append(request)
            raise httpx.ReadTimeout("no answer")
        answer = self.deliver(request, fate)
        if fate == DEAF:
            raise httpx.ReadTimeout("the answer was lost")
        return answer

    def deliver(self, request: httpx.Request, fate: str | None) -> httpx.Response:
        """As it is, byte for byte, whenever that is."""
        if self._server.http is None:
            raise httpx.ConnectError("connection refused")
        is_report = request.url.path == REPORTS
        self._passes(TRAVEL_MS * is_report)
        headers = {name: value for name, value in request.headers.items() if name not in ("host", "content-length")}
        found = self._server.http.post(request.url.path, content=request.content, headers=headers)
        if is_report:
            self.sent.append(request)
            self._heard(_delivery(request, found, fate))
        self._passes(TRAVEL_MS * is_report)
        return httpx.Response(found.status_code, content=found.content, headers=_plain(found.headers))


def _plain(headers: httpx.Headers) -> dict[str, str]:
    """Without those that speak of the encoding, which is undone by now."""
    return {name: value for name, value in headers.items() if name not in ("content-length", "content-encoding")}


def _delivery(request: httpx.Request, answer: httpx.Response, fate: str | None) -> Delivery:
    packed = request.headers.get("content-encoding") == "gzip"
    report = decode_report(gzip.decompress(request.content) if packed else request.content)
    token = request.headers["authorization"].removeprefix("Bearer ")
    receipt = decode_receipt(answer.content) if answer.status_code == 200 else None
    return Delivery(token, report, answer.status_code, receipt, fate)
