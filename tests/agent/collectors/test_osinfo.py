"""The operating system, from os-release as distributions ship it."""

import platform
from pathlib import Path

import msgspec
import pytest

from compliance.agent.collectors import Memory, osinfo
from compliance.wire.facts import OperatingSystem

DEBIAN = 'PRETTY_NAME="Debian GNU/Linux 12 (bookworm)"\nNAME="Debian GNU/Linux"\nVERSION_ID="12"\nID=debian\n'
UBUNTU = 'PRETTY_NAME="Ubuntu 24.04.1 LTS"\nNAME="Ubuntu"\nVERSION_ID="24.04"\nID=ubuntu\nID_LIKE=debian\n'
ALPINE = 'NAME="Alpine Linux"\nID=alpine\nVERSION_ID=3.20.3\nPRETTY_NAME="Alpine Linux v3.20"\n'
RHEL = 'NAME="Red Hat Enterprise Linux"\nVERSION="9.4 (Plow)"\nID="rhel"\nVERSION_ID="9.4"\n'
ARCH = 'NAME="Arch Linux"\nPRETTY_NAME="Arch Linux"\nID=arch\nBUILD_ID=rolling\n'
ODD = "# a comment\n\n  NAME='It'\\''s \"mine\"'\nBROKEN=\"never closed\nnonsense\nVERSION_ID=\"1\\$2\"\n"


@pytest.mark.parametrize(
    ("text", "name", "version"),
    [
        (DEBIAN, "Debian GNU/Linux", "12"),
        (UBUNTU, "Ubuntu", "24.04"),
        (ALPINE, "Alpine Linux", "3.20.3"),
        (RHEL, "Red Hat Enterprise Linux", "9.4"),
        (ARCH, "Arch Linux", None),
        (ODD, 'It\'s "mine"', "1$2"),
        ("", None, None),
    ],
)
def test_name_and_version_are_read(text: str, name: str | None, version: str | None) -> None:
    found = osinfo.parse_release(text)
    assert (found.get("NAME"), found.get("VERSION_ID")) == (name, version)


@pytest.fixture
def release(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Path:
    monkeypatch.setattr("sys.platform", "linux")
    monkeypatch.setattr(osinfo, "RELEASE_FILES", (str(tmp_path / "first"), str(tmp_path / "second")))
    return tmp_path


def test_the_second_place_counts_where_the_first_is_missing(release: Path) -> None:
    (release / "second").write_text(ARCH)
    (row,) = osinfo.collect(Memory()).rows
    assert row == OperatingSystem(name="Arch Linux", kernel=platform.release(), architecture=platform.machine())


def test_a_linux_without_os_release_is_named_linux(release: Path) -> None:
    (row,) = osinfo.collect(Memory()).rows
    assert row == OperatingSystem(name=platform.system(), kernel=platform.release(), architecture=platform.machine())


def test_a_release_file_of_any_bytes_gives_a_row_that_can_be_stored(release: Path) -> None:
    (release / "first").write_bytes(b'NAME="caf\xe9' + b"x" * 300 + b'"\n')
    (row,) = osinfo.collect(Memory()).rows
    assert msgspec.json.decode(msgspec.json.encode(row), type=OperatingSystem) == row


def test_what_the_platform_does_not_say_is_none() -> None:
    assert osinfo.row("", "", "", "") == OperatingSystem(name="unknown")


@pytest.mark.parametrize(
    ("system", "call", "says", "name", "version"),
    [
        ("darwin", "mac_ver", ("14.5", ("", "", ""), "arm64"), "macOS", "14.5"),
        ("win32", "win32_ver", ("11", "10.0.22631", "SP0", "Multiprocessor Free"), "Windows 11", "10.0.22631"),
    ],
)
def test_macos_and_windows_name_themselves(
    monkeypatch: pytest.MonkeyPatch, system: str, call: str, says: object, name: str, version: str
) -> None:
    monkeypatch.setattr("sys.platform", system)
    monkeypatch.setattr(platform, call, lambda: says)
    (row,) = osinfo.collect(Memory()).rows
    assert isinstance(row, OperatingSystem)
    assert (row.name, row.version) == (name, version)
