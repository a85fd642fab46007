"""Which operating system this is."""

from __future__ import annotations

import platform
import shlex
import sys

from compliance.agent.collectors.look import CannotSee, Look, Memory
from compliance.agent.collectors.root import host_root, on_host
from compliance.agent.text import within
from compliance.wire.facts import OperatingSystem

RELEASE_FILES = ("/etc/os-release", "/usr/lib/os-release")


def collect(memory: Memory) -> Look:
    """One row. Nothing here needs a privilege; a Linux without os-release is named Linux."""
    name, version = _name()
    return Look((row(name, version, platform.release(), platform.machine()),))


def row(name: str, version: str | None, kernel: str, architecture: str) -> OperatingSystem:
    """Empty texts are none."""
    return OperatingSystem(
        name=within(name, 255) or "unknown",
        version=within(version or "", 255) or None,
        kernel=within(kernel, 255) or None,
        architecture=within(architecture, 64) or None,
    )


def parse_release(text: str) -> dict[str, str]:
    """os-release(5): shell assignments, of which a line that cannot be read is left out."""
    found: dict[str, str] = {}
    for line in text.splitlines():
        name, equals, value = line.strip().partition("=")
        if not equals or name.startswith("#"):
            continue
        try:
            found[name] = "".join(shlex.split(value)).replace("\\$", "$").replace("\\`", "`")
        except ValueError:  # a quote that is never closed
            continue
    return found


def _name() -> tuple[str, str | None]:
    if sys.platform == "darwin":
        return "macOS", platform.mac_ver()[0]
    if sys.platform == "win32":
        release, version, *_ = platform.win32_ver()
        return f"Windows {release}".strip(), version
    for path in RELEASE_FILES:
        try:
            found = parse_release(on_host(path).read_text(encoding="utf-8", errors="surrogateescape"))
        except OSError:
            continue
        return found.get("NAME") or platform.system(), found.get("VERSION_ID")
    if host_root() is not None:  # it has one somewhere: a mount is missing, and "Linux" would be told as a change
        raise CannotSee(f"There is no os-release under {host_root()}: mount the host's /etc and /usr/lib there.")
    return platform.system(), None
