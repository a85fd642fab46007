"""Linux's /proc, one process at a time: texts in, a row out, and beside that the reads themselves.

A row is made of four files: `stat` (name, parent, start, flags), the folder's owner, `exe` and `cmdline`.
"""

from __future__ import annotations

import os
import re
import shlex
from pathlib import PurePosixPath
from typing import NamedTuple

from compliance.agent.redaction import redact
from compliance.agent.text import cut, within
from compliance.wire.facts import Process

KERNEL_THREAD = 0x00200000
"""PF_KTHREAD in the flags of `stat`."""
COMM_BYTES = 15
"""The kernel keeps this much of a program's name."""
STAT_BYTES = 4096
LONGEST = 131_072
"""Of one argument, as the kernel has it (MAX_ARG_STRLEN)."""

_worker = re.compile(rb"(kworker/(?:u?\d+:\d+[A-Z]*))[+-]")


class Stat(NamedTuple):
    """The part of /proc/PID/stat that a row is made of."""

    comm: bytes
    zombie: bool
    ppid: int
    kernel: bool
    ticks: int
    start_stack: int


class Unseen(NamedTuple):
    """What `exe` said instead of a path."""

    forbidden: bool


def parse_stat(raw: bytes) -> Stat:
    """The name stands in brackets and may itself hold blanks and brackets, so the last bracket counts."""
    end = raw.rindex(b")")
    # state is field 3 of proc(5), so field n is at n - 3
    fields = raw[end + 2 :].split(b" ", 26)
    return Stat(
        raw[raw.index(b"(") + 1 : end],
        fields[0] == b"Z",
        int(fields[1]),
        bool(int(fields[6]) & KERNEL_THREAD),
        int(fields[19]),
        int(fields[25]),
    )


def thread_name(comm: bytes) -> bytes:
    """The stable part of a kernel thread's name: a worker adds the work at hand (`kworker/0:1-events`), which moves.

    `kworker/0:1` is the name it was born with; the rescuers (`kworker/R-writeback`) keep theirs, and stay whole.
    """
    worker = _worker.match(comm)
    return worker.group(1) if worker else comm


def program_name(comm: bytes, arguments: list[bytes], exe: str | None) -> str:
    """The name whole, where the kernel's 15 bytes are its beginning."""
    if len(comm) >= COMM_BYTES:
        candidates = [os.fsencode(exe).rpartition(b"/")[2]] if exe else []
        candidates += [arguments[0].rpartition(b"/")[2]] if arguments else []
        comm = next((name for name in candidates if name.startswith(comm)), comm)
    return within(comm, 255) or (within(PurePosixPath(exe).name, 255) if exe else "") or "?"


def parse_arguments(raw: bytes) -> list[bytes]:
    """Empty ones at the end are lost: a title written over the arguments is padded with the same zeros."""
    raw = raw.rstrip(b"\0")
    return raw.split(b"\0") if raw else []


def command_line(arguments: list[str]) -> str:
    """Redacted, then joined as a shell would read it; a title written over the arguments stays as it is."""
    redacted = redact(arguments)
    if len(redacted) == 1 and " " in redacted[0]:
        return cut(redacted[0], 65_536)
    return cut(" ".join(map(_quoted, redacted)), 65_536)


def program_path(target: str) -> str:
    """A program replaced on disk while it runs keeps its path."""
    return within(target.removesuffix(" (deleted)"), 4096)


def row(pid: int, stat: Stat, user: str, started_at: int | None, exe: str | None, cmdline: bytes) -> Process:
    """`exe` as readlink has it; `None` for none."""
    if stat.kernel:
        name = within(thread_name(stat.comm), 255) or "?"
        return Process(pid=pid, ticks=stat.ticks, ppid=stat.ppid, started_at=started_at, user=user, name=name)
    arguments = parse_arguments(cmdline)
    return Process(
        pid=pid,
        ticks=stat.ticks,
        ppid=stat.ppid,
        started_at=started_at,
        user=user,
        name=program_name(stat.comm, arguments, exe),
        exe=program_path(exe) if exe else None,
        arguments=command_line([within(part, LONGEST) for part in arguments]) if arguments else None,
    )


def read_stat(proc: int, pid: str) -> tuple[bytes, int]:
    """The text of `stat` and the owner; `proc` is the open /proc.

    Bare system calls: a buffered file object costs as much again as the kernel's own work.
    """
    file = os.open(f"{pid}/stat", os.O_RDONLY, dir_fd=proc)
    try:
        # the folder has the owner; the files in it are root's where a process may not be dumped
        return os.read(file, STAT_BYTES), os.stat(pid, dir_fd=proc).st_uid
    finally:
        os.close(file)


def read_cmdline(proc: int, pid: str) -> bytes | Unseen:
    """What is there; empty for kernel threads and zombies."""
    try:
        with os.fdopen(os.open(f"{pid}/cmdline", os.O_RDONLY, dir_fd=proc), "rb", buffering=0) as file:
            return file.read()
    except PermissionError:
        return Unseen(True)
    except OSError:
        return b""


def read_exe(proc: int, pid: str) -> str | Unseen:
    """The path as the kernel has it."""
    try:
        return os.readlink(f"{pid}/exe", dir_fd=proc)
    except PermissionError:
        return Unseen(True)
    except OSError:
        return Unseen(False)


def _quoted(argument: str) -> str:
    # `[redacted]` would need quotes in a shell, and nobody will run it again
    return argument if "[redacted]" in argument and " " not in argument else shlex.quote(argument)
