"""Every process there is, read as seldom as it can be told that nothing changed.

On Linux a look reads `stat` and the owner of each process, and the rest only when its name, its `start_stack` (an exec
moves it) or its owner changed. Elsewhere psutil tells. What moves without anything having happened is no part of a row:

- the parent is the one first seen, for a process whose parent ends gets another one;
- a title that a program writes over its arguments (postgres, nginx) is not read again;
- the user is the effective one, as `ps` shows it.

Where `start_stack` cannot be read (it needs the same privilege as `exe`), an exec that keeps name and owner is not
seen.
"""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import contextmanager

from msgspec.structs import replace

from compliance.agent.collectors import boot, procfs, psprocesses
from compliance.agent.collectors.accounts import Accounts
from compliance.agent.collectors.look import CannotSee, Known, Look, Memory, moment
from compliance.agent.collectors.procfs import Stat, Unseen
from compliance.agent.collectors.root import sees_host_processes
from compliance.agent.text import within
from compliance.wire.messages import MAX_ROWS, Blind

CLOCK = os.sysconf("SC_CLK_TCK") if boot.LINUX else 1000


def collect(memory: Memory) -> Look:
    """All processes, by pid."""
    boot.remember(memory)
    if boot.LINUX:
        return _look_at_proc(memory)
    found = psprocesses.read(memory.processes, keep)
    memory.processes = dict(sorted(found.items())[:MAX_ROWS])
    return _look(memory.processes, left_out=len(found) - len(memory.processes))


def _look_at_proc(memory: Memory) -> Look:
    accounts, last, now = Accounts(), memory.processes, dict[int, Known]()
    hidden = 0
    with _proc() as proc:
        names = os.listdir(proc)  # noqa: PTH208 - a Path has no file descriptors
        pids, left_out = lowest([name for name in names if name.isdecimal()])
        for pid in pids:
            try:
                raw, uid = procfs.read_stat(proc, pid)
                stat = procfs.parse_stat(raw)
            except PermissionError:
                hidden += 1
                continue
            except (OSError, ValueError, IndexError):  # it ended while we looked
                continue
            known = last.get(int(pid))
            if known is None or is_other(known, stat, uid):
                known = keep(known, _read(proc, pid, stat, uid, accounts, memory.booted_at))
            now[known.row.pid] = known
    memory.processes = now
    return _look(now, hidden, left_out, not sees_host_processes())


def is_other(known: Known, stat: Stat, uid: int) -> bool:
    """Whether a process has to be read again: pid reused, exec, new name, new owner."""
    if known.ticks != stat.ticks:
        return True
    if stat.kernel:
        return False
    moved = stat.start_stack != known.start_stack and stat.start_stack != 0
    return moved or stat.comm != known.comm or uid != known.uid


def _read(proc: int, pid: str, stat: Stat, uid: int, accounts: Accounts, booted_at: int) -> Known:
    exe: str | Unseen = Unseen(False)
    cmdline: bytes | Unseen = b""
    if not stat.kernel:
        exe, cmdline = procfs.read_exe(proc, pid), procfs.read_cmdline(proc, pid)
    row = procfs.row(
        int(pid),
        stat,
        accounts.name(uid),
        moment(booted_at + stat.ticks * 1000 // CLOCK),
        None if isinstance(exe, Unseen) else exe,
        b"" if isinstance(cmdline, Unseen) else cmdline,
    )
    blind = sum(isinstance(field, Unseen) and field.forbidden for field in (exe, cmdline))
    return Known(stat.ticks, stat.comm, uid, stat.start_stack, blind, row)


def keep(last: Known | None, new: Known) -> Known:
    """What was seen of the same process before and cannot be seen now stays; its parent stays the first one seen."""
    if last is None or last.ticks != new.ticks:
        return new
    row = new.row if last.row.ppid is None else replace(new.row, ppid=last.row.ppid)
    if last.start_stack and new.start_stack and last.start_stack != new.start_stack:  # an exec: the old says nothing
        return new._replace(row=row)
    exe, arguments = row.exe or last.row.exe, row.arguments or last.row.arguments
    regained = (row.exe != exe) + (row.arguments != arguments)
    return new._replace(
        row=replace(row, exe=exe, arguments=arguments, user=row.user or last.row.user),
        start_stack=new.start_stack or last.start_stack,
        blind=max(0, new.blind - regained),
    )


def lowest(pids: list[str], most: int = MAX_ROWS) -> tuple[list[str], int]:
    """In order, and how many are past the bound: the lowest stay, for they are the system's own and its oldest."""
    ordered = sorted(pids, key=int)
    return ordered[:most], max(0, len(ordered) - most)


def _look(now: dict[int, Known], hidden: int = 0, left_out: int = 0, contained: bool = False) -> Look:
    unlisted = 0
    if now and 1 not in now and boot.LINUX and not hidden:  # hidepid=2: not even the first process is listed
        unlisted = len({known.row.ppid for known in now.values()} - now.keys() - {0, None}) or 1
    fields = sum(known.blind for known in now.values())
    rows = tuple(known.row for known in now.values())
    return Look(rows, blindness(fields=fields, hidden=hidden + unlisted, left_out=left_out, contained=contained))


def blindness(*, fields: int, hidden: int, left_out: int, contained: bool) -> Blind | None:
    """What was missing, in one sentence. `hidden` are processes known to be there, as another's parent for one."""
    reasons = [
        (contained, "only the processes of this container are visible (it has a pid namespace of its own)"),
        (hidden, "the processes of other users are hidden (/proc is mounted with hidepid)"),
        (fields, "no privilege to read all of every process (run as root, with CAP_SYS_PTRACE)"),
        (left_out, f"more than {MAX_ROWS:,} processes, so the highest pids are left out"),
    ]
    told = "; ".join(reason for applies, reason in reasons if applies)
    return (
        Blind(rows=hidden + left_out, fields=fields, reason=within(told[0].upper() + told[1:], 254) + ".")
        if told
        else None
    )


@contextmanager
def _proc() -> Iterator[int]:
    try:
        proc = os.open("/proc", os.O_RDONLY | os.O_DIRECTORY)
    except OSError as error:
        raise CannotSee(f"/proc cannot be read ({error.strerror}): mount it to see processes.") from error
    try:
        yield proc
    finally:
        os.close(proc)
