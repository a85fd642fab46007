"""Sessions: what logind really printed, and which of the two places is asked."""

import os
import subprocess
from collections import namedtuple
from pathlib import Path

import msgspec
import psutil
import pytest

from compliance.agent.collectors import CannotSee, Memory, boot, sessions
from compliance.wire.facts import Session

# Recorded from systemd 257 (Debian 13), where there is no /run/utmp: root on a terminal, a job of ana's through PAM,
# and the manager that systemd starts for each of them.
LIST = """\
c1    0 root - 110 user-early    pts/9 no -
c2 1000 ana  - 108 background    -     no -
c3    0 root - 117 manager-early -     no -
c4 1000 ana  - 118 manager       -     no -
"""
SHOW = """\
Name=root
Timestamp=Tue 2026-11-24 16:48:29 UTC
TTY=pts/9
Display=
RemoteHost=
Class=user-early
State=active

Name=ana
Timestamp=Tue 2026-11-24 16:48:29 UTC
TTY=
Display=
RemoteHost=
Class=background
State=active

Name=root
Timestamp=Tue 2026-11-24 16:48:29 UTC
TTY=
Display=
RemoteHost=
Class=manager-early
State=active

Name=ana
Timestamp=Tue 2026-11-24 16:48:29 UTC
TTY=
Display=
RemoteHost=
Class=manager
State=active
"""
# Written after the format above: one over ssh, one at a display, one that is ending.
MORE = """
Name=bea
Timestamp=Tue 2026-11-24 09:00:00 UTC
TTY=pts/1
Display=
RemoteHost=203.0.113.7
Class=user
State=online

Name=bea
Timestamp=Tue 2026-11-24 09:00:01 UTC
TTY=
Display=:0
RemoteHost=
Class=user
State=active

Name=gone
Timestamp=Tue 2026-11-24 09:00:01 UTC
TTY=pts/2
Display=
RemoteHost=
Class=user
State=closing
"""
ROOT = Session(user="root", terminal="pts/9", opened_at=1_795_538_909_000)
User = namedtuple("User", "name terminal host started pid")


@pytest.fixture(autouse=True)
def on_linux_without_utmp(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setattr(boot, "LINUX", True)
    monkeypatch.setattr(sessions, "UTMP", (tmp_path / "utmp",))


def loginctl(monkeypatch: pytest.MonkeyPatch, tmp_path: Path, script: str) -> None:
    """A program of that name, which is really run."""
    program = tmp_path / "bin" / "loginctl"
    program.parent.mkdir()
    program.write_text(f"#!/bin/sh\n{script}\n")
    program.chmod(0o755)
    monkeypatch.setenv("PATH", f"{program.parent}:{os.environ['PATH']}")


def utmp(monkeypatch: pytest.MonkeyPatch, tmp_path: Path, *users: User) -> None:
    (tmp_path / "utmp").write_bytes(b"\1" * 384)
    monkeypatch.setattr(psutil, "users", lambda: list(users))


def test_only_a_persons_sessions_are_told() -> None:
    assert sessions.parse_logind(SHOW) == [ROOT]


def test_a_session_is_told_with_where_it_came_from_or_its_display() -> None:
    assert sessions.parse_logind(SHOW + MORE)[1:] == [
        Session(user="bea", terminal="pts/1", remote_host="203.0.113.7", opened_at=1_795_510_800_000),
        Session(user="bea", terminal=":0", opened_at=1_795_510_801_000),
    ]


@pytest.mark.parametrize("text", ["", "n/a", "yesterday", "Tue 2026-11-24 16:48:29 CET", "UTC"])
def test_a_moment_that_cannot_be_read_is_none(text: str) -> None:
    assert sessions.parse_moment(text) is None


def test_the_ids_are_the_first_words() -> None:
    assert sessions.parse_ids(LIST) == ["c1", "c2", "c3", "c4"]
    assert sessions.parse_ids("\n") == []


def test_where_utmp_is_gone_logind_is_asked(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    (tmp_path / "list").write_text(LIST)
    (tmp_path / "show").write_text(SHOW)
    loginctl(
        monkeypatch,
        tmp_path,
        f'case "$1 $TZ" in "list-sessions UTC") cat {tmp_path}/list;; "show-session UTC") cat {tmp_path}/show;; esac',
    )
    look = sessions.collect(Memory())
    assert (look.rows, look.source, look.blind) == ((ROOT,), "systemd-logind", None)


def test_a_session_that_ends_between_the_two_calls_fails_nothing(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    (tmp_path / "show").write_text(SHOW)
    loginctl(
        monkeypatch,
        tmp_path,
        f'[ "$1" = list-sessions ] && echo c1 && exit; [ -e {tmp_path}/again ] && exec cat {tmp_path}/show; '
        f"touch {tmp_path}/again; exit 1",
    )
    assert sessions.collect(Memory()).rows == (ROOT,)


def test_a_logind_without_sessions_is_an_empty_look(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    loginctl(monkeypatch, tmp_path, "true")
    look = sessions.collect(Memory())
    assert (look.rows, look.source) == ((), "systemd-logind")


def test_with_neither_the_sentence_says_so(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    loginctl(monkeypatch, tmp_path, "echo 'System has not been booted with systemd' >&2; exit 1")
    with pytest.raises(CannotSee, match="no utmp and no systemd-logind"):
        sessions.collect(Memory())


def test_without_the_program_the_sentence_is_the_same(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setenv("PATH", str(tmp_path))
    with pytest.raises(CannotSee, match="no utmp and no systemd-logind"):
        sessions.collect(Memory())


def test_an_empty_utmp_and_no_logind_is_a_host_without_sessions(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    (tmp_path / "utmp").touch()
    monkeypatch.setenv("PATH", str(tmp_path))
    look = sessions.collect(Memory())
    assert (look.rows, look.source) == ((), "utmp")


def test_an_empty_utmp_does_not_hide_what_logind_knows(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    (tmp_path / "utmp").touch()
    (tmp_path / "show").write_text(SHOW)
    loginctl(monkeypatch, tmp_path, f'[ "$1" = list-sessions ] && echo c1 && exit; cat {tmp_path}/show')
    assert sessions.collect(Memory()).source == "systemd-logind"


def test_utmp_is_told_once_each_in_order_without_those_whose_process_is_gone(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    with subprocess.Popen(["true"]) as ended:
        pass
    here = User("zoe", "pts/0", "203.0.113.7", 1_700_000_000.25, os.getpid())
    entries = (here, here, here._replace(name="ana", host="", terminal=None), here._replace(pid=ended.pid, name="gone"))
    utmp(monkeypatch, tmp_path, *entries, here._replace(name=""))
    look = sessions.collect(Memory())
    assert look.rows == (
        Session(user="ana", opened_at=1_700_000_000_250),
        Session(user="zoe", terminal="pts/0", remote_host="203.0.113.7", opened_at=1_700_000_000_250),
    )
    assert look.source == "utmp"


def test_elsewhere_the_operating_system_is_asked(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setattr(boot, "LINUX", False)
    utmp(monkeypatch, tmp_path, User("ana", "console", None, 5.0, None))
    look = sessions.collect(Memory())
    assert (look.rows, look.source) == (
        (Session(user="ana", terminal="console", opened_at=5_000),),
        "the operating system",
    )


def test_a_session_can_be_stored_whatever_its_texts(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    utmp(monkeypatch, tmp_path, User("\udcff" * 300, "t" * 300, "h" * 300, 1e9, os.getpid()))
    rows = sessions.collect(Memory()).rows
    assert msgspec.json.decode(msgspec.json.encode(rows), type=tuple[Session, ...]) == rows
    assert len(rows) == 1
