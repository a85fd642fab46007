"""Bytes to messages and back, and the digest of a section's rows."""

from __future__ import annotations

import gzip
from collections.abc import Iterable
from hashlib import blake2b
from typing import Any, Protocol, TypeVar

import msgspec

from compliance.wire.facts import Fact
from compliance.wire.messages import Enrolled, Enrollment, Receipt, Report

Message = TypeVar("Message")

_canonical = msgspec.json.Encoder(order="sorted")
_plain = msgspec.json.Encoder()
_reports = msgspec.json.Decoder(Report)
_enrollments = msgspec.json.Decoder(Enrollment)
_enrolled = msgspec.json.Decoder(Enrolled)
_receipts = msgspec.json.Decoder(Receipt)

GZIP_FROM = 600
"""Bytes below which compressing costs more than it saves."""


class Keyed(Protocol):
    """A fact with a key."""

    @property
    def key(self) -> Any: ...


def canonical(row: Fact) -> bytes:
    """A row's canonical JSON: UTF-8, no white space, members sorted by name, those with no value left out."""
    return _canonical.encode(row)


def digest(rows: Iterable[Keyed]) -> str:
    """The state of a section: BLAKE2b-128 over the canonical JSON of its rows in key order, each with a newline."""
    state = blake2b(digest_size=16)
    for row in sorted(rows, key=lambda row: row.key):
        state.update(_canonical.encode(row))
        state.update(b"\n")
    return state.hexdigest()


def encode(message: msgspec.Struct) -> bytes:
    """A message as JSON."""
    return _plain.encode(message)


def decode_report(body: bytes) -> Report:
    """Raise `msgspec.ValidationError` with the path of what is wrong, `msgspec.DecodeError` for what is no JSON."""
    return _decoded(_reports, body)


def decode_enrollment(body: bytes) -> Enrollment:
    """Raise as `decode_report` does."""
    return _decoded(_enrollments, body)


def decode_enrolled(body: bytes) -> Enrolled:
    """Raise as `decode_report` does."""
    return _decoded(_enrolled, body)


def decode_receipt(body: bytes) -> Receipt:
    """Raise as `decode_report` does."""
    return _decoded(_receipts, body)


def _decoded(decoder: msgspec.json.Decoder[Message], body: bytes) -> Message:
    try:
        return decoder.decode(body)
    except UnicodeDecodeError as error:
        raise msgspec.DecodeError(f"not UTF-8: {error.reason} at byte {error.start} of a text") from error
    except RecursionError as error:
        raise msgspec.DecodeError("nested too deeply") from error


def compress(body: bytes) -> tuple[bytes, dict[str, str]]:
    """The body as it goes over the wire, and the headers that say so. The same bytes give the same bytes."""
    headers = {"content-type": "application/json"}
    if len(body) < GZIP_FROM:
        return body, headers
    return gzip.compress(body, compresslevel=6, mtime=0), headers | {"content-encoding": "gzip"}
