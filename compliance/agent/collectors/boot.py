"""Which start of the machine this is, and when it was: both derived once a boot and then kept in the memory."""

from __future__ import annotations

import subprocess
import sys
import time
from pathlib import Path

import psutil

from compliance.agent.collectors.look import Memory

LINUX = sys.platform.startswith("linux")
SAME_BOOT_MS = 120_000
"""Without a boot id, boot moments of two looks closer than this are the same boot, seen by a clock that was stepped."""


def remember(memory: Memory) -> None:
    """Put this boot's id and moment into the memory; a new boot empties what was kept of the one before."""
    boot_id, seen = read(memory)
    if boot_id != memory.boot_id:
        memory.boot_id, memory.booted_at = boot_id, seen
        memory.cpu = None
        memory.processes.clear()
    memory.boot_seen = seen


def read(memory: Memory) -> tuple[str, int]:
    """This boot's id, and its moment as the clock now has it."""
    if LINUX:
        seen = _since_boot()
        try:
            return Path("/proc/sys/kernel/random/boot_id").read_text(encoding="ascii").strip(), seen
        except OSError:  # no /proc: then it is derived, as elsewhere
            return derive(memory.boot_id, memory.boot_seen, seen), seen
    seen = _since_boot()
    if sys.platform == "darwin" and (session := _darwin_session()):
        return session, seen
    return derive(memory.boot_id, memory.boot_seen, seen), seen


def derive(last_id: str, last_seen: int, seen: int) -> str:
    """A boot id for a platform that has none (Windows): the first boot moment seen, in milliseconds.

    It holds while the moment derived at each look stays within two minutes of the look before, so slewing and small
    steps are no new boot. A step of more than two minutes is taken for one: all rows are then told anew.
    """
    same = last_id.startswith("boot-") and abs(seen - last_seen) < SAME_BOOT_MS
    return last_id if same else f"boot-{seen}"


def _since_boot() -> int:
    # Not `btime` of /proc/stat: that has whole seconds only.
    if sys.platform.startswith("linux"):
        return (time.time_ns() - time.clock_gettime_ns(time.CLOCK_BOOTTIME)) // 1_000_000
    return int(psutil.boot_time() * 1000)


def _darwin_session() -> str:
    command = ["/usr/sbin/sysctl", "-n", "kern.bootsessionuuid"]
    try:
        done = subprocess.run(command, capture_output=True, text=True, timeout=5, check=True)
    except (OSError, subprocess.SubprocessError):
        return ""
    return done.stdout.strip()[:64]
