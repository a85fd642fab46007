"""Tells systemd how a service stands (sd_notify(3)): one datagram to the socket that it names. Elsewhere nothing."""

from __future__ import annotations

import os
import socket
from contextlib import suppress


def notify(state: str) -> None:
    """`READY=1`, `STATUS=...`, `WATCHDOG=1`, `RELOADING=1`, `STOPPING=1`; several are separated by newlines."""
    place = os.environ.get("NOTIFY_SOCKET")
    if not place or not hasattr(socket, "AF_UNIX"):
        return
    with suppress(OSError), socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM | socket.SOCK_CLOEXEC) as sock:
        # An abstract socket begins with NUL, which a variable cannot hold.
        sock.connect("\0" + place[1:] if place.startswith("@") else place)
        sock.send(state.encode())


def watchdog_seconds() -> float | None:
    """How often systemd wants to hear from us; half of its patience. None where it does not watch."""
    microseconds = os.environ.get("WATCHDOG_USEC", "")
    if not microseconds.isdecimal() or os.environ.get("WATCHDOG_PID", str(os.getpid())) != str(os.getpid()):
        return None
    return int(microseconds) / 2e6
