"""Processes, on real ones: started, renamed, replaced and ended here."""

import os
import shutil
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

import msgspec
import psutil
import pytest

from compliance.agent.collectors import Memory, boot, processes, procfs
from compliance.agent.collectors.look import Known
from compliance.wire.facts import Process

linux = pytest.mark.skipif(not boot.LINUX, reason="reads /proc")
root = pytest.mark.skipif(not hasattr(os, "geteuid") or os.geteuid() != 0, reason="changes the user, which root may")

# Says when it is ready, then does what each line it is sent says.
OBEDIENT = (
    "import sys, os, ctypes\nprint('ready', flush=True)\nfor line in sys.stdin:\n exec(line); print('done', flush=True)"
)


@contextmanager
def running(*arguments: str | bytes, **more: object) -> Iterator[subprocess.Popen[bytes]]:
    process = subprocess.Popen(arguments, stdin=subprocess.PIPE, stdout=subprocess.PIPE, **more)  # type: ignore[call-overload]
    try:
        yield process
    finally:
        process.kill()
        process.communicate()


@contextmanager
def obedient(*arguments: str, **more: object) -> Iterator[tuple[int, Callable[[str], None]]]:
    with running(sys.executable, "-c", OBEDIENT, *arguments, **more) as process:
        source, target = process.stdout, process.stdin
        assert source is not None
        assert target is not None
        assert source.readline() == b"ready\n"

        def tell(line: str) -> None:
            target.write(line.encode() + b"\n")
            target.flush()
            source.readline()

        yield process.pid, tell


def wait_for(holds: Callable[[], bool]) -> None:
    """Until something of the system's own happened; fails only when it never does."""
    for _ in range(2_000):
        if holds():
            return
        time.sleep(0.01)
    pytest.fail("it never happened")


def rows(memory: Memory) -> dict[int, Process]:
    return {row.pid: row for row in processes.collect(memory).rows if isinstance(row, Process)}


def comm(pid: int) -> str:
    return Path(f"/proc/{pid}/comm").read_text(errors="surrogateescape").strip()


@linux
def test_a_process_is_told_with_all_its_facts() -> None:
    with running("sleep", "600") as process:
        wait_for(lambda: comm(process.pid) == "sleep")
        row = rows(Memory())[process.pid]
    assert (row.ppid, row.name, row.arguments) == (os.getpid(), "sleep", "sleep 600")
    assert (row.exe or "").endswith(("/sleep", "/coreutils", "/busybox"))
    assert row.user == psutil.Process().username()
    assert abs((row.started_at or 0) - time.time() * 1000) < 60_000


@linux
def test_every_row_can_be_stored() -> None:
    look = processes.collect(Memory())
    assert msgspec.json.decode(msgspec.json.encode(look.rows), type=tuple[Process, ...]) == look.rows
    pids = [row.pid for row in look.rows if isinstance(row, Process)]
    assert pids == sorted(set(pids))
    assert os.getpid() in pids


@linux
def test_nothing_in_a_row_moves_while_nothing_happens() -> None:
    with running("sleep", "600") as process:
        wait_for(lambda: comm(process.pid) == "sleep")
        memory = Memory()
        first = rows(memory)[process.pid]
        assert rows(memory)[process.pid] is first
        assert rows(Memory.load(memory.dump()))[process.pid] == first


@linux
def test_a_clock_step_between_two_runs_changes_no_row(monkeypatch: pytest.MonkeyPatch) -> None:
    memory = Memory()
    mine = rows(memory)[os.getpid()]
    stepped = time.time_ns() + 3_600 * 10**9
    monkeypatch.setattr("time.time_ns", lambda: stepped)
    assert rows(Memory.load(memory.dump()))[os.getpid()] == mine
    assert rows(Memory())[os.getpid()] != mine


@linux
def test_a_secret_in_the_arguments_never_leaves() -> None:
    with obedient("--password", "hunter2", "TOKEN=hunter2", "https://me:hunter2@h/") as (pid, _):
        row = rows(Memory())[pid]
    assert "hunter2" not in msgspec.json.encode(row).decode()
    assert (row.arguments or "").endswith("--password [redacted] TOKEN=[redacted] https://me:[redacted]@h/")


@linux
def test_arguments_that_are_no_text_are_told_byte_by_byte() -> None:
    with running("sh", "-c", 'read x; : "$0"', b"caf\xe9\xff") as process:
        wait_for(lambda: comm(process.pid) == "sh")
        assert (rows(Memory())[process.pid].arguments or "").endswith(r"'caf\xe9\xff'")


@linux
def test_a_name_of_any_bytes_is_told_and_a_rename_brings_the_row_again() -> None:
    memory = Memory()
    with obedient() as (pid, tell):
        first = rows(memory)[pid]
        tell(r"ctypes.CDLL(None).prctl(15, b') S (\xff \n', 0, 0, 0)")
        second = rows(memory)[pid]
    assert second == msgspec.structs.replace(first, name=") S (\\xff \n")
    assert second.key == first.key


@linux
def test_an_exec_brings_the_row_again_under_its_key() -> None:
    memory = Memory()
    with running("sh", "-c", "read x; exec sleep 600") as process:
        wait_for(lambda: comm(process.pid) == "sh")
        first = rows(memory)[process.pid]
        assert process.stdin is not None
        process.stdin.write(b"go\n")
        process.stdin.flush()
        wait_for(lambda: comm(process.pid) == "sleep")
        second = rows(memory)[process.pid]
    assert (first.name, second.name, second.arguments) == ("sh", "sleep", "sleep 600")
    assert second.key == first.key


@linux
def test_an_exec_of_the_same_program_is_seen_by_its_stack() -> None:
    memory = Memory()
    with obedient("one") as (pid, tell):
        assert (rows(memory)[pid].arguments or "").endswith("one")
        tell(f"os.execv(sys.executable, [sys.executable, '-c', {OBEDIENT!r}, 'two'])")
        wait_for(lambda: b"two" in Path(f"/proc/{pid}/cmdline").read_bytes())
        assert (rows(memory)[pid].arguments or "").endswith("two")


@linux
def test_a_title_written_over_the_arguments_is_no_change() -> None:
    memory = Memory()
    with obedient("x" * 80) as (pid, tell):
        first = rows(memory)[pid]
        before = Path(f"/proc/{pid}/cmdline").read_bytes()
        # what setproctitle does: write into the memory where the kernel finds the arguments (field 48 of stat)
        tell("fields = open('/proc/self/stat').read().rpartition(')')[2].split()")
        tell("ctypes.memmove(int(fields[45]), b'idle', 4)")
        assert Path(f"/proc/{pid}/cmdline").read_bytes() != before
        assert rows(memory)[pid] is first


@linux
@root
def test_a_new_owner_brings_the_row_again() -> None:
    memory = Memory()
    with obedient() as (pid, tell):
        assert rows(memory)[pid].user == "root"
        tell("os.setuid(65534)")
        row = rows(memory)[pid]
    assert row.user == psutil.Process().username().replace("root", "nobody")


@linux
@root
def test_an_owner_without_an_account_is_told_by_number() -> None:
    with running("sleep", "600", user=54_321) as process:
        assert rows(Memory())[process.pid].user == "54321"


@linux
def test_a_zombie_keeps_its_name_and_has_no_program() -> None:
    with running("sleep", "600") as process:
        wait_for(lambda: comm(process.pid) == "sleep")
        memory = Memory()
        seen = rows(memory)[process.pid]
        os.kill(process.pid, signal.SIGKILL)
        wait_for(lambda: psutil.Process(process.pid).status() == psutil.STATUS_ZOMBIE)
        unseen = rows(Memory())[process.pid]
        assert (unseen.name, unseen.exe, unseen.arguments) == ("sleep", None, None)
        assert rows(memory)[process.pid] == seen


@linux
def test_a_process_that_ended_is_not_told_again() -> None:
    memory = Memory()
    with running("sleep", "600") as process:
        assert process.pid in rows(memory)
    assert process.pid not in rows(memory)
    assert process.pid not in memory.processes


@linux
def test_a_process_that_ends_while_it_is_read_is_left_out(monkeypatch: pytest.MonkeyPatch) -> None:
    real = procfs.read_stat

    def ended(proc: int, pid: str) -> tuple[bytes, int]:
        if pid == str(os.getpid()):
            raise ProcessLookupError
        return real(proc, pid)

    monkeypatch.setattr(procfs, "read_stat", ended)
    assert os.getpid() not in rows(Memory())
    assert len(rows(Memory())) > 0


@linux
def test_an_orphan_keeps_the_parent_that_started_it() -> None:
    with running("sh", "-c", "sleep 600 & echo $!; exec sleep 601") as process:
        assert process.stdout is not None
        child = int(process.stdout.readline())
        try:
            memory = Memory()
            assert rows(memory)[child].ppid == process.pid
            process.kill()
            process.wait()
            wait_for(lambda: psutil.Process(child).ppid() != process.pid)
            assert rows(memory)[child].ppid == process.pid
        finally:
            os.kill(child, signal.SIGKILL)


@linux
def test_a_program_replaced_on_disk_keeps_its_path(tmp_path: Path) -> None:
    program = tmp_path / "worker"
    shutil.copy(shutil.which("sleep") or "/bin/sleep", program)
    with running(str(program), "600") as process:
        wait_for(lambda: comm(process.pid) == "worker")
        program.unlink()
        assert os.readlink(f"/proc/{process.pid}/exe").endswith(" (deleted)")  # noqa: PTH115
        assert rows(Memory())[process.pid].exe == str(program)


SEEN = Process(pid=9, ticks=5, ppid=3, user="a", name="n", exe="/n", arguments="n -x")
BARE = Process(pid=9, ticks=5, ppid=1, user="b", name="m")


def test_what_cannot_be_seen_now_does_not_replace_what_was_seen() -> None:
    kept = processes.keep(Known(5, b"n", 0, 0, 0, SEEN), Known(5, b"m", 1, 0, 2, BARE))
    assert kept.row == Process(pid=9, ticks=5, ppid=3, user="b", name="m", exe="/n", arguments="n -x")
    assert kept.blind == 0


def test_after_an_exec_or_with_another_start_the_old_says_nothing() -> None:
    after_exec = processes.keep(Known(5, b"n", 0, 100, 0, SEEN), Known(5, b"m", 1, 200, 1, BARE))
    assert (after_exec.row.exe, after_exec.row.ppid, after_exec.blind) == (None, 3, 1)
    other = Known(6, b"m", 1, 0, 0, msgspec.structs.replace(BARE, ticks=6))
    assert processes.keep(Known(5, b"n", 0, 0, 0, SEEN), other) is other


def test_a_stack_that_can_no_longer_be_read_is_no_change() -> None:
    known = Known(5, b"n", 0, 100, 0, SEEN)
    same = procfs.Stat(b"n", False, 1, False, 5, 0)
    assert not processes.is_other(known, same, 0)
    assert processes.is_other(known, same._replace(start_stack=200), 0)
    assert processes.is_other(known, same._replace(comm=b"m"), 0)
    assert processes.is_other(known, same._replace(ticks=6), 0)
    assert processes.is_other(known, same, 1)
