"""Collecting all processes, over a bare psutil loop that reads the same fields: at most 1.3 at first, 0.3 later.

On top of what runs, 200 processes of its own, which it ends. In turns, so that a busy moment falls on all; medians.
"""

import statistics
import subprocess
import time
from collections.abc import Callable

import psutil

from compliance.agent.collectors import Memory, processes

RUNS = 25
MORE = 200
FIELDS = ["pid", "ppid", "create_time", "username", "name", "exe", "cmdline"]


def bare_loop() -> int:
    psutil.process_iter.cache_clear()
    return sum(1 for process in psutil.process_iter(FIELDS) if process.info)


def seconds(look: Callable[[], object]) -> float:
    start = time.perf_counter()
    look()
    return time.perf_counter() - start


def measure() -> None:
    resident = Memory()
    seen = len(processes.collect(resident).rows)
    taken: dict[str, list[float]] = {"bare": [], "first": [], "later": []}
    for _ in range(RUNS):
        taken["bare"].append(seconds(bare_loop))
        taken["first"].append(seconds(lambda: processes.collect(Memory())))
        taken["later"].append(seconds(lambda: processes.collect(resident)))
    bare, first, later = (statistics.median(taken[name]) for name in ("bare", "first", "later"))
    print(f"{seen} processes; a bare psutil loop: {bare / seen * 1e6:.0f} µs a process")
    print(f"first look: {first / seen * 1e6:.0f} µs a process, {first / bare:.2f} of that (at most 1.3)")
    print(f"later look: {later / seen * 1e6:.0f} µs a process, {later / bare:.2f} of that (at most 0.3)")


def main() -> None:
    started = [subprocess.Popen(["sleep", "600"]) for _ in range(MORE)]
    try:
        measure()
    finally:
        for process in started:
            process.kill()
            process.wait()


if __name__ == "__main__":
    main()
