r"""Text as it may be stored: valid Unicode, no NUL, within bounds.

What a host hands out is bytes, and they need not be UTF-8. Each byte that is none becomes `\xNN` here, before any
digest, so that one bad file name never silences a section. Other control characters stay as they are: they are
evidence, and the screens that show them make them harmless.
"""

from __future__ import annotations

import re

CUT = "…"
"""Ends a text that was longer than its bound."""

_surrogate = re.compile("[\ud800-\udfff]")


def clean(raw: bytes | str) -> str:
    """Bytes, or a string that Python decoded with `surrogateescape`, as text that encodes to UTF-8."""
    text = raw.decode("utf-8", "backslashreplace") if isinstance(raw, bytes) else raw
    if not text.isascii():
        text = _surrogate.sub(_escaped, text)
    return text.replace("\0", "") if "\0" in text else text


def cut(text: str, limit: int) -> str:
    """At most `limit` characters; the last one says that something is missing."""
    return text if len(text) <= limit else text[: limit - 1] + CUT


def within(raw: bytes | str, limit: int) -> str:
    """Clean and cut."""
    return cut(clean(raw), limit)


def _escaped(found: re.Match[str]) -> str:
    code = ord(found.group())
    if 0xDC80 <= code <= 0xDCFF:  # what surrogateescape made of one undecodable byte
        return f"\\x{code - 0xDC00:02x}"
    return "".join(f"\\x{byte:02x}" for byte in found.group().encode("utf-8", "surrogatepass"))
