"""What a cold `compliance agent send --all` costs, over importing what it needs: wall, processor time, peak memory.

A server on SQLite runs beside it; the host is enrolled, and each send is a process of its own, as cron would start it.
"""

from __future__ import annotations

import asyncio
import os
import statistics
import subprocess
import sys
import tempfile
import threading
import time
from pathlib import Path

from compliance.server import serving
from compliance.server.enrollment import create_key
from compliance.server.storage.engine import open_store
from compliance.server.storage.migrate import migrate
from compliance.server.storage.migrations import MIGRATIONS

RUNS = 9
FLOOR = ("-c", "import typer, rich.console, rich.table, httpx, psutil, msgspec, sqlite3")
SEND = ("-m", "compliance", "agent", "send", "--all")


def cost(arguments: tuple[str, ...], environment: dict[str, str]) -> tuple[float, float, int]:
    """Seconds on the wall, seconds of processor time, KB at most."""
    start = time.perf_counter()
    process = subprocess.Popen(
        [sys.executable, *arguments], env=environment, stdout=subprocess.DEVNULL, stderr=subprocess.PIPE
    )
    _, status, usage = os.wait4(process.pid, 0)
    wall = time.perf_counter() - start
    assert process.stderr is not None
    said = process.stderr.read().decode()
    process.stderr.close()
    process.returncode = os.waitstatus_to_exitcode(status)
    assert process.returncode == 0, said
    return wall, usage.ru_utime + usage.ru_stime, usage.ru_maxrss


def main() -> None:
    with tempfile.TemporaryDirectory() as folder:
        url = f"sqlite:///{folder}/compliance.db"
        store = open_store(url)
        migrate(store, MIGRATIONS)
        key = asyncio.run(create_key(store, "bench", "enroll"))
        store.close()
        listening = serving.Listening(port=0)
        with serving.bind(listening) as sock:
            server = serving.make_server(listening, url)
            thread = threading.Thread(target=server.run, kwargs={"sockets": [sock]})
            thread.start()
            place = serving.url(sock, listening)
            environment = {**os.environ, "COMPLIANCE_STATE_DIR": str(Path(folder) / "agent")}
            environment |= {"COMPLIANCE_SERVER": place, "COMPLIANCE_KEY": key}
            while not server.started:
                time.sleep(0.02)
            cost(SEND, environment)
            taken: dict[str, list[tuple[float, float, int]]] = {"floor": [], "send": []}
            for _ in range(RUNS):
                taken["floor"].append(cost(FLOOR, environment))
                taken["send"].append(cost(SEND, environment))
            server.should_exit = True
            thread.join()
    floor, send = ([statistics.median(column) for column in zip(*taken[name], strict=True)] for name in taken)
    units = (("wall", 1000, "ms"), ("processor", 1000, "ms"), ("peak memory", 0.001, "MB"))
    for place_in, (what, factor, unit) in enumerate(units):
        ratio = send[place_in] / floor[place_in]
        print(f"{what}: {send[place_in] * factor:.0f} {unit}, {ratio:.2f} of importing its libraries")


if __name__ == "__main__":
    main()
