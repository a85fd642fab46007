"""Who a host is: made once, kept private, and one agent at a time in a state folder."""

from __future__ import annotations

import os
import re
import signal
import stat
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from compliance.agent.identity import Identity, adopt, hostname, locked, mint, read, read_or_mint, write
from compliance.errors import Broken
from compliance.wire.codec import decode_enrollment, encode
from compliance.wire.messages import Enrollment

HOLDER = """
import sys
from pathlib import Path
from compliance.agent.identity import locked
with locked(Path(sys.argv[1])):
    print("mine", flush=True)
    sys.stdin.read()
"""


@contextmanager
def held(folder: Path) -> Iterator[subprocess.Popen[str]]:
    """Another process has the lock, until its input ends."""
    holder = subprocess.Popen(
        [sys.executable, "-c", HOLDER, folder], stdin=subprocess.PIPE, stdout=subprocess.PIPE, encoding="ascii"
    )
    with holder:
        assert holder.stdout
        assert holder.stdout.readline() == "mine\n"
        yield holder
        if holder.stdin and not holder.stdin.closed:
            holder.stdin.close()


def test_every_identity_is_another_and_can_be_enrolled():
    made = [mint() for _ in range(50)]
    assert len({one.id for one in made}) == len({one.token for one in made}) == 50
    for one in made:
        assert decode_enrollment(encode(Enrollment(id=one.id, secret=one.token, hostname=hostname())))


def test_an_identity_is_kept_for_its_owner_whatever_the_umask(folder: Path):
    identity = Identity(id=mint().id, token=mint().token, server="https://x", ca="/ca.pem", insecure=True)
    before = os.umask(0)
    try:
        write(folder, identity)
    finally:
        os.umask(before)
    assert read(folder) == identity
    assert stat.S_IMODE((folder / "identity.json").stat().st_mode) == 0o600
    assert [path.name for path in folder.iterdir()] == ["identity.json"]


def test_where_there_is_no_identity_there_is_none(folder: Path):
    assert read(folder) is None
    assert read(folder / "nowhere") is None


@pytest.mark.parametrize(
    "kept", [b"", b"{", b"\xff\xfe", b'{"id": "\xff"}', b"{}", b'{"id": "x", "token": "y"}', b"[]"]
)
def test_a_damaged_identity_is_told_and_not_replaced(folder: Path, kept: bytes):
    (folder / "identity.json").write_bytes(kept)
    with pytest.raises(Broken, match=r"identity\.json is damaged: put it back from a backup, or remove it and enroll"):
        read(folder)
    with pytest.raises(Broken):
        read_or_mint(folder, anew=False)
    assert (folder / "identity.json").read_bytes() == kept


def test_a_token_that_could_not_stand_in_a_header_is_damage_and_is_not_shown(folder: Path):
    good = mint()
    (folder / "identity.json").write_bytes(encode(good).replace(good.token.encode(), good.token.encode() + rb"\nx: y"))
    with pytest.raises(Broken) as error:
        read(folder)
    assert good.token not in str(error.value)


def test_an_identity_is_on_disk_before_anybody_hears_of_it_and_stays_the_same(folder: Path):
    first = read_or_mint(folder, anew=False)
    assert read(folder) == first
    assert read_or_mint(folder, anew=False) == first


def test_a_new_identity_waits_beside_the_old_one_until_it_is_adopted(folder: Path):
    old = read_or_mint(folder, anew=False)
    new = read_or_mint(folder, anew=True)
    assert new.id != old.id
    assert read_or_mint(folder, anew=True) == new
    assert read(folder) == old
    adopt(folder, new)
    assert read(folder) == new
    assert read_or_mint(folder, anew=True).id not in {old.id, new.id}


def test_a_machine_has_a_name(monkeypatch: pytest.MonkeyPatch):
    assert hostname()
    monkeypatch.setattr("socket.gethostname", lambda: "")
    assert hostname() == "localhost"
    monkeypatch.setattr("socket.gethostname", lambda: "bad\udcff" + "x" * 300)
    assert hostname() == r"bad\xff" + "x" * 247 + "…"


def test_two_processes_take_turns(folder: Path):
    with held(folder) as holder:
        told = re.escape(f"Another agent has been using {folder} for 0 s: wait for it, or end it.")
        with pytest.raises(Broken, match=told), locked(folder, seconds=0):
            pass
        assert holder.stdin
        holder.stdin.close()
        with locked(folder):  # as soon as the other one has ended
            pass


def test_the_lock_ends_with_the_process_however_it_ends(folder: Path):
    with held(folder) as holder:
        holder.send_signal(signal.SIGKILL)
        with locked(folder):
            pass


def test_the_lock_is_free_after_a_failure(folder: Path):
    with pytest.raises(ValueError), locked(folder):
        raise ValueError
    with locked(folder, seconds=0):
        pass


def test_a_process_that_the_agent_starts_does_not_keep_the_lock(folder: Path):
    with locked(folder):
        child = subprocess.Popen(["sleep", "60"], close_fds=False)
    with child:
        with locked(folder, seconds=0):
            pass
        child.kill()


@pytest.mark.parametrize("umask", [0, 0o777])
def test_the_lock_file_is_private_whatever_the_umask(folder: Path, umask: int):
    before = os.umask(umask)
    try:
        with locked(folder):
            pass
    finally:
        os.umask(before)
    assert stat.S_IMODE((folder / "agent.lock").stat().st_mode) == 0o600


def test_a_folder_that_is_not_there_cannot_be_locked(folder: Path):
    with (
        pytest.raises(
            Broken, match=r"Cannot lock .*agent\.lock \(No such file or directory\): make the folder writable"
        ),
        locked(folder / "nowhere"),
    ):
        pass
