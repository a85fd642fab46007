"""`compliance agent run` as a process of its own, as a service manager starts it."""

import json
import os
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from tests.agent.conftest import Served

SECONDS = 60.0


def until(condition: Callable[[], object], what: str) -> None:
    end = time.monotonic() + SECONDS
    while not condition():
        assert time.monotonic() < end, f"not seen in {SECONDS:.0f} s: {what}"
        time.sleep(0.05)


class Running:
    def __init__(self, folder: Path, served: Served, *options: str, **environment: str) -> None:
        self.log = folder.parent / "agent.log"
        with self.log.open("ab") as log:
            self.process = subprocess.Popen(
                [sys.executable, "-m", "compliance", "agent", "run", "--state-dir", str(folder), *options],
                env={**os.environ, "COMPLIANCE_SERVER": served.url, "COMPLIANCE_KEY": served.enroll_key, **environment},
                stderr=log,
            )

    def said(self) -> str:
        return self.log.read_text()

    def tell(self, number: signal.Signals) -> None:
        self.process.send_signal(number)

    def end(self) -> int:
        self.tell(signal.SIGTERM)
        return self.process.wait(SECONDS)


@pytest.fixture
def running(tmp_path: Path, served: Served) -> Iterator[Callable[..., Running]]:
    started: list[Running] = []

    def start(*options: str, **environment: str) -> Running:
        started.append(Running(tmp_path / "agent", served, *options, **environment))
        return started[-1]

    yield start
    for one in started:
        if one.process.poll() is None:
            one.process.kill()
        one.process.wait()


def reports(served: Served) -> int:
    with served.store.session() as db:
        return len(db.query("SELECT DISTINCT seen_at FROM cpu_sample"))


def test_it_enrolls_reports_every_interval_and_ends_in_order(running, served: Served):
    agent = running("--interval", "1")
    until(lambda: reports(served) >= 3, "three reports")
    assert agent.end() == 0
    assert "Reporting to" in agent.said()
    assert "applied" in agent.said()
    assert "Stopped" in agent.said()
    assert "Traceback" not in agent.said()
    assert served.enroll_key not in agent.said()


def test_without_its_command_lines_libraries(running, served: Served):
    agent = running("--interval", "1")
    until(lambda: reports(served) >= 1, "a report")
    maps = Path(f"/proc/{agent.process.pid}/maps").read_text()
    assert "pydantic" not in maps
    line = Path(f"/proc/{agent.process.pid}/cmdline").read_bytes()
    assert b"compliance.agent.running" in line
    assert served.enroll_key.encode() not in line


def test_log_lines_are_json_on_demand(running, served: Served):
    agent = running("--interval", "1", "--log", "json")
    until(lambda: reports(served) >= 1, "a report")
    agent.end()
    lines = [json.loads(line) for line in agent.said().splitlines()]
    assert {line["level"] for line in lines} <= {"info", "warning"}
    assert all(line["time"].endswith("Z") and line["message"] for line in lines)


def test_a_second_one_in_the_same_folder_is_refused_with_its_process(running, served: Served):
    first = running("--interval", "600")
    until(lambda: "Reporting to" in first.said(), "the first one's start")
    second = running("--interval", "600")
    assert second.process.wait(SECONDS) == 1
    assert f"process {first.process.pid}" in second.said()


def test_send_asks_the_resident_agent_to_look_instead_of_looking_itself(running, served: Served, tmp_path: Path):
    agent = running("--interval", "3600")
    until(lambda: "Reporting to" in agent.said(), "its start")
    command = [sys.executable, "-m", "compliance", "agent", "send", "--all", "--state-dir", str(tmp_path / "agent")]
    sent = subprocess.run(command, capture_output=True, text=True, check=True)
    assert f"resident agent (process {agent.process.pid})" in sent.stderr
    assert reports(served) == 1


def test_sighup_reads_the_settings_again(running, served: Served, tmp_path: Path):
    folder = tmp_path / "agent"
    folder.mkdir()
    (folder / "agent.toml").write_text("interval = 3600\n")
    agent = running()
    until(lambda: "every 3600 s" in agent.said(), "its start")
    (folder / "agent.toml").write_text("interval = 30\n")
    agent.tell(signal.SIGHUP)
    until(lambda: "Settings read again: reporting every 30 s" in agent.said(), "the new settings")
    (folder / "agent.toml").write_text("intervall = 30\n")
    agent.tell(signal.SIGHUP)
    until(lambda: "did you mean 'interval'" in agent.said(), "what is wrong with them")
    assert agent.end() == 0


def test_systemd_is_told_that_it_is_ready_alive_and_stopping(running, served: Served, tmp_path: Path):
    place = tmp_path / "notify"
    heard: list[str] = []
    with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as listener:
        listener.bind(str(place))
        listener.settimeout(SECONDS)
        agent = running("--interval", "600", NOTIFY_SOCKET=str(place), WATCHDOG_USEC="200000")
        while sum("WATCHDOG=1" in one for one in heard) < 3:
            heard.append(listener.recv(1000).decode())
        agent.tell(signal.SIGTERM)
        while "STOPPING=1" not in heard:
            heard.append(listener.recv(1000).decode())
    assert heard[0].startswith("READY=1\nSTATUS=reporting to")
    assert agent.process.wait(SECONDS) == 0


def test_a_server_that_is_not_there_yet_keeps_nobody_from_starting(running, served: Served):
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        agent = running("--interval", "1", COMPLIANCE_SERVER=f"http://127.0.0.1:{taken.getsockname()[1]}")
        until(lambda: agent.said().count("Trying again") >= 1, "a warning")
    assert "could be enrolled" in agent.said()
    assert agent.end() == 0
