"""An agent in a container that tells of its host: the host's files under COMPLIANCE_HOST_ROOT, and no others."""

import os
import subprocess
import sys
from pathlib import Path

import pytest

from compliance.agent.collectors import CannotSee, Memory, boot, host, osinfo, processes, sessions
from compliance.agent.collectors.accounts import Accounts, parse_passwd
from compliance.agent.collectors.root import inside, on_host
from compliance.wire.facts import Host, OperatingSystem, Process

linux = pytest.mark.skipif(not boot.LINUX, reason="reads a Linux host's files")
root = pytest.mark.skipif(not hasattr(os, "geteuid") or os.geteuid() != 0, reason="makes namespaces, which root may")


@pytest.fixture
def there(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A host's root, as Debian has it: links, of which one is absolute."""
    for folder in ("etc", "usr/lib", "run/systemd/sessions", "var"):
        (tmp_path / folder).mkdir(parents=True)
    (tmp_path / "usr/lib/os-release").write_text('NAME="Host OS"\nVERSION_ID="7"\n')
    (tmp_path / "etc/os-release").symlink_to("../usr/lib/os-release")
    (tmp_path / "etc/machine-id").write_text("0123456789abcdef0123456789abcdef\n")
    (tmp_path / "etc/passwd").write_text(f"root:x:0:0::/:/bin/sh\nhost-user:x:{os.getuid() or 12345}:5::/:/bin/sh\n")
    (tmp_path / "var/run").symlink_to("/run")
    monkeypatch.setenv("COMPLIANCE_HOST_ROOT", str(tmp_path))
    return tmp_path


def test_without_the_setting_a_path_is_what_it_is() -> None:
    assert on_host("/etc/os-release") == Path("/etc/os-release")


def test_a_link_is_followed_as_the_host_follows_it(there: Path) -> None:
    (there / "etc/up").symlink_to("../../../../usr/lib/os-release")
    (there / "etc/twice").symlink_to("/etc/up")
    wanted = there / "usr/lib/os-release"
    assert [on_host(f"/etc/{name}") for name in ("os-release", "up", "twice")] == [wanted] * 3
    assert on_host("/var/run/utmp") == there / "run/utmp"
    assert on_host("/etc/../etc/none") == there / "etc/none"


def test_links_that_go_round_end_somewhere_below_the_root(tmp_path: Path) -> None:
    (tmp_path / "a").symlink_to("b")
    (tmp_path / "b").symlink_to("/a")
    assert inside(tmp_path, Path("/a")).parent == tmp_path
    assert not inside(tmp_path, Path("/a/x")).exists()


@linux
def test_the_hosts_release_and_machine_id_are_told(there: Path) -> None:
    (release,) = osinfo.collect(Memory()).rows
    assert isinstance(release, OperatingSystem)
    assert (release.name, release.version, release.kernel) == ("Host OS", "7", os.uname().release)
    (row,) = host.collect(Memory()).rows
    assert isinstance(row, Host)
    assert row.machine_id == "0123456789abcdef0123456789abcdef"


@linux
def test_a_release_that_is_not_mounted_is_a_failed_look_and_not_the_containers_own(there: Path) -> None:
    (there / "etc/os-release").unlink()
    (there / "etc/os-release").symlink_to("/nowhere/os-release")
    (there / "usr/lib/os-release").unlink()
    with pytest.raises(CannotSee, match="mount the host's /etc"):
        osinfo.collect(Memory())


@linux
def test_a_machine_id_that_is_not_mounted_is_unknown(there: Path) -> None:
    (there / "etc/machine-id").unlink()
    (row,) = host.collect(Memory()).rows
    assert isinstance(row, Host)
    assert row.machine_id is None


@linux
def test_processes_belong_to_the_hosts_accounts(there: Path) -> None:
    rows = processes.collect(Memory()).rows
    mine = next(row for row in rows if isinstance(row, Process) and row.pid == os.getpid())
    assert mine.user == ("root" if os.getuid() == 0 else "host-user")
    assert Accounts().name(os.getuid() or 12345) == "host-user"
    assert Accounts().name(54321) == "54321"


@linux
def test_without_the_hosts_accounts_numbers_are_told_and_not_the_containers_names(there: Path) -> None:
    (there / "etc/passwd").unlink()
    assert Accounts().name(0) == "0"


def test_accounts_are_read_as_the_libc_reads_them() -> None:
    text = "a:x:0:0:::\n# c:x:1:\nb:x:0:0:::\nbroken\n:x:2:\nneg:x:-1:\nd:x:7\n\nn\udcff:x:8:8\n+::::::\n"
    assert parse_passwd(text) == {0: "a", 7: "d", 8: "n\udcff"}


@linux
def test_where_the_hosts_run_is_not_mounted_sessions_cannot_be_seen(there: Path) -> None:
    (there / "run").rename(there / "elsewhere")
    with pytest.raises(CannotSee, match="on its host"):
        sessions.collect(Memory())


@linux
@root
def test_in_a_pid_namespace_of_its_own_no_session_is_taken_for_ended(there: Path) -> None:
    from tests.agent.collectors.test_hostsessions import record

    (there / "run/utmp").write_bytes(record(pid=4_000_000, user=b"ana"))
    code = "from compliance.agent.collectors import Memory, sessions; print(len(sessions.collect(Memory()).rows))"
    command = ["unshare", "--pid", "--fork", "--mount-proc", "--kill-child", sys.executable, "-c", code]
    home = Path(__file__).parents[3]
    done = subprocess.run(command, cwd=home, capture_output=True, text=True)
    if "unshare" in done.stderr:
        pytest.skip(f"no namespaces here: {done.stderr.strip()}")
    assert (done.stdout, done.stderr) == ("1\n", "")
