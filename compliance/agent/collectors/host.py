"""Which machine this is: its name, its machine id (evidence, never identity) and when it started."""

from __future__ import annotations

import re
import socket
import subprocess
import sys

from compliance.agent.collectors import boot
from compliance.agent.collectors.look import Look, Memory, moment
from compliance.agent.collectors.root import on_host
from compliance.agent.text import within
from compliance.wire.facts import Host

MACHINE_ID_FILES = ("/etc/machine-id", "/var/lib/dbus/machine-id")


def collect(memory: Memory) -> Look:
    """One row; the name as the machine has it, capitals too."""
    boot.remember(memory)
    return Look((row(socket.gethostname(), _machine_id(), memory.booted_at),))


def row(hostname: str, machine_id: str | None, booted_at: int) -> Host:
    """A machine without a name is `localhost`."""
    name = within(hostname, 255) or "localhost"
    return Host(hostname=name, machine_id=machine_id, booted_at=moment(booted_at))


def parse_machine_id(text: str) -> str | None:
    """`None` for an empty file, and for `uninitialized`, which an image holds before its first start."""
    value = within(text.strip(), 64)
    return value if value and value != "uninitialized" else None


def parse_ioreg(text: str) -> str | None:
    """The IOPlatformUUID in what `ioreg` prints on macOS."""
    found = re.search(r'"IOPlatformUUID" = "([^"]+)"', text)
    return parse_machine_id(found.group(1)) if found else None


def _machine_id() -> str | None:
    if sys.platform == "win32":
        return _machine_guid()
    if sys.platform == "darwin":
        return _platform_uuid()
    for path in MACHINE_ID_FILES:
        try:
            return parse_machine_id(on_host(path).read_text(encoding="utf-8", errors="surrogateescape"))
        except OSError:
            continue
    return None


def _platform_uuid() -> str | None:
    command = ["/usr/sbin/ioreg", "-rd1", "-c", "IOPlatformExpertDevice"]
    try:
        done = subprocess.run(command, capture_output=True, text=True, timeout=5, check=True)
    except (OSError, subprocess.SubprocessError):
        return None
    return parse_ioreg(done.stdout)


def _machine_guid() -> str | None:
    if sys.platform != "win32":
        return None
    import winreg

    try:
        with winreg.OpenKey(winreg.HKEY_LOCAL_MACHINE, r"SOFTWARE\Microsoft\Cryptography") as key:
            return parse_machine_id(str(winreg.QueryValueEx(key, "MachineGuid")[0]))
    except OSError:
        return None
