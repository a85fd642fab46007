"""Which machine this is, and which start of it."""

import socket
import time
from pathlib import Path

import pytest

from compliance.agent.collectors import Memory, boot, host
from compliance.agent.collectors.look import CpuTimes, Known
from compliance.wire.facts import Host, Process


def test_this_machine_is_told() -> None:
    memory = Memory()
    (row,) = host.collect(memory).rows
    assert isinstance(row, Host)
    assert row.hostname == socket.gethostname()
    assert 0 < (row.booted_at or 0) < time.time() * 1000
    assert row.booted_at == memory.booted_at


@pytest.mark.parametrize(
    ("text", "value"),
    [("3d12\n", "3d12"), ("", None), ("\n", None), ("uninitialized\n", None), ("x" * 80, "x" * 63 + "…")],
)
def test_a_machine_id_is_what_its_file_holds(text: str, value: str | None) -> None:
    assert host.parse_machine_id(text) == value


def test_the_second_file_counts_where_the_first_is_missing(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setattr("sys.platform", "linux")
    monkeypatch.setattr(host, "MACHINE_ID_FILES", (str(tmp_path / "none"), str(tmp_path / "id")))
    (tmp_path / "id").write_text("abc\n")
    (row,) = host.collect(Memory()).rows
    assert isinstance(row, Host)
    assert row.machine_id == "abc"


def test_macos_has_its_id_from_ioreg() -> None:
    text = '  | {\n  |   "IOPlatformUUID" = "0A1B-22"\n  |   "model" = <"x">\n'
    assert host.parse_ioreg(text) == "0A1B-22"
    assert host.parse_ioreg("") is None


def test_a_machine_without_a_name_or_a_clock_is_still_a_row() -> None:
    assert host.row("", None, -5) == Host(hostname="localhost")
    assert host.row("Web-1", "a", 5) == Host(hostname="Web-1", machine_id="a", booted_at=5)


def at(monkeypatch: pytest.MonkeyPatch, boot_id: str, seen: int) -> None:
    monkeypatch.setattr(boot, "read", lambda memory: (boot_id, seen))


def test_the_boot_moment_is_derived_once_a_boot(monkeypatch: pytest.MonkeyPatch) -> None:
    memory = Memory()
    at(monkeypatch, "a", 1_000)
    boot.remember(memory)
    at(monkeypatch, "a", 9_000)
    boot.remember(memory)
    assert (memory.boot_id, memory.booted_at, memory.boot_seen) == ("a", 1_000, 9_000)


def test_a_new_boot_forgets_what_was_kept_of_the_last(monkeypatch: pytest.MonkeyPatch) -> None:
    known = Known(1, b"x", 0, 0, 0, Process(pid=7, ticks=1, name="x"))
    memory = Memory("a", 1_000, 1_000, CpuTimes(9, 1), {7: known})
    at(monkeypatch, "b", 2_000)
    boot.remember(memory)
    assert memory == Memory("b", 2_000, 2_000)


def test_without_a_boot_id_a_slow_or_small_step_of_the_clock_is_no_new_boot() -> None:
    boot_id, seen = boot.derive("", 0, 1_000_000), 1_000_000
    for _ in range(100):  # slewed by a minute from look to look
        boot_id, seen = boot.derive(boot_id, seen, seen + 60_000), seen + 60_000
    assert boot_id == "boot-1000000"
    assert boot.derive(boot_id, seen, seen + boot.SAME_BOOT_MS) != boot_id


def test_a_memory_comes_back_from_its_dump_and_from_a_broken_one_empty() -> None:
    known = Known(1, b"x\xff", 0, 5, 1, Process(pid=7, ticks=1, name="x", arguments="a b"))
    memory = Memory("a", 1_000, 1_500, None, {7: known})
    assert Memory.load(memory.dump(processes=True)) == memory
    assert Memory.load(memory.dump()) == Memory("a", 1_000, 1_500)
    assert len(memory.dump()) < 100
    for broken in (b"", b"{", b"[]", b'{"boot_id": 5}', b'{"processes": [[1]]}'):
        assert Memory.load(broken) == Memory()
