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
    except RecursionError:
        raise ProblemFound(400, "The body is nested deeper than any message is.") from None


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
        raise _too_large(most)
    return body


def _gunzip(packed: bytes, most: int) -> bytes:
    stream = zlib.decompressobj(wbits=31)
    try:
        body = stream.decompress(packed, most + 1)
    except zlib.error:
        raise ProblemFound(400, "The body says gzip and is not.") from None
    if len(body) <= most and (not stream.eof or stream.unused_data):
        raise ProblemFound(400, "The body says gzip, and is not one whole stream: it is cut off, or something follows.")
    return body


def _unzstd(packed: bytes, most: int) -> bytes:
    # A window of its own bound: the frame's header could ask for gigabytes.
    unpacker = zstandard.ZstdDecompressor(max_window_size=8 * MEGABYTE)
    try:
        # The size that a frame claims is what would be set aside for it, whatever follows.
        claimed = zstandard.get_frame_parameters(packed).content_size
        if claimed > most and claimed != zstandard.CONTENTSIZE_UNKNOWN:
            raise _too_large(most)
        return unpacker.decompress(packed, max_output_size=most, allow_extra_data=False)
    except zstandard.ZstdError:
        if _unpacks_to_more(unpacker, packed, most):
            raise _too_large(most) from None
        raise ProblemFound(400, "The body says zstd, and is none or is not a whole one.") from None


def _unpacks_to_more(unpacker: zstandard.ZstdDecompressor, packed: bytes, most: int) -> bool:
    try:
        return len(unpacker.stream_reader(packed).read(most + 1)) > most
    except zstandard.ZstdError:
        return False


def _too_large(most: int) -> ProblemFound:
    return ProblemFound(413, f"The body unpacks to more than {most // MEGABYTE} MB.")
