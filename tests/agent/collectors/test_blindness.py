"""What a look at the processes could not see, and how it says so."""

import os
import subprocess
import sys
from pathlib import Path

import pytest

from compliance.agent.collectors import CannotSee, Memory, boot, processes
from compliance.wire.messages import MAX_ROWS

linux = pytest.mark.skipif(not boot.LINUX, reason="reads /proc")
root = pytest.mark.skipif(not hasattr(os, "geteuid") or os.geteuid() != 0, reason="changes the user, which root may")


@linux
@root
def test_without_the_privilege_what_was_not_seen_is_counted() -> None:
    code = (
        "import os; from compliance.agent.collectors import Memory, processes\n"
        "processes.collect(Memory()); os.setgid(65534); os.setuid(65534)\n"
        "look = processes.collect(Memory())\n"
        f"row = next(row for row in look.rows if row.pid == {os.getpid()})\n"
        "print(look.blind.fields > 0, row.exe, 'privilege' in look.blind.reason, row.name != '')"
    )
    home = Path(__file__).parents[3]
    done = subprocess.run([sys.executable, "-c", code], cwd=home, capture_output=True, text=True)
    assert done.stdout.split() == ["True", "None", "True", "True"], done.stderr


@linux
@root
def test_a_container_says_that_it_sees_only_its_own() -> None:
    code = (
        "from compliance.agent.collectors import Memory, processes\n"
        "look = processes.collect(Memory())\n"
        "print(len(look.rows) < 5, 'container' in look.blind.reason, 'hidepid' in look.blind.reason)"
    )
    command = ["unshare", "--pid", "--fork", "--mount-proc", "--kill-child", sys.executable, "-c", code]
    done = subprocess.run(command, cwd=Path(__file__).parents[3], capture_output=True, text=True)
    if "unshare" in done.stderr:
        pytest.skip(f"no namespaces here: {done.stderr.strip()}")
    assert done.stdout.split() == ["True", "True", "False"], done.stderr


@linux
@root
@pytest.mark.parametrize("how", ["1", "2"])
def test_where_proc_hides_the_others_the_look_says_so(how: str) -> None:
    code = (
        "import os; from compliance.agent.collectors import Memory, processes\n"
        "processes.collect(Memory()); os.setgid(65534); os.setuid(65534)\n"
        "look = processes.collect(Memory())\n"
        "print(look.blind.rows > 0, 'hidepid' in look.blind.reason, os.getpid() in {row.pid for row in look.rows})"
    )
    line = f'mount -t proc -o hidepid={how} proc /proc && exec "$0" -c "$1"'
    command = ["unshare", "--mount", "sh", "-c", line, sys.executable, code]
    done = subprocess.run(command, cwd=Path(__file__).parents[3], capture_output=True, text=True)
    if "unshare" in done.stderr or "mount" in done.stderr:
        pytest.skip(f"no mounts here: {done.stderr.strip()}")
    assert done.stdout.split() == ["True", "True", "True"], done.stderr


def test_the_lowest_pids_stay_when_there_are_too_many() -> None:
    assert processes.lowest(["10", "9", "2"], most=2) == (["2", "9"], 1)
    assert processes.lowest(["10", "9"], most=2) == (["9", "10"], 0)
    blind = processes.blindness(fields=0, hidden=0, left_out=7, contained=False)
    assert blind is not None
    assert (blind.rows, blind.fields) == (7, 0)
    assert f"{MAX_ROWS:,}" in blind.reason


def test_several_reasons_are_one_sentence_within_its_bound() -> None:
    blind = processes.blindness(fields=1, hidden=2, left_out=3, contained=True)
    assert blind is not None
    assert (blind.rows, blind.fields, len(blind.reason) <= 255) == (5, 1, True)
    assert processes.blindness(fields=0, hidden=0, left_out=0, contained=False) is None


def test_without_proc_the_sentence_says_what_to_do(monkeypatch: pytest.MonkeyPatch) -> None:
    def gone(*_: object, **__: object) -> int:
        raise FileNotFoundError(2, "No such file or directory")

    monkeypatch.setattr(boot, "LINUX", True)
    monkeypatch.setattr(boot, "read", lambda memory: ("b", 1))
    monkeypatch.setattr("os.open", gone)
    with pytest.raises(CannotSee, match="mount it"):
        processes.collect(Memory())
