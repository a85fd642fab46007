"""Clocks, databases, disks and folders that go wrong under a real agent and a real server, as a person meets them."""

import os
import re
import subprocess
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import httpx
import pytest

from tests.mariadb import MariaDB
from tests.shell import Shell, Shells
from tests.world import HOSTNAME, World, items, samples, standing

one_store = pytest.mark.parametrize("store_kind", ["sqlite"], indirect=True)


# --- the clock

SHIFTED = """
import os, time
shift = int(float(os.environ["SHIFT_DAYS"]) * 86_400 * 10**9)
real, real_ns = time.time, time.time_ns
time.time = lambda: real() + shift / 10**9
time.time_ns = lambda: real_ns() + shift
"""


@pytest.fixture
def shifted(tmp_path: Path) -> Callable[[float], dict[str, str]]:
    """The environment of a process whose clock is off by so many days."""
    (tmp_path / "clock").mkdir()
    (tmp_path / "clock" / "sitecustomize.py").write_text(SHIFTED)
    return lambda days: {"PYTHONPATH": str(tmp_path / "clock"), "SHIFT_DAYS": str(days)}


@one_store
def test_a_clock_that_is_far_off_is_told_and_moves_nothing(world: World, shifted):
    assert "applied" in world.web("agent", "send", "--all").out
    for number, days in enumerate((3, -3, -15_000, -25_000, 40_000)):
        shown = world.web("agent", "send", "--all", **shifted(days))
        assert "applied" in shown.out, days
        (host,) = items(world.reader, "hosts")
        assert abs(host["seen_at"] - time.time() * 1000) < 600_000, "the fleet's axis is the server's clock"
        if abs(days) < 10_000:
            told = "ahead of" if days > 0 else "behind"
            assert re.search(rf"Clock +\S.* {told} the server's", world.reader("report", "host", HOSTNAME).out)
        assert "applied" in world.web("agent", "send", "--all").out, days
        assert samples(world.reader) == 2 * number + 3
    assert standing(world.web)["waiting"] == 0


@one_store
def test_a_clock_beyond_all_years_from_the_first_look_on_silences_nothing(world: World, shifted):
    """What such a clock would say of the start of things cannot be stored; what runs can."""
    assert "applied" in world.web("agent", "send", "--all", **shifted(40_000)).out
    assert standing(world.web)["set_aside"] == 0
    assert len(items(world.reader, "processes", "--all")) > 1
    assert "applied" in world.web("agent", "send", "--all").out


@one_store
def test_a_server_whose_clock_was_off_goes_on_when_it_is_right(world: World, machine: Shells, keys, shifted):
    late = machine("late server", COMPLIANCE_DATABASE=str(world.server.environment["COMPLIANCE_DATABASE"]))
    running, url = late.server(**shifted(-2))
    assert "applied" in world.web("agent", "send", "--all", COMPLIANCE_SERVER=url).out
    running.end()
    assert "applied" in world.web("agent", "send", "--all").out
    assert len(items(world.reader, "cpu", "--since", "3d", "--all")) == 2


# --- the database


def wait_until(holds: Callable[[], bool]) -> None:
    until = time.monotonic() + 60
    while not holds():
        assert time.monotonic() < until
        time.sleep(0.1)


def test_a_database_that_goes_down_and_comes_back_loses_nothing(machine: Shells, own_mariadb: MariaDB):
    server = machine("server", COMPLIANCE_DATABASE=own_mariadb.url("compliance"))
    running, url = server.server()
    made = [
        server("server", "keys", "create", "--role", role, "--name", role).out.strip() for role in ("enroll", "read")
    ]
    web = machine("web", COMPLIANCE_SERVER=url, COMPLIANCE_KEY=made[0])
    reader = machine("reader", COMPLIANCE_SERVER=url, COMPLIANCE_KEY=made[1])
    assert "applied" in web("agent", "send", "--all").out
    assert samples(reader) == 1

    own_mariadb.kill()
    shown = web("agent", "send", "--all", code=3)
    assert "1 report is kept on disk" in shown.err
    assert "database" in shown.err
    assert "database" in reader("report", "hosts", code=3).err
    ready = httpx.get(f"{url}/health/ready", timeout=60)
    assert (ready.status_code, httpx.get(f"{url}/health/live").status_code) == (503, 200)
    assert "database" in ready.json()["detail"]
    for command in (("keys", "list"), ("migrate",), ("prune", "--older-than", "1"), ("run", "--port", "0")):
        shown = server("server", *command, code=3)
        assert str(own_mariadb.port) in shown.err, "which database it is"
    web("agent", "send", "cpu", code=3)
    assert standing(web)["waiting"] == 2

    own_mariadb.start()
    wait_until(lambda: httpx.get(f"{url}/health/ready", timeout=60).status_code == 200)
    shown = web("agent", "send", "cpu")
    assert shown.out.count("applied") == 3
    assert samples(reader) == 4
    told = standing(web)
    assert (told["waiting"], told["dropped"], told["set_aside"]) == (0, 0, 0)
    assert running.process.poll() is None


def test_a_database_that_refuses_its_user_is_said_without_the_password(shell: Shell, mysql_url):
    url = mysql_url.replace("root@", "nobody:hunter2@")
    for command in (("server", "run"), ("server", "migrate"), ("up", "--once", "--port", "0")):
        shown = shell(*command, COMPLIANCE_DATABASE=url, code=4)
        assert "nobody" in shown.err
        assert "hunter2" not in shown.err


# --- the disk


@pytest.fixture
def small(tmp_path: Path) -> Iterator[Path]:
    """A disk of two megabytes."""
    folder = tmp_path / "small"
    folder.mkdir()
    if os.geteuid() != 0 or subprocess.run(["mount", "-t", "tmpfs", "-o", "size=2m", "tmpfs", str(folder)]).returncode:
        pytest.skip("mounts a small disk: needs root")
    yield folder
    subprocess.run(["umount", "-l", str(folder)], check=True)


def fill(folder: Path) -> Path:
    filler = folder / "filler"
    with filler.open("wb", buffering=0) as file:
        try:
            while True:
                file.write(b"\0" * 4096)
        except OSError:
            return filler


@one_store
def test_an_agent_whose_disk_is_full_says_so_and_goes_on_when_there_is_room(world: World, small):
    web = world.web
    web.environment["COMPLIANCE_STATE_DIR"] = str(small / "state")
    web("agent", "enroll", "--server", world.url, "--key-file", "enroll.key")
    web("agent", "send", "--all")
    filler = fill(small)
    shown = web("agent", "send", "--all", code=1)
    assert "make room" in shown.err
    filler.unlink()
    assert "applied" in web("agent", "send", "--all").out
    assert standing(web)["waiting"] == 0


def test_nothing_starts_on_a_full_disk_and_it_says_why(machine: Shells, small):
    host = machine("host", COMPLIANCE_STATE_DIR=str(small / "state"))
    fill(small)
    for command in (("up", "--once", "--port", "0"), ("server", "run", "--port", "0")):
        assert re.search("make room|free some space", host(*command, code=1).err)


def test_a_server_whose_disk_is_full_keeps_the_reports_on_the_hosts(machine: Shells, small):
    server = machine("server", COMPLIANCE_DATABASE=f"sqlite:///{small}/compliance.db")
    running, url = server.server()
    made = [
        server("server", "keys", "create", "--role", role, "--name", role).out.strip() for role in ("enroll", "read")
    ]
    web = machine("web", COMPLIANCE_SERVER=url, COMPLIANCE_KEY=made[0])
    reader = machine("reader", COMPLIANCE_SERVER=url, COMPLIANCE_KEY=made[1])
    assert "applied" in web("agent", "send", "host").out
    filler = fill(small)
    shown = web("agent", "send", "--all", code=3)
    assert "free some space" in shown.err
    assert "1 report is kept on disk" in shown.err
    assert httpx.get(f"{url}/health/ready", timeout=60).status_code == 503
    assert len(items(reader, "hosts")) == 1, "what is there can be read"
    filler.unlink()
    wait_until(lambda: httpx.get(f"{url}/health/ready", timeout=60).status_code == 200)
    assert web("agent", "send", "cpu").out.count("applied") == 2
    assert samples(reader) == 2
    assert running.process.poll() is None


# --- folders and files


@pytest.fixture
def read_only(tmp_path: Path) -> Iterator[Callable[[Path], None]]:
    """Makes a folder one that nobody can write to, root neither where we may mount."""
    mounted: list[Path] = []

    def lock(folder: Path) -> None:
        if os.geteuid() != 0:
            folder.chmod(0o500)
            return
        bind = ["mount", "--bind", str(folder), str(folder)]
        if subprocess.run(bind, stderr=subprocess.DEVNULL).returncode:
            pytest.skip("mounts a folder: root here may not")
        mounted.append(folder)
        subprocess.run(["mount", "-o", "remount,ro,bind", str(folder)], check=True)

    yield lock
    for folder in mounted:
        subprocess.run(["umount", "-l", str(folder)], check=True)


@one_store
def test_a_state_folder_that_cannot_be_written_is_said(world: World, machine: Shells, read_only, keys):
    world.web("agent", "send", "--all")
    read_only(world.web.state)
    for command in (("agent", "send", "cpu"), ("up", "--once", "--port", "0"), ("server", "run", "--port", "0")):
        shown = world.web(*command, code=1)
        assert f"Cannot keep state in {world.web.state} (" in shown.err
        assert "make the folder writable, or name another one with --state-dir or COMPLIANCE_STATE_DIR" in shown.err
    # Looking needs no state.
    assert world.web("agent", "collect", "os").out
    assert samples(world.reader) == 1


def test_a_state_folder_that_is_a_file_is_said(shell: Shell):
    shell.state.write_text("")
    for command in (("up", "--once", "--port", "0"), ("server", "migrate")):
        assert "Cannot keep state in" in shell(*command, code=1).err


@one_store
def test_a_damaged_identity_is_said_and_a_damaged_spool_is_begun_anew(world: World):
    world.web("agent", "send", "--all")
    kept = (world.web.state / "identity.json").read_bytes()
    (world.web.state / "identity.json").write_bytes(kept[:40])
    shown = world.web("agent", "send", "cpu", code=1)
    assert "identity.json" in shown.err
    assert "put it back from a backup, or remove it and enroll again" in shown.err
    (world.web.state / "identity.json").write_bytes(kept)
    (world.web.state / "agent.db").write_bytes(b"no database" * 1000)
    shown = world.web("agent", "send", "--all")
    assert "The spool was damaged" in shown.err
    assert "applied" in shown.out
    assert standing(world.web)["dropped"] == 1


@pytest.mark.parametrize(
    ("text", "sentence"),
    [("server = ", "is not TOML"), ("sever = 'x'", "did you mean 'server'?"), ("interval = 'x'", "type int")],
)
def test_a_file_of_settings_that_makes_no_sense_is_wrong_usage(shell: Shell, text, sentence):
    (shell.folder / "agent.toml").write_text(text)
    for command in ("enroll", "send", "status"):
        shown = shell("agent", command, "--config", "agent.toml", code=2)
        assert sentence in shown.err
        assert "agent.toml" in shown.err
