"""Processes where there is no /proc (macOS, Windows, the BSDs), as psutil tells them."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import psutil

from compliance.agent.collectors import procfs
from compliance.agent.collectors.look import Known, moment
from compliance.agent.text import within
from compliance.wire.facts import Process

FIELDS = ("pid", "ppid", "create_time", "username", "name", "exe", "cmdline")


def read(last: dict[int, Known], keep: Callable[[Known | None, Known], Known]) -> dict[int, Known]:
    """By pid. A process is read whole when it is new or its name changed."""
    now: dict[int, Known] = {}
    for process in psutil.process_iter():
        try:
            ticks, name = int(process.create_time() * 1000), process.name().encode("utf-8", "surrogatepass")
            known = last.get(process.pid)
            if known is None or known.ticks != ticks or known.comm != name:
                info = process.as_dict(FIELDS)
                known = keep(known, Known(ticks, name, 0, 0, blind(info), row(info)))
        except psutil.Error:  # it ended while we looked, or it is a zombie
            continue
        now[process.pid] = known
    return now


def row(info: dict[str, Any]) -> Process:
    """From `Process.as_dict`, where what could not be read is `None` and what there is none of is empty."""
    ticks = max(0, int((info["create_time"] or 0) * 1000))
    arguments = info["cmdline"]
    return Process(
        pid=info["pid"],
        ticks=ticks,
        ppid=info["ppid"],
        started_at=moment(ticks),
        user=within(info["username"] or "", 255) or None,
        name=within(info["name"] or "", 255) or "?",
        exe=within(info["exe"] or "", 4096) or None,
        arguments=procfs.command_line([within(part, procfs.LONGEST) for part in arguments]) if arguments else None,
    )


def blind(info: dict[str, Any]) -> int:
    """Fields that psutil was not allowed to read."""
    return sum(info[name] is None for name in ("username", "exe", "cmdline"))
