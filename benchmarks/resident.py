"""What the resident agent uses: processor time of a look at 300 processes, as a share of a minute, and its memory.

It runs as its own process against a server on SQLite, once a second, so that a minute holds many looks; at most 0.1%
of a processor at one look a minute, and 40 MB.
"""

from __future__ import annotations

import asyncio
import os
import subprocess
import sys
import tempfile
import threading
import time
from pathlib import Path

import psutil

from compliance.server import serving
from compliance.server.enrollment import create_key
from compliance.server.storage.engine import open_store
from compliance.server.storage.migrate import migrate
from compliance.server.storage.migrations import MIGRATIONS

PROCESSES = 300
LOOKS = 40
WARM_UP = 10.0


def measure(environment: dict[str, str]) -> None:
    command = [sys.executable, "-m", "compliance", "agent", "run", "--interval", "1"]
    agent = subprocess.Popen(command, env=environment, stderr=subprocess.DEVNULL)
    try:
        time.sleep(WARM_UP)
        process = psutil.Process(agent.pid)
        before = process.cpu_times()
        time.sleep(LOOKS)
        after = process.cpu_times()
        look = (after.user + after.system - before.user - before.system) / LOOKS
        memory = process.memory_info().rss / 1e6
    finally:
        agent.terminate()
        agent.wait()
    print(
        f"a look, its report and its sending: {look * 1000:.1f} ms of processor time at {len(psutil.pids())} processes"
    )
    print(
        f"at one a minute: {look / 60 * 100:.3f}% of a processor (at most 0.1%), {memory:.0f} MB resident (at most 40)"
    )


def main() -> None:
    others = [subprocess.Popen(["sleep", "600"]) for _ in range(max(0, PROCESSES - len(psutil.pids())))]
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
            while not server.started:
                time.sleep(0.02)
            place = serving.url(sock, listening)
            environment = {**os.environ, "COMPLIANCE_STATE_DIR": str(Path(folder) / "agent")}
            try:
                measure(environment | {"COMPLIANCE_SERVER": place, "COMPLIANCE_KEY": key})
            finally:
                server.should_exit = True
                thread.join()
                for other in others:
                    other.kill()
                    other.wait()


if __name__ == "__main__":
    main()
