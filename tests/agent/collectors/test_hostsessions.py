"""Sessions out of a host's files: as the host itself tells them."""

import os
import struct
import subprocess
import sys

import pytest

from compliance.agent.collectors import CannotSee, Memory, boot, hostsessions, sessions
from compliance.agent.collectors.hostsessions import Entry
from compliance.wire.facts import Session

linux = pytest.mark.skipif(not boot.LINUX, reason="reads a Linux host's files")
root = pytest.mark.skipif(not hasattr(os, "geteuid") or os.geteuid() != 0, reason="makes namespaces, which root may")

# Recorded from systemd 257 (Debian 13): bea over ssh, and the manager that systemd started for her.
SSH = """\
# This is private data. Do not parse.
UID=1000
USER=bea
ACTIVE=1
IS_DISPLAY=1
STATE=active
REMOTE=1
LEADER_FD_SAVED=1
TYPE=tty
ORIGINAL_TYPE=tty
CLASS=user
SCOPE=session-c3.scope
FIFO=/run/systemd/sessions/c3.ref
REMOTE_HOST=203.0.113.7
SERVICE=sshd
POSITION=0
LEADER=157
REALTIME=1795619000557665
MONOTONIC=3011374871
"""
MANAGER = """\
# This is private data. Do not parse.
UID=1000
USER=bea
ACTIVE=1
IS_DISPLAY=0
STATE=active
REMOTE=0
LEADER_FD_SAVED=1
TYPE=unspecified
ORIGINAL_TYPE=unspecified
CLASS=manager
FIFO=/run/systemd/sessions/c2.ref
SERVICE=systemd-user
POSITION=0
LEADER=134
REALTIME=1795618968232177
MONOTONIC=2979049382
"""


def record(kind=7, pid=95, line=b"pts/0", user=b"ana", host=b"203.0.113.7", seconds=1_795_619_052, wide=False):
    """A record of utmp(5), as glibc has it on x86-64, or (wide) on arm64."""
    times = struct.pack("=qqq" if wide else "=iii", 0, seconds, 947_347)
    fields = struct.pack("=h2xi32s4s32s256shh", kind, pid, line, b"ts/0", user, host, 0, 0) + times
    return fields + bytes((400 if wide else 384) - len(fields))


@pytest.fixture
def there(tmp_path, monkeypatch):
    (tmp_path / "run/systemd/sessions").mkdir(parents=True)
    (tmp_path / "run/systemd/seats").mkdir()
    (tmp_path / "run/systemd/seats/seat0").touch()
    monkeypatch.setenv("COMPLIANCE_HOST_ROOT", str(tmp_path))
    return tmp_path / "run"


@pytest.mark.parametrize("wide", [False, True])
def test_the_records_of_sessions_are_told_and_no_others(wide):
    raw = b"".join(record(kind, line=b"t%d" % kind, wide=wide) for kind in range(10))
    assert list(hostsessions.parse_utmp(raw)) == [Entry("ana", "t7", "203.0.113.7", 1_795_619_052_000, 95)]


@pytest.mark.parametrize("raw", [b"", bytes(384), record(user=b"")])
def test_an_empty_utmp_is_no_session(raw):
    assert [entry for entry in hostsessions.parse_utmp(raw) if entry.user] == []


@pytest.mark.parametrize("raw", [b"x" * 384, record()[:-1], b"\xff" * 400])
def test_a_utmp_of_another_make_is_an_error_and_not_an_empty_one(raw):
    with pytest.raises(ValueError, match="not known here"):
        list(hostsessions.parse_utmp(raw))


def test_a_field_that_is_full_ends_where_it_ends():
    (entry,) = hostsessions.parse_utmp(record(user=b"n" * 32, line=b"l" * 32, host=b"h" * 256))
    assert (entry.user, entry.terminal, entry.remote_host) == ("n" * 32, "l" * 32, "h" * 256)


@linux
@root
def test_utmp_is_told_exactly_as_psutil_tells_it_of_its_own_host(tmp_path):
    if struct.calcsize("l") != 8 or os.uname().machine != "x86_64":
        pytest.skip("the record is made for x86-64")
    # Each field ends with a zero: psutil reads a full one on into the next.
    names = [b"ana", b"n" * 31, "é".encode()]
    records = [record(user=name, line=b"l" * 31, host=b"h" * 255) for name in names]
    records += [record(host=host) for host in (b":0", b":0.0", b"", b":1")] + [record(kind=8), record(line=b"")]
    (tmp_path / "utmp").write_bytes(b"".join(records))
    code = "import psutil; print([tuple(user) for user in psutil.users()])"
    line = f'mount -t tmpfs none /run && cp {tmp_path}/utmp /run/utmp && exec "$0" -c "$1"'
    command = ["unshare", "--mount", "sh", "-c", line, sys.executable, code]
    done = subprocess.run(command, capture_output=True, text=True)
    if "unshare" in done.stderr or "mount" in done.stderr:
        pytest.skip(f"no mounts here: {done.stderr.strip()}")
    told = [
        (entry.user, entry.terminal or None, entry.remote_host, entry.opened_at / 1000, entry.pid)
        for entry in hostsessions.parse_utmp((tmp_path / "utmp").read_bytes())
    ]
    assert repr(told) == done.stdout.strip()


@linux
def test_what_logind_keeps_is_told_of_people_only_to_the_second(there):
    folder = there / "systemd/sessions"
    (folder / "c3").write_text(SSH)
    (folder / "c2").write_text(MANAGER)
    (folder / "c9").write_text(SSH.replace("STATE=active", "STATE=closing"))
    os.mkfifo(folder / "c3.ref")
    look = sessions.collect(Memory())
    assert look.source == "systemd-logind"
    assert look.rows == (Session(user="bea", remote_host="203.0.113.7", opened_at=1_795_619_000_000),)


@linux
def test_a_terminal_comes_before_a_display(there):
    (there / "systemd/sessions/2").write_text(SSH + "TTY=tty2\nDISPLAY=:0\n")
    (there / "systemd/sessions/3").write_text(SSH + "DISPLAY=:0\n")
    rows = sessions.collect(Memory()).rows
    assert [row.terminal for row in rows if isinstance(row, Session)] == [":0", "tty2"]


@linux
def test_a_session_without_a_moment_is_still_one(there):
    (there / "systemd/sessions/2").write_text(SSH.replace("REALTIME=1", "REALTIME=x"))
    (row,) = sessions.collect(Memory()).rows
    assert isinstance(row, Session)
    assert row.opened_at is None


@linux
def test_a_utmp_with_records_is_asked_first_and_forgets_whose_process_is_gone(there):
    (there / "systemd/sessions/2").write_text(SSH)
    (there / "utmp").write_bytes(record(pid=os.getpid()) + record(pid=4_000_000, user=b"gone"))
    look = sessions.collect(Memory())
    assert look.source == "utmp"
    assert [row.user for row in look.rows if isinstance(row, Session)] == ["ana"]


@linux
def test_an_empty_utmp_does_not_hide_what_logind_keeps(there):
    (there / "utmp").touch()
    (there / "systemd/sessions/2").write_text(SSH)
    assert sessions.collect(Memory()).source == "systemd-logind"


@linux
def test_nobody_logged_in_is_an_empty_look_and_no_failure(there):
    look = sessions.collect(Memory())
    assert (look.rows, look.source) == ((), "systemd-logind")


@linux
def test_a_folder_of_sessions_that_no_logind_keeps_is_a_failed_look_and_not_an_empty_one(there):
    (there / "systemd/seats/seat0").unlink()
    with pytest.raises(CannotSee):
        sessions.collect(Memory())
    (there / "utmp").touch()
    assert sessions.collect(Memory()).source == "utmp"
