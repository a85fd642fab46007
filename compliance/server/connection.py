"""uvicorn's HTTP connection, with an end to what comes before and after a body.

By itself it keeps whatever it is sent: 20 MB of headers from somebody without a key were 240 MB of memory (tried).
"""

from __future__ import annotations

import msgspec
from uvicorn.protocols.http.httptools_impl import HttpToolsProtocol

from compliance.wire.answers import Problem

MAX_HEAD = 64 * 1024
"""Bytes of a request line with its headers; also of what frames a body in chunks, and of trailers."""
TOO_LARGE = f"The request line and its headers are larger than {MAX_HEAD // 1024} KB: no request here needs as much."


class BoundedConnection(HttpToolsProtocol):
    """Bodies have bounds of their own, in `routes/body`."""

    _loose = 0
    """Bytes since the message began that are no body, as far as that can be told from outside."""

    def data_received(self, data: bytes) -> None:
        self._loose += len(data)
        super().data_received(data)
        if self._loose > MAX_HEAD and not self.transport.is_closing():
            self._refuse(431, "Request Header Fields Too Large", TOO_LARGE)

    def on_message_begin(self) -> None:
        self._loose = 0
        super().on_message_begin()

    def on_body(self, body: bytes) -> None:
        # Twice: what frames a chunk may be as long as the chunk.
        self._loose = max(0, self._loose - 2 * len(body))
        super().on_body(body)

    def send_400_response(self, msg: str) -> None:
        self._refuse(400, "Bad Request", "This is no HTTP request.")

    def _unsupported_upgrade_warning(self) -> None:
        """That somebody asks for websockets is no news for an operator; the answer is plain HTTP."""

    def _refuse(self, status: int, title: str, detail: str) -> None:
        """Where an answer is under way already, only the end of the connection tells."""
        if self.cycle is None or self.cycle.response_complete or not self.cycle.response_started:
            body = msgspec.json.encode(Problem(type="about:blank", title=title, status=status, detail=detail))
            head = (
                f"HTTP/1.1 {status} {title}\r\ncontent-type: application/problem+json\r\n"
                f"content-length: {len(body)}\r\nconnection: close\r\n\r\n"
            )
            self.transport.write(head.encode() + body)
        self.transport.close()
