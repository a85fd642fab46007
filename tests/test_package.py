"""What is installed: the wheel, and a host that has the base alone."""

import json
import subprocess
import sys
import venv
import zipfile
from collections.abc import Iterator
from email.parser import Parser
from importlib import metadata
from pathlib import Path

import pytest
from packaging.requirements import Requirement

from compliance import __version__, cli
from tests.shell import Shell
from tests.world import World

NAME = "compliance-monitor"
ARGUMENTS: dict[str, list[tuple[str, ...]]] = {
    "up": [(), ("--once", "--port", "0")],
    "server": [("run",), ("migrate",), ("keys", "list"), ("keys", "create", "--role", "read", "--name", "a")],
    "ops": [("status", "--stack", "main"), ("plan", "--stack", "main")],
}
NEEDS_MORE = [name for name, group in cli.GROUPS.items() if group.extra != "agent"]


@pytest.fixture(scope="module")
def wheel(tmp_path_factory: pytest.TempPathFactory, request: pytest.FixtureRequest) -> Path:
    """Built by the backend itself: no network, no environment of its own."""
    folder = tmp_path_factory.mktemp("wheel")
    command = [sys.executable, "-m", "hatchling", "build", "-t", "wheel", "-d", str(folder)]
    subprocess.run(command, cwd=Path(__file__).parent.parent, check=True, capture_output=True)
    (built,) = folder.glob("*.whl")
    return built


def test_the_wheel_holds_what_the_package_needs_and_nothing_else(wheel, repository):
    with zipfile.ZipFile(wheel) as file:
        held = {name for name in file.namelist() if ".dist-info/" not in name}
    tracked = subprocess.run(
        ["git", "ls-files", "compliance", "templates/cloudformation"],
        cwd=repository,
        capture_output=True,
        text=True,
        check=True,
    ).stdout.split()
    expected = {name.replace("templates/cloudformation/", "compliance/ops/cloudformation/") for name in tracked}
    assert "compliance/py.typed" in held
    # Not told apart here: a file that is new and not yet added is built too.
    assert expected - held == set()
    assert all(name.startswith("compliance/") for name in held)
    assert not any("__pycache__" in name for name in held)


def test_the_wheel_says_what_it_is(wheel):
    with zipfile.ZipFile(wheel) as file:
        place = f"compliance_monitor-{__version__}.dist-info"
        told = Parser().parsestr(file.read(f"{place}/METADATA").decode())
        entry = file.read(f"{place}/entry_points.txt").decode()
        assert "Apache License" in file.read(f"{place}/licenses/LICENSE").decode()
    assert (told["Name"], told["Version"], told["License-Expression"]) == (NAME, __version__, "Apache-2.0")
    extras = set(told.get_all("Provides-Extra") or ())
    assert extras == {"agent", "server", "ops", "all", "dev"}
    assert "compliance = compliance.__main__:main" in entry
    assert extras >= {group.extra for group in cli.GROUPS.values()}


def base() -> Iterator[metadata.Distribution]:
    """What `pip install .` would fetch, as it is installed here."""
    seen: set[str] = set()
    left = [Requirement(line) for line in metadata.requires(NAME) or ()]
    left = [one for one in left if one.marker is None or one.marker.evaluate({"extra": ""})]
    while left:
        requirement = left.pop()
        name = requirement.name.lower().replace("_", "-")
        if name in seen:
            continue
        seen.add(name)
        found = metadata.distribution(name)
        yield found
        for line in found.requires or ():
            more = Requirement(line)
            if more.marker is None or any(
                more.marker.evaluate({"extra": extra}) for extra in ("", *requirement.extras)
            ):
                left.append(more)


@pytest.fixture(scope="module")
def installed(wheel: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The command of a virtual environment that holds the wheel and the base, linked from this one."""
    folder = tmp_path_factory.mktemp("base") / "venv"
    venv.create(folder, symlinks=True)
    (site,) = folder.glob("lib/python*/site-packages")
    for distribution in base():
        for path in {Path(file).parts[0] for file in distribution.files or () if ".." not in Path(file).parts}:
            source = Path(str(distribution.locate_file(path)))
            if source.exists() and path != "__pycache__":
                (site / path).symlink_to(source)
    pip = [sys.executable, "-m", "pip", "--python", str(folder / "bin" / "python"), "--disable-pip-version-check"]
    subprocess.run([*pip, "install", "--no-deps", "--no-index", str(wheel)], check=True, capture_output=True)
    return folder / "bin" / "compliance"


@pytest.fixture
def host(shell: Shell, installed: Path) -> Shell:
    """A host where nothing but the base is installed."""
    shell.command = installed
    shell.environment["PATH"] = "/usr/bin:/bin"
    return shell


def test_the_base_is_small(installed):
    (site,) = installed.parent.parent.glob("lib/python*/site-packages")
    for name in ("litestar", "piccolo", "pymysql", "uvicorn", "boto3", "yaml", "zstandard", "cryptography"):
        assert not (site / name).exists()


def test_the_base_has_help_and_a_version(host):
    assert host("--version").out == f"compliance {__version__}\n"
    out = host("--help").out
    for name in cli.GROUPS:
        assert f"\n  {name} " in out
        assert f"Usage: compliance {name}" in host(name, "--help").out


@pytest.mark.parametrize("name", NEEDS_MORE)
def test_what_is_not_installed_says_which_line_installs_it(host, name):
    line = f"pip install 'compliance-monitor[{cli.GROUPS[name].extra}]'"
    for arguments in ARGUMENTS[name]:
        shown = host(name, *arguments, code=2)
        assert shown.out == ""
        assert shown.err == (
            f"Error: `compliance {name}` needs packages that are not installed. Install them with: {line}\n"
        )
    assert not (host.state / "compliance.db").exists()


def test_each_group_that_needs_more_is_tried():
    assert set(NEEDS_MORE) <= set(ARGUMENTS)


@pytest.mark.parametrize("store_kind", ["sqlite"], indirect=True)
def test_the_base_is_all_that_a_host_and_a_reader_need(world: World, host: Shell, keys):
    assert json.loads(host("agent", "collect", "os", "-o", "json").out)
    assert "applied" in host("agent", "send", "--all", COMPLIANCE_SERVER=world.url, COMPLIANCE_KEY=keys["enroll"]).out
    assert "once" in host("report", "hosts", COMPLIANCE_SERVER=world.url, COMPLIANCE_KEY=keys["read"]).out
    assert host("agent", "status").code == 0


def test_the_templates_are_found_in_the_package(installed, tmp_path):
    code = "from compliance.ops import bundle; print(bundle.folder())"
    # This environment has what `ops` needs; the package comes from the other one.
    (site,) = installed.parent.parent.glob("lib/python*/site-packages")
    found = subprocess.run(
        [sys.executable, "-c", code],
        env={"PYTHONPATH": str(site)},
        cwd=tmp_path,
        check=True,
        capture_output=True,
        text=True,
    ).stdout.strip()
    assert Path(found).is_relative_to(site)
    assert Path(found).parts[-3:] == ("compliance", "ops", "cloudformation")
    assert (Path(found) / "stacks.toml").is_file()


def test_the_wheel_is_for_every_platform(wheel):
    assert wheel.name.endswith("-py3-none-any.whl")
