r"""What a person types, as real processes. A plugin: `pytest_plugins = ["tests.shell"]` in conftest.

    shown = shell("report", "hosts")                         # ended: its code, stdout and stderr
    shell("report", "hosts", code=3, COMPLIANCE_SERVER=url)  # any code but the one expected fails the test
    server = shell.start("server", "run", "--port", "0")     # runs on; the test's end ends it, by its pid
    url = server.said(r"Listening on (\S+?),")               # waits for the line
    text = shell.on_terminal("report", "hosts", columns=80)  # through a pseudo-terminal of that size

Each shell has a state folder of its own: two shells are two machines. No command may ever show a traceback.
"""

import os
import re
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any, NamedTuple

import pytest

COMMAND = Path(sys.executable).with_name("compliance")
SECONDS = 60.0
"""Nothing takes so long: it is for what never comes."""
_ESCAPE = re.compile(r"\x1b\[[0-9;?]*[A-Za-z]")


class Shown(NamedTuple):
    code: int
    out: str
    err: str


class Running:
    """A command that runs on, its output in files."""

    def __init__(self, process: subprocess.Popen[bytes], out: Path, err: Path) -> None:
        self.process = process
        self._out, self._err = out, err

    @property
    def out(self) -> str:
        return self._out.read_text(encoding="utf-8", errors="backslashreplace")

    @property
    def err(self) -> str:
        return self._err.read_text(encoding="utf-8", errors="backslashreplace")

    def said(self, pattern: str) -> str:
        """The first group of the first match on either stream, as soon as it stands there."""
        until = time.monotonic() + SECONDS
        while True:
            ended = self.process.poll() is not None
            found = re.search(pattern, self.out + self.err)
            if found:
                return found[1] if found.re.groups else found[0]
            assert not ended, f"it ended with {self.process.returncode} before it said {pattern!r}:\n{self.err}"
            assert time.monotonic() < until, f"it never said {pattern!r}:\n{self.out}{self.err}"
            time.sleep(0.02)

    def end(self, number: int = signal.SIGTERM) -> Shown:
        """Sends the signal and waits."""
        self.process.send_signal(number)
        return self.wait()

    def wait(self) -> Shown:
        code = self.process.wait(timeout=SECONDS)
        assert "Traceback" not in self.out + self.err, self.out + self.err
        return Shown(code, self.out, self.err)


class Shell:
    """A person's terminal on one machine."""

    def __init__(self, folder: Path, state: Path | None = None) -> None:
        self.folder = folder
        self.state = state or folder / "state"
        self.command = COMMAND
        self.folder.mkdir(parents=True, exist_ok=True)
        self.environment = {
            "PATH": f"{COMMAND.parent}{os.pathsep}{os.environ['PATH']}",
            "HOME": str(folder),
            "LANG": "C.UTF-8",
            "COMPLIANCE_STATE_DIR": str(self.state),
        }
        self._running: list[Running] = []

    def __call__(self, *arguments: str, code: int | None = 0, stdin: str = "", **environment: Any) -> Shown:
        """Runs it to its end; `code=None` takes any."""
        done = subprocess.run(
            [str(self.command), *arguments],
            input=stdin.encode(),
            capture_output=True,
            env=self.environment | environment,
            cwd=self.folder,
            timeout=SECONDS * 2,
            check=False,
        )
        shown = Shown(done.returncode, done.stdout.decode("utf-8", "backslashreplace"), done.stderr.decode())
        assert "Traceback" not in shown.out + shown.err, shown.err
        assert code is None or shown.code == code, f"ended with {shown.code}:\n{shown.out}{shown.err}"
        return shown

    def start(self, *arguments: str, **environment: Any) -> Running:
        out, err = (self.folder / f"{len(self._running)}.{name}" for name in ("out", "err"))
        with out.open("wb") as stdout, err.open("wb") as stderr:
            process = subprocess.Popen(
                [str(self.command), *arguments],
                stdin=subprocess.DEVNULL,
                stdout=stdout,
                stderr=stderr,
                env=self.environment | environment,
                cwd=self.folder,
            )
        self._running.append(Running(process, out, err))
        return self._running[-1]

    def server(self, *arguments: str, **environment: Any) -> tuple[Running, str]:
        """`server run` that listens, and its address; on a free port unless one is named."""
        port = () if "--port" in arguments else ("--port", "0")
        running = self.start("server", "run", *port, *arguments, **environment)
        return running, running.said(r"Listening on (\S+?),")

    def on_terminal(self, *arguments: str, columns: int = 80, **environment: Any) -> str:
        """What stands on a terminal so wide: stdout alone, without the escapes that colour it."""
        return _ESCAPE.sub("", self.coloured(*arguments, columns=columns, **environment))

    def coloured(self, *arguments: str, columns: int = 80, **environment: Any) -> str:
        import fcntl
        import struct
        import termios

        ours, its = os.openpty()
        fcntl.ioctl(its, termios.TIOCSWINSZ, struct.pack("HHHH", 40, columns, 0, 0))
        process = subprocess.Popen(
            [str(self.command), *arguments],
            stdin=its,
            stdout=its,
            stderr=subprocess.DEVNULL,
            env=self.environment | {"TERM": "xterm-256color"} | environment,
            cwd=self.folder,
        )
        os.close(its)
        text = b"".join(_until_closed(ours)).decode().replace("\r\n", "\n")
        assert process.wait(timeout=SECONDS) == 0, text
        return text

    def close(self) -> None:
        for running in self._running:
            if running.process.poll() is None:
                running.process.kill()
                running.process.wait()


def _until_closed(number: int) -> Iterator[bytes]:
    with os.fdopen(number, "rb", buffering=0) as terminal:
        while True:
            try:
                part = terminal.read(65536)
            except OSError:  # Linux says EIO once the other side is closed
                return
            if not part:
                return
            yield part


class Shells:
    """Makes them, and ends what they started."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._made: list[Shell] = []

    def __call__(self, name: str, **environment: Any) -> Shell:
        shell = Shell(self._folder / name)
        shell.environment |= environment
        self._made.append(shell)
        return shell

    def close(self) -> None:
        for shell in self._made:
            shell.close()


@pytest.fixture
def machine(tmp_path: Path) -> Iterator[Shells]:
    """`machine("web-1")`: a shell on a machine of that name."""
    shells = Shells(tmp_path)
    yield shells
    shells.close()


@pytest.fixture
def shell(machine: Shells) -> Shell:
    return machine("here")
