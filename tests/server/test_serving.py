"""What `compliance server run` is made of; as a person runs it, it stands in test_cli.py."""

import os
import signal
import socket
import subprocess
import sys
import time
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress

import httpx
import psutil
import pytest

from compliance.errors import Broken, WrongUsage
from compliance.server import serving
from compliance.server.serving import Listening
from compliance.server.storage.clock import OPEN
from compliance.server.storage.engine import open_store
from compliance.server.storage.migrate import migrate
from compliance.server.storage.migrations import MIGRATIONS
from compliance.wire.codec import encode
from tests.server.ingest.reporting import Machine, process, report, sample, whole
from tests.shell import Shell


def test_a_socket_listens_at_once_and_says_where_it_is_reached():
    with serving.bind(Listening(port=0)) as sock:
        port = sock.getsockname()[1]
        assert serving.url(sock, Listening(port=0)) == f"http://127.0.0.1:{port}"
        socket.create_connection(("127.0.0.1", port), timeout=10).close()


def test_an_address_of_the_newer_kind_stands_in_brackets():
    with serving.bind(Listening(host="::1", port=0)) as sock:
        assert serving.url(sock, Listening(host="::1")) == f"http://[::1]:{sock.getsockname()[1]}"


def test_a_port_that_is_taken_is_said_with_what_to_do():
    with serving.bind(Listening(port=0)) as sock:
        port = sock.getsockname()[1]
        with pytest.raises(Broken, match=f"127.0.0.1:{port} is taken.*another --port"):
            serving.bind(Listening(port=port))


@pytest.mark.parametrize("port", [-1, 65536, 10**9])
def test_a_port_that_is_none_is_wrong_usage(port):
    with pytest.raises(WrongUsage, match="up to 65535"):
        serving.bind(Listening(port=port))


def test_an_address_of_another_machine_is_said():
    with pytest.raises(Broken, match="192.0.2.1:8080.*--host"):
        serving.bind(Listening(host="192.0.2.1"))


@pytest.mark.parametrize("host", ["0.0.0.0", "::", "10.0.0.1"])
def test_keys_do_not_cross_a_network_in_the_clear_unless_somebody_says_so(host):
    with pytest.raises(WrongUsage, match="--tls-cert"):
        serving.check(Listening(host=host), insecure=False)
    serving.check(Listening(host=host), insecure=True)


@pytest.mark.parametrize("host", ["127.0.0.1", "localhost", "::1", "127.1.2.3"])
def test_this_machine_needs_no_certificate(host):
    serving.check(Listening(host=host), insecure=False)


START = """
import sys
from compliance.errors import ComplianceError
from compliance.server import serving

listening = serving.Listening(port=0, workers=int(sys.argv[2]))
try:
    with serving.bind(listening) as sock:
        serving.serve(serving.make_server(listening, sys.argv[1]), sock)
except ComplianceError as error:
    sys.exit(f"error: {error}")
"""


@pytest.mark.parametrize("workers", [1, 2])
def test_a_start_that_fails_says_why_without_a_traceback(tmp_path, workers):
    """The command looks at the database first; this is one that went away in between."""
    (tmp_path / "file").write_text("")
    command = [sys.executable, "-c", START, f"sqlite:///{tmp_path}/file/it.db", str(workers)]
    done = subprocess.run(command, capture_output=True, text=True, timeout=60, check=False)
    assert done.returncode == 1
    assert "it.db cannot be made or opened" in done.stderr
    assert "error: The server did not start: what stands above says why." in done.stderr
    assert "Traceback" not in done.stderr


# Two worker processes, a writer each


@pytest.fixture
def served(database_url):
    store = open_store(database_url)
    migrate(store, MIGRATIONS)
    yield store
    store.close()


@pytest.fixture
def pair(shell: Shell, database_url):
    running, url = shell.server("--workers", "2", COMPLIANCE_DATABASE=database_url)
    return url, running, workers_of(running.process.pid, 2)


def workers_of(pid: int, number: int, without: frozenset[int] = frozenset()) -> frozenset[int]:
    """The worker processes, once there are so many of them."""
    until = time.monotonic() + 60
    while time.monotonic() < until:
        found = frozenset(child.pid for child in psutil.Process(pid).children() if is_worker(child)) - without
        if len(found) == number:
            return found
        time.sleep(0.05)
    raise AssertionError(f"there were never {number} workers")


def is_worker(child: psutil.Process) -> bool:
    """Not what has ended and is still listed, and not the helper that Python starts beside them."""
    with suppress(psutil.Error):
        return not any("resource_tracker" in word for word in child.cmdline())
    return False


def send(url, machine, said):
    """Over a connection of its own."""
    headers = {"authorization": f"Bearer {machine.secret}"}
    answer = httpx.post(f"{url}/api/v1/reports", content=encode(said), headers=headers, timeout=60)
    assert answer.status_code == 200, answer.text
    return answer.json()["outcome"]


def test_two_workers_that_get_the_same_report_at_once_apply_it_once(served, pair):
    url, _, _ = pair
    machines = [Machine(served, number) for number in range(1, 6)]
    with ThreadPoolExecutor(10) as threads:
        for step in range(5):
            said = {machine: report(machine.last, processes=whole(process(step + 1))) for machine in machines}
            twice = [machine for machine in machines for _ in range(2)]
            outcomes = list(threads.map(lambda machine, said=said: send(url, machine, said[machine]), twice))
            pairs = zip(outcomes[::2], outcomes[1::2], strict=True)
            assert [sorted(both) for both in pairs] == [["applied", "repeat"]] * len(machines)
            for machine in machines:
                machine.last = said[machine].id
    with served.session() as db:
        assert db.query("SELECT COUNT(*) FROM process") == [(25,)]
        assert db.query("SELECT pid FROM process WHERE ended_at = ?", [OPEN]) == [(5,)] * 5
        assert db.query("SELECT MAX(forks) FROM host_contact") == [(0,)]


def test_workers_end_with_a_supervisor_that_was_killed(served, pair):
    url, running, workers = pair
    running.process.kill()
    running.process.wait()
    psutil.wait_procs([psutil.Process(pid) for pid in workers if psutil.pid_exists(pid)], timeout=60)
    assert not [pid for pid in workers if psutil.pid_exists(pid)]
    serving.bind(Listening(port=int(url.rpartition(":")[2]))).close()


def test_a_worker_that_was_killed_is_replaced(served, pair):
    url, running, workers = pair
    machine = Machine(served)
    os.kill(min(workers), signal.SIGKILL)
    workers_of(running.process.pid, 1, without=workers)
    said = report(cpu=sample())
    assert send(url, machine, said) == "applied"
    assert running.end().code == 0
