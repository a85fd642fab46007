"""Asks the server itself how it is, as a load balancer would."""

from __future__ import annotations

import ssl
from collections.abc import Mapping

import httpx

from compliance.ops.status import Answer, Health
from compliance.settings import is_loopback

URL = "Url"
"""The output that tells where the server answers."""
PATH = "/health/ready"
TIMEOUT = httpx.Timeout(10, connect=5)


def server_url(outputs: Mapping[str, str]) -> str | None:
    """Where /health/ready is, if the outputs tell."""
    url = outputs.get(URL, "").rstrip("/")
    return f"{url}{PATH}" if url.startswith(("http://", "https://")) else None


def ask(url: str, certificate: str | None = None) -> Answer:
    """Ready, or not and why; `certificate` is the only one to trust, in PEM form.

    A gateway that refuses us says nothing about the server behind it.
    """
    verify: ssl.SSLContext | bool = True
    if certificate is not None:
        try:
            verify = ssl.create_default_context(cadata=certificate)
        except ssl.SSLError:
            return Answer(Health.unready, url, f"{url} has no certificate yet: its server has not started to the end")
    try:
        with httpx.Client(timeout=TIMEOUT, verify=verify, trust_env=not is_loopback(url)) as client:
            answer = client.get(url)
    except httpx.TransportError as error:
        return Answer(Health.unready, url, f"{url} does not answer ({_reason(error)})")
    if answer.status_code == httpx.codes.OK:
        return Answer(Health.ready, url, f"{url} answers that it is ready")
    if answer.status_code in (401, 403):
        return Answer(Health.unknown, url, f"{url} wants a key ({answer.status_code}): the server's health is not seen")
    return Answer(Health.unready, url, f"{url} answers {answer.status_code}{_detail(answer)}")


def _reason(error: httpx.TransportError) -> str:
    return str(error).strip().partition("\n")[0] or type(error).__name__


def _detail(answer: httpx.Response) -> str:
    try:
        detail = answer.json()["detail"]
    except (ValueError, KeyError, TypeError):
        return ""
    return f": {detail.rstrip('.')}" if isinstance(detail, str) else ""
