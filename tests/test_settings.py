"""Where settings come from, what a state folder is, and how a secret is read without being shown."""

from __future__ import annotations

import io
import os
import stat
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from compliance import settings
from compliance.errors import Broken, WrongUsage
from compliance.settings import (
    Setting,
    check_secrecy,
    first,
    insecure_allowed,
    is_loopback,
    private_folder,
    read_secret,
    read_toml,
    server_address,
    state_folder,
    write_private,
)

posix = pytest.mark.skipif(os.name != "posix", reason="modes are POSIX's")


@pytest.fixture(params=[0, 0o022, 0o077, 0o777])
def any_umask(request: pytest.FixtureRequest) -> Iterator[None]:
    before = os.umask(request.param)
    yield
    os.umask(before)


def mode(path: Path) -> int:
    return stat.S_IMODE(path.stat().st_mode)


def test_the_first_that_is_set_counts_and_says_where_it_came_from(monkeypatch: pytest.MonkeyPatch):
    def told(flag: str | None = None, file: str | None = None) -> Setting:
        return first(flag, ("COMPLIANCE_A", "COMPLIANCE_B"), file, "d", "--a", "a.toml")

    assert told() == Setting("d", "the default")
    assert told(file="f") == Setting("f", "a.toml")
    monkeypatch.setenv("COMPLIANCE_B", "b")
    assert told(file="f") == Setting("b", "COMPLIANCE_B")
    monkeypatch.setenv("COMPLIANCE_A", "a")
    assert told(file="f") == Setting("a", "COMPLIANCE_A")
    assert told("x", "f") == Setting("x", "--a")


def test_an_empty_variable_is_none_and_a_false_value_of_a_file_is_one(monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setenv("COMPLIANCE_A", "")
    assert first(None, ("COMPLIANCE_A",), 0, 1).value == 0
    assert first(None, ("COMPLIANCE_A",), False, True).value is False


def test_the_state_folder_is_the_flag_the_variable_or_the_users_own(monkeypatch: pytest.MonkeyPatch, tmp_path: Path):
    monkeypatch.setenv("COMPLIANCE_STATE_DIR", str(tmp_path / "variable"))
    monkeypatch.setenv("HOME", str(tmp_path))
    assert state_folder(tmp_path / "flag") == tmp_path / "flag"
    assert state_folder(Path("~/flag")) == tmp_path / "flag"
    assert state_folder() == tmp_path / "variable"
    monkeypatch.setenv("COMPLIANCE_STATE_DIR", "~/other")
    assert state_folder() == tmp_path / "other"
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("COMPLIANCE_STATE_DIR", "relative")
    assert state_folder() == tmp_path / "relative"
    monkeypatch.delenv("COMPLIANCE_STATE_DIR")
    monkeypatch.setattr(os, "geteuid", lambda: 0)
    assert state_folder() == Path("/var/lib/compliance")
    monkeypatch.setattr(os, "geteuid", lambda: 1000)
    assert state_folder() == tmp_path / ".local" / "state" / "compliance"


def test_a_user_without_a_home_is_told_to_name_a_folder():
    with pytest.raises(WrongUsage, match="This user has no home folder: name a state folder with --state-dir"):
        state_folder(Path("~nobody-of-this-name/state"))


@posix
@pytest.mark.usefixtures("any_umask")
def test_a_folder_is_made_private_whatever_the_umask(tmp_path: Path):
    folder = private_folder(tmp_path / "state")
    assert mode(folder) == 0o700
    assert private_folder(folder) == folder


@posix
@pytest.mark.usefixtures("any_umask")
def test_a_file_is_written_private_whatever_the_umask(tmp_path: Path):
    write_private(tmp_path / "file", b"one")
    write_private(tmp_path / "file", b"two")
    assert (tmp_path / "file").read_bytes() == b"two"
    assert mode(tmp_path / "file") == 0o600


@posix
@pytest.mark.parametrize("inside", [(), ("agent.toml",), ("compliance.db", "notes"), ("lost+found",)])
def test_a_state_folder_that_others_could_read_is_closed_to_them(tmp_path: Path, inside: tuple[str, ...]):
    folder = tmp_path / "state"
    folder.mkdir()
    folder.chmod(0o755)
    for name in inside:
        (folder / name).touch()
    private_folder(folder)
    assert mode(folder) == 0o700


@posix
def test_a_folder_that_is_somebody_elses_is_not_closed_to_others(tmp_path: Path):
    folder = tmp_path / "tmp"
    folder.mkdir()
    folder.chmod(0o1777)
    (folder / "a-strangers-file").touch()
    with pytest.raises(WrongUsage, match="holds other things, and is open to others: name a folder of its own"):
        private_folder(folder)
    assert mode(folder) == 0o1777


@posix
def test_a_private_folder_that_holds_other_things_is_taken_as_it_is(tmp_path: Path):
    folder = tmp_path / "mine"
    folder.mkdir(mode=0o700)
    (folder / "diary").touch()
    assert private_folder(folder) == folder


def test_a_file_in_the_place_of_the_folder_is_told(tmp_path: Path):
    (tmp_path / "state").touch()
    with pytest.raises(Broken, match=r"Cannot keep state in .*state \(.*\): make the folder writable, or name another"):
        private_folder(tmp_path / "state")
    with pytest.raises(Broken, match=r"Cannot keep state in .*below \(.*\)"):
        private_folder(tmp_path / "state" / "below")


@posix
@pytest.mark.skipif(os.name == "posix" and os.geteuid() != 0, reason="only root can become nobody")
@pytest.mark.parametrize(("folder_mode", "name"), [(0o755, "new/state"), (0o555, ""), (0o700, "")])
def test_a_folder_that_cannot_be_written_is_a_sentence(strangers_folder: Path, folder_mode: int, name: str):
    strangers_folder.chmod(folder_mode)
    script = (
        "import os, sys\nfrom compliance.errors import Broken\nfrom compliance.settings import *\n"
        "os.setgroups([]); os.setgid(65534); os.setuid(65534)\n"
        "path = Path(sys.argv[1])\n"
        "for act in (lambda: private_folder(path), lambda: write_private(path / 'x', b'')):\n"
        "    try: act()\n"
        "    except Broken as error: print(error)\n"
    )
    path = strangers_folder / name
    done = subprocess.run([sys.executable, "-c", script, path], capture_output=True, encoding="utf-8", timeout=60)
    assert done.returncode == 0, done.stderr
    folder, file = done.stdout.splitlines()
    assert folder.startswith(f"Cannot keep state in {path} (")
    assert folder.endswith("): make the folder writable, or name another one with --state-dir or COMPLIANCE_STATE_DIR.")
    assert file.startswith(f"Cannot write {path / 'x'} (")


def test_a_file_that_cannot_be_written_leaves_the_old_one_and_nothing_beside_it(tmp_path: Path):
    script = (
        "import resource, sys\nfrom pathlib import Path\nfrom compliance.settings import write_private\n"
        "from compliance.errors import Broken\n"
        "resource.setrlimit(resource.RLIMIT_FSIZE, (100, 100))\n"
        "try: write_private(Path(sys.argv[1]), b'x' * 1000)\n"
        "except Broken as error: print(error)\n"
    )
    path = tmp_path / "file"
    write_private(path, b"old")
    done = subprocess.run([sys.executable, "-c", script, path], capture_output=True, encoding="utf-8", timeout=60)
    assert done.stdout == f"Cannot write {path} (File too large): make room or make it writable.\n"
    assert {entry.name: entry.read_bytes() for entry in tmp_path.iterdir()} == {"file": b"old"}


def test_a_toml_file_is_read_by_what_is_known_of_it(tmp_path: Path):
    (tmp_path / "a.toml").write_text('name = "é"\nport = 8080\nfast = true\n')
    known = {"name": str, "port": int, "fast": bool, "other": str}
    assert read_toml(tmp_path / "a.toml", known) == {"name": "é", "port": 8080, "fast": True}


@pytest.mark.parametrize(
    ("content", "complaint"),
    [
        (b"prot = 1", "{}: there is no setting 'prot'; did you mean 'port'?"),
        (b"zzz = 1", "{}: there is no setting 'zzz'; known are fast, port."),
        (b"[port]", "{}: port has to be of type int, not dict."),
        (b"port = '1'", "{}: port has to be of type int, not str."),
        (b"port = true", "{}: port has to be of type int, not bool."),
        (b"port = 1.5", "{}: port has to be of type int, not float."),
        (b"fast = 1", "{}: fast has to be of type bool, not int."),
        (b"port = \n", "{} is not TOML: Invalid value (at line 1, column 8)."),
        (b"port = 1\nport = 2\n", "{} is not TOML: Cannot overwrite a value (at line 2, column 9)."),
    ],
)
def test_a_mistake_in_a_toml_file_is_told_with_the_file_and_the_place(tmp_path: Path, content: bytes, complaint: str):
    path = tmp_path / "a.toml"
    path.write_bytes(content)
    with pytest.raises(WrongUsage) as error:
        read_toml(path, {"port": int, "fast": bool})
    assert str(error.value) == complaint.format(path)


def test_a_toml_file_that_cannot_be_read_is_told(tmp_path: Path):
    (tmp_path / "bytes.toml").write_bytes(b"\xff\xfe")
    with pytest.raises(WrongUsage, match=r"bytes\.toml is not TOML: 'utf-8' codec can't decode"):
        read_toml(tmp_path / "bytes.toml", {})
    with pytest.raises(WrongUsage, match=r"Cannot read .* \(Is a directory\)"):
        read_toml(tmp_path, {})
    with pytest.raises(WrongUsage, match=r"There is no file .*none\.toml\."):
        read_toml(tmp_path / "none.toml", {})
    assert read_toml(tmp_path / "none.toml", {}, needed=False) == {}


@pytest.mark.parametrize(
    "place",
    [
        "localhost",
        "127.0.0.1",
        "127.9.9.9",
        "::1",
        "[::1]",
        "http://localhost:8080",
        "http://[::1]:1/x",
        "HTTP://LOCALHOST",
    ],
)
def test_this_machine_is_known_by_its_names(place: str):
    assert is_loopback(place)


@pytest.mark.parametrize(
    "place",
    [
        "",
        "http://",
        "0.0.0.0",
        "::",
        "10.0.0.1",
        "http://localhost.example",
        "http://127.0.0.1.example",
        "http://example/localhost",
        "http://localhost@example",
        "http://2130706433",
    ],
)
def test_other_machines_are_not_taken_for_this_one(place: str):
    assert not is_loopback(place)


@pytest.mark.parametrize(
    ("text", "url"),
    [
        ("https://example.com", "https://example.com"),
        (" https://example.com/ \n", "https://example.com"),
        ("http://[::1]:8080/", "http://[::1]:8080"),
        ("https://example.com/stage/v1/", "https://example.com/stage/v1"),
    ],
)
def test_a_servers_address_has_one_form(text: str, url: str):
    assert server_address(text, "--server") == url


@pytest.mark.parametrize(
    "text",
    [
        "",
        "example.com",
        "example.com:8080",
        "ftp://example.com",
        "https://",
        "https:///path",
        "http://[::1",
        "http://example.com:99999",
        "http://example.com:0",
        "http://example.com:port",
        "http://exa mple.com",
        "http://exa\nmple.com",
        "http://bücher.example",
    ],
)
def test_what_is_no_servers_address_is_told_with_where_it_was_found(text: str):
    with pytest.raises(WrongUsage) as error:
        server_address(text, "COMPLIANCE_SERVER")
    assert str(error.value) == (
        "What COMPLIANCE_SERVER holds is no server's address: it is a URL such as https://example.com:8443."
    )


@pytest.mark.parametrize(
    "text",
    ["https://ana:hunter2@example.com", "https://hunter2@example.com", "https://x/?key=hunter2", "https://x/#hunter2"],
)
def test_a_password_in_a_servers_address_is_refused_and_not_repeated(text: str):
    with pytest.raises(WrongUsage) as error:
        server_address(text, "--server")
    assert str(error.value) == "No user, password or query belongs in a server's address: see --server."


@pytest.mark.parametrize("url", ["https://example.com", "http://127.0.0.1:8080", "http://localhost"])
def test_what_nobody_between_can_read_needs_no_leave(url: str):
    check_secrecy(url, insecure=False)


def test_what_anybody_between_can_read_needs_leave():
    check_secrecy("http://example.com", insecure=True)
    with pytest.raises(
        WrongUsage, match="http://example.com would carry secrets in the clear: use https, or say --insecure"
    ):
        check_secrecy("http://example.com", insecure=False)


@pytest.mark.parametrize(
    ("text", "allowed"),
    [
        ("1", True),
        ("true", True),
        ("YES", True),
        ("on", True),
        ("0", False),
        ("false", False),
        ("No", False),
        ("off", False),
    ],
)
def test_leave_is_given_by_a_word_that_means_it(monkeypatch: pytest.MonkeyPatch, text: str, allowed: bool):
    monkeypatch.setenv("COMPLIANCE_INSECURE", text)
    assert insecure_allowed(False, not allowed) is allowed
    assert insecure_allowed(True) is True


def test_leave_is_given_by_the_flag_or_the_file_where_the_environment_is_silent(monkeypatch: pytest.MonkeyPatch):
    assert [insecure_allowed(flag, file) for flag in (True, False) for file in (True, False)] == [
        True,
        True,
        True,
        False,
    ]
    monkeypatch.setenv("COMPLIANCE_INSECURE", "perhaps")
    with pytest.raises(WrongUsage, match="COMPLIANCE_INSECURE is 1 or 0"):
        insecure_allowed(False)


def test_a_secret_is_read_from_where_it_is_named(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    (tmp_path / "key").write_text("\n from-file \n")
    monkeypatch.setattr(sys, "stdin", io.StringIO("from-stdin\n"))
    monkeypatch.setenv("COMPLIANCE_KEY", " from-environment ")
    names = ("COMPLIANCE_KEY",)
    assert read_secret("from-flag", None, names) == "from-flag"
    assert read_secret(None, str(tmp_path / "key"), names) == "from-file"
    assert read_secret(None, "-", names) == "from-stdin"
    assert read_secret(None, None, names) == "from-environment"
    assert read_secret(None, None) is None


SECRET = "hunter2"


@pytest.mark.parametrize(
    "text", [f"{SECRET}\nx: y", f"{SECRET} {SECRET}", f"{SECRET}é", f"{SECRET}\0", f"{SECRET}\x7f"]
)
def test_a_key_that_has_no_place_in_a_header_is_refused_and_not_shown(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, text: str
):
    (tmp_path / "key").write_text(text)
    with pytest.raises(WrongUsage) as of_file:
        read_secret(None, str(tmp_path / "key"))
    with pytest.raises(WrongUsage) as of_flag:
        read_secret(text, None)
    assert str(of_file.value) == f"What {tmp_path / 'key'} holds is no key: it has characters that a key never has."
    assert str(of_flag.value) == "What --key holds is no key: it has characters that a key never has."


def test_where_there_is_no_key_that_is_said(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    (tmp_path / "empty").write_text(" \n")
    (tmp_path / "bytes").write_bytes(b"\xff\xfe")
    monkeypatch.setattr(sys, "stdin", io.StringIO(""))
    for file, complaint in (
        (str(tmp_path / "empty"), "There is no key in .*empty"),
        (str(tmp_path / "bytes"), r"Cannot read the key from .*bytes \(it is not text\)"),
        (str(tmp_path / "none"), r"Cannot read the key from .*none \(No such file or directory\)"),
        (str(tmp_path), r"Cannot read the key from .* \(Is a directory\)"),
        ("~nobody-of-this-name/key", r"Cannot read the key from ~nobody-of-this-name/key"),
        ("-", "There is no key in standard input"),
    ):
        with pytest.raises(WrongUsage, match=complaint):
            read_secret(None, file)


def test_every_file_by_which_a_state_folder_is_known_is_one_of_ours(repository: Path):
    text = "\n".join(path.read_text(encoding="utf-8") for path in (repository / "compliance").rglob("*.py"))
    assert [name for name in settings.OURS if text.count(name) < 2] == []
