"""A request's body: bounded as it comes in and again as it unpacks, then decoded straight into the wire's struct."""

from __future__ import annotations

import zlib
from collections.abc import Callable
from typing import Any, TypeVar

import msgspec
import zstandard
from litestar import Request

from compliance.server.config import MEGABYTE, Config
from compliance.server.routes.problems import ProblemFound

T = TypeVar("T")


async def read(request: Request[Any, Any, Any], decode: Callable[[bytes], T]) -> tuple[T, int]:
    """The message and its unpacked size in bytes. 400, 413 or 415 with the place of what is wrong."""
    config: Config = request.app.state.config
    packed = await request.body()
    body = unpack(packed, request.headers.get("content-encoding", ""), config.max_unpacked)
    try:
        return decode(body), len(body)
    except msgspec.ValidationError as error:
        raise ProblemFound(400, place(str(error))) from None
    except (msgspec.DecodeError, UnicodeDecodeError) as error:
        raise ProblemFound(400, f"The body is not JSON: {error}.") from None


def place(sentence: str) -> str:
    """`Expected ... - at `$.sections.processes.rows[3].pid`` with the place first, as a person reads it."""
    what, found, path = sentence.partition(" - at `$.")
    return f"{path.rstrip('`').removeprefix('sections.')}: {what}" if found else sentence


def unpack(packed: bytes, encoding: str, most: int) -> bytes:
    """A bomb is stopped at `most` bytes, whatever it claims."""
    encoding = encoding.strip().lower()
    if encoding in ("", "identity"):
        body = packed
    elif encoding in ("gzip", "x-gzip"):
        body = _gunzip(packed, most)
    elif encoding == "zstd":
        body = _unzstd(packed, most)
    else:
        raise ProblemFound(415, f"The content encoding {encoding!r} is not known: use gzip, zstd or none.")
    if len(body) > most:
        raise ProblemFound(413, f"The body unpacks to more than {most // MEGABYTE} MB.")
    return body


def _gunzip(packed: bytes, most: int) -> bytes:
    stream = zlib.decompressobj(wbits=31)
    try:
        body = stream.decompress(packed, most + 1)
    except zlib.error:
        raise ProblemFound(400, "The body says gzip and is not.") from None
    if len(body) <= most and not stream.eof:
        raise ProblemFound(400, "The body's gzip stream is cut off.")
    return body


def _unzstd(packed: bytes, most: int) -> bytes:
    # A window of its own bound: the frame's header could ask for gigabytes.
    reader = zstandard.ZstdDecompressor(max_window_size=8 * MEGABYTE).stream_reader(packed)
    try:
        return reader.read(most + 1)
    except zstandard.ZstdError:
        raise ProblemFound(400, "The body says zstd and is not.") from None
