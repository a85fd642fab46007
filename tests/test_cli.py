"""The root command, in processes of its own: what is printed where, and the exit code. Its groups are written here."""

import os
import signal
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from compliance import __version__

REPOSITORY = Path(__file__).parent.parent

DRIVER = """
import sys
from compliance import cli
cli.GROUPS.clear()
cli.GROUPS["probe"] = cli.Group("probe", "agent", "Look at what the tests want to see.")
cli.GROUPS["cloud"] = cli.Group("cloud", "server", "Something whose extra is missing.")
cli.GROUPS["broken"] = cli.Group("broken", "server", "Something with a mistake in it.")
code = cli.run(sys.argv[1:])
if "--modules" in sys.orig_argv:
    print(*sys.modules, sep="\\n")
sys.exit(code)
"""

PROBE = '''
import os, sys, time
from enum import StrEnum
from pathlib import Path
from typing import Annotated
import typer
from compliance.errors import Broken, ComplianceError, Refused, Unreachable, WrongUsage

print("probe is imported", file=sys.stderr)
app = typer.Typer(help="Look at what the tests want to see.")
keys = typer.Typer(help="Keys of the probe.")
app.add_typer(keys, name="keys")

class Shade(StrEnum):
    light = "light"
    dark = "dark"

@app.command("fail")
def fail(kind: str) -> None:
    """Fail in one way or another.

    $ compliance probe fail Broken
    $ compliance probe fail Refused
    """
    if kind == "key":
        raise KeyError("no such thing\\nand a second line")
    if kind == "usage":
        raise typer.BadParameter("that will not do")
    if kind == "library":
        import a_library_that_nobody_has
    if kind == "own":
        import compliance.nothing_of_this_name
    if kind == "abort":
        raise typer.Abort
    raise globals()[kind]("the disk is full: make room")

@app.command()
def values(
    name: str, kinds: list[str], shade: Shade = Shade.light, port: Annotated[int, typer.Option(min=1)] = 8080,
    path: Path | None = None, label: Annotated[list[str] | None, typer.Option()] = None, fast: bool = False,
) -> None:
    """Print what was given."""
    print(repr((name, kinds, shade, port, path, label, fast)), "pydantic" in sys.modules)

@app.command()
def wait() -> None:
    """Wait to be stopped."""
    print("waiting", flush=True)
    time.sleep(60)

@app.command()
def much() -> int:
    """Print more than a pipe holds."""
    for number in range(100_000):
        print("line", number)
    return 7

@app.command()
def letters() -> int:
    """Print what not every terminal has."""
    print("\\u65e5\\u672c")
    return 7

@app.command()
def debugging() -> None:
    """Say what the processes that we start are told."""
    print(os.environ.get("COMPLIANCE_DEBUG"))

@keys.command()
def mint() -> None:
    """Mint a key."""

@keys.command()
def drop() -> None:
    """Drop a key."""
'''


@pytest.fixture
def start(tmp_path: Path) -> Iterator[Callable[..., subprocess.Popen[str]]]:
    (tmp_path / "probe.py").write_text(PROBE)
    (tmp_path / "cloud.py").write_text("import a_library_that_nobody_has.inside\n")
    (tmp_path / "broken.py").write_text("import compliance.nothing_of_this_name\n")
    (tmp_path / "driver.py").write_text(DRIVER)

    def begin(*arguments: str, stdout: int = subprocess.PIPE, **environment: str) -> subprocess.Popen[str]:
        process = subprocess.Popen(
            [sys.executable, str(tmp_path / "driver.py"), *arguments],
            env={
                **os.environ,
                "PYTHONPATH": f"{REPOSITORY}{os.pathsep}{tmp_path}",
                "PYTHONUNBUFFERED": "",
                **environment,
            },
            stdout=stdout,
            stderr=subprocess.PIPE,
            encoding="utf-8",
        )
        started.append(process)
        return process

    started: list[subprocess.Popen[str]] = []
    yield begin
    for process in started:
        process.kill()
        with process:
            pass


Command = Callable[..., tuple[int, str, str]]


@pytest.fixture
def command(start: Callable[..., subprocess.Popen[str]]) -> Command:
    def call(*arguments: str, **environment: str) -> tuple[int, str, str]:
        process = start(*arguments, **environment)
        out, err = process.communicate(timeout=60)
        return process.returncode, out, err.replace("probe is imported\n", "")

    return call


@pytest.mark.parametrize(
    ("kind", "code"), [("ComplianceError", 1), ("Broken", 1), ("WrongUsage", 2), ("Unreachable", 3), ("Refused", 4)]
)
def test_an_error_of_ours_is_one_sentence_and_its_exit_code(command, kind, code):
    assert command("probe", "fail", kind) == (code, "", "Error: the disk is full: make room\n")


def test_an_unexpected_error_is_one_sentence_that_says_how_to_see_more(command):
    code, out, err = command("probe", "fail", "key")
    assert (code, out) == (1, "")
    assert err.startswith("Error: unexpected error (KeyError: ")
    assert "`compliance --debug ...`" in err
    assert len(err.splitlines()) == 1


@pytest.mark.parametrize("how", [{"COMPLIANCE_DEBUG": "1"}, {}])
@pytest.mark.parametrize(("kind", "name"), [("key", "KeyError"), ("Broken", "compliance.errors.Broken")])
def test_debug_shows_the_traceback_before_the_sentence(command, how, kind, name):
    code, _, err = command(*([] if how else ["--debug"]), "probe", "fail", kind, **how)
    assert code == 1
    assert err.startswith("Traceback (most recent call last)")
    assert f"\n{name}: " in err
    assert err.splitlines()[-1].startswith("Error: ")


def test_debug_that_is_switched_off_shows_no_traceback(command):
    assert "Traceback" not in command("probe", "fail", "key", COMPLIANCE_DEBUG="0")[2]


def test_debug_is_told_to_the_processes_that_a_command_starts(command):
    assert command("--debug", "probe", "debugging")[1] == "1\n"
    assert command("probe", "debugging")[1] == "None\n"


@pytest.mark.parametrize(
    ("arguments", "complaint"),
    [
        (("prob",), "Did you mean 'probe'?"),
        (("probe", "nothing"), "No such command 'nothing'"),
        (("probe", "fail"), "Missing argument"),
        (("probe", "fail", "--nothing", "x"), "No such option"),
        (("probe", "fail", "usage"), "that will not do"),
        (("probe", "values", "a", "b", "--shade", "green"), "'green' is not one of 'light', 'dark'"),
        (("probe", "values", "a", "b", "--port", "0"), "greater than or equal to 1"),
        (("probe", "values", "a", "b", "--port", "http"), "valid integer"),
    ],
)
def test_wrong_usage_ends_with_2_and_says_what_is_wrong(command, arguments, complaint):
    code, out, err = command(*arguments)
    assert (code, out) == (2, "")
    assert complaint in err
    assert "Traceback" not in err


def test_a_group_without_its_extra_has_help_and_says_what_to_install(command):
    line = "pip install 'compliance-monitor[server]'"
    code, out, err = command("cloud", "--help")
    assert (code, err) == (0, "")
    assert "Something whose extra is missing." in out
    assert line in " ".join(out.split())
    for arguments in ((), ("run", "--port", "80"), ("keys",)):
        code, out, err = command("cloud", *arguments)
        assert (code, out) == (2, "")
        assert err.rstrip().endswith(line)


def test_a_command_that_imports_its_library_late_says_what_to_install_too(command):
    code, _, err = command("probe", "fail", "library")
    assert code == 2
    assert err.rstrip().endswith("pip install 'compliance-monitor[agent]'")


@pytest.mark.parametrize("arguments", [("broken",), ("probe", "fail", "own")])
def test_a_module_of_ours_that_is_missing_is_a_mistake_and_no_extra(command, arguments):
    code, _, err = command(*arguments)
    assert code == 1
    assert "unexpected error (ModuleNotFoundError" in err
    assert "pip install" not in err


def test_ctrl_c_ends_quietly_with_130(start):
    process = start("probe", "wait")
    assert process.stdout.readline() == "waiting\n"
    process.send_signal(signal.SIGINT)
    out, err = process.communicate(timeout=60)
    assert (process.returncode, out, err) == (130, "", "probe is imported\n")


def test_a_reader_who_leaves_ends_the_command_quietly_with_141(start):
    process = start("probe", "much")
    assert process.stdout.readline() == "line 0\n"
    process.stdout.close()
    assert process.stderr.read() == "probe is imported\n"
    assert process.wait(timeout=60) == 141


def test_a_reader_who_left_before_the_first_line_is_no_error_either(start):
    process = start("probe", "letters")
    process.stdout.close()
    assert process.stderr.read() == "probe is imported\n"
    assert process.wait(timeout=60) == 141


@pytest.mark.skipif(not Path("/dev/full").exists(), reason="needs /dev/full")
@pytest.mark.parametrize("environment", [{"PYTHONUNBUFFERED": "1"}, {"PYTHONUNBUFFERED": ""}])
def test_output_that_cannot_be_written_is_an_error_and_not_a_traceback(start, environment):
    with Path("/dev/full").open("w") as full:
        process = start("probe", "letters", stdout=full.fileno(), **environment)
        err = process.communicate(timeout=60)[1].replace("probe is imported\n", "")
    assert process.returncode == 1
    assert err == "Error: No space left on device: make room, then run it again.\n"


def test_what_a_terminal_cannot_show_is_shown_by_number(command):
    assert command("probe", "letters", PYTHONIOENCODING="ascii")[:2] == (0, "\\u65e5\\u672c\n")


def test_what_a_command_returns_is_no_exit_code(command):
    assert command("probe", "letters")[0] == 0


def test_a_question_that_is_not_answered_is_a_failure(command):
    assert command("probe", "fail", "abort")[0] == 1


def test_help_names_the_groups_without_importing_them(command, start):
    code, out, _ = command("--help")
    assert code == 0
    assert "probe   Look at what the tests want to see." in out
    assert start("--help").communicate(timeout=60)[1] == ""


def test_help_and_version_import_neither_pydantic_nor_rich_nor_httpx():
    for argument in ("--help", "--version"):
        done = subprocess.run(
            [sys.executable, "-X", "importtime", "-m", "compliance", argument],
            capture_output=True,
            text=True,
            cwd=REPOSITORY,
            check=True,
        )
        imported = {line.rpartition("|")[2].strip().partition(".")[0] for line in done.stderr.splitlines()}
        assert "compliance" in imported
        assert imported.isdisjoint({"pydantic", "rich", "httpx", "msgspec", "psutil", "litestar"})


@pytest.mark.parametrize("arguments", [("--version",), ("--debug", "--version")])
def test_version_is_one_line(arguments):
    done = subprocess.run(
        [sys.executable, "-m", "compliance", *arguments], capture_output=True, text=True, cwd=REPOSITORY, check=True
    )
    assert (done.stdout, done.stderr) == (f"compliance {__version__}\n", "")


def test_plain_values_are_taken_without_pydantic_and_others_with_it(command):
    assert command("probe", "values", "a", "b", "c", "--shade", "dark", "--label", "x", "--label", "y", "--fast")[
        1
    ] == ("('a', ['b', 'c'], <Shade.dark: 'dark'>, 8080, None, ['x', 'y'], True) False\n")
    assert command("probe", "values", "a", "b", "--port", "81", "--path", "/tmp")[1] == (
        "('a', ['b'], <Shade.light: 'light'>, 81, PosixPath('/tmp'), None, False) True\n"
    )


def test_an_example_in_a_help_keeps_its_lines(command):
    out = command("probe", "fail", "--help")[1]
    assert "  $ compliance probe fail Broken\n  $ compliance probe fail Refused\n" in out


def test_only_the_root_installs_completion(command):
    assert "--install-completion" in command("--help")[1]
    assert "--install-completion" not in command("probe", "--help")[1]


@pytest.mark.parametrize(
    ("words", "offered"),
    [
        ("", {"probe", "cloud", "broken"}),
        ("pr", {"probe"}),
        ("probe ", {"fail", "values", "wait", "much", "letters", "debugging", "keys"}),
        ("probe keys ", {"mint", "drop"}),
        ("probe values --sh", {"--shade"}),
        ("probe values --shade ", {"light", "dark"}),
        ("cloud ", {""}),
    ],
)
def test_completion_knows_groups_commands_options_and_choices(command, words, offered):
    words = f"compliance {words}"
    code, out, _ = command(
        _COMPLIANCE_COMPLETE="complete_bash",
        COMP_WORDS=words,
        COMP_CWORD=str(len(words.rstrip().split(" ")) - (words[-1] != " ")),
    )
    assert code == 0
    assert set(out.strip().split("\n")) == offered


def test_completing_the_name_of_a_group_imports_none(start):
    process = start(_COMPLIANCE_COMPLETE="complete_bash", COMP_WORDS="compliance ", COMP_CWORD="1")
    assert process.communicate(timeout=60) == ("probe\ncloud\nbroken\n", "")


def test_the_script_for_the_shell_can_be_shown(command):
    out = command("--show-completion", SHELL="/bin/bash")[1]
    assert "_COMPLIANCE_COMPLETE" in out
