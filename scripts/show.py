"""Shows the product at work: real commands, real hosts, their output into the README and into pictures.

    sudo env PYTHONPATH=. .venv/bin/python scripts/show.py

Three hosts are made on this machine: namespaces of their own (process ids, host name), each with a few real programs
and a real agent, which reports to a real server. What they print on a terminal of 100 columns is written between the
marks `<!-- output -->` of the README, and drawn as docs/images/*.svg. Needs root, for the namespaces.
"""

from __future__ import annotations

import io
import os
import pty
import re
import shlex
import socket
import subprocess
import sys
import tempfile
import time
from pathlib import Path

from rich.console import Console
from rich.text import Text

ROOT = Path(__file__).parent.parent
IMAGES = ROOT / "docs" / "images"
COLUMNS, LINES = 100, 60
COMMAND = [sys.executable, "-m", "compliance"]

HOSTS = {
    "web-1": ["/usr/bin/python3 -m http.server --bind 127.0.0.1 18080", "/opt/backup --to s3 --secret-key Xk29sQ"],
    "db-1": ["/opt/backup --database orders --password hunter2"],
    "ci-1": ["tail -f /dev/null"],
}
"""Host name: the programs that run there. The agent of ci-1 is ended before the reports are shown."""

HOST = """
hostname {name}
mount -t tmpfs tmpfs /opt
mkdir /opt/compliance
mount --bind {environment} /opt/compliance
printf '#!/bin/sh\nwhile :; do sleep 3600; done\n' > /opt/backup
chmod +x /opt/backup
cd /
{programs}
exec /opt/compliance/bin/python -m compliance agent run --interval 5 --key-file {key} --state-dir {state}
"""
"""The programs stand under /opt, as they would where they were installed."""

SHOWN = {
    "hosts": ["report", "hosts"],
    "processes": ["report", "processes", "--host", "web-1"],
    "at": ["report", "processes", "--host", "ci-1", "--at", "20 s ago"],
}


def on_a_terminal(arguments: list[str], environment: dict[str, str]) -> str:
    """What a command writes to a terminal, its colours included."""
    pid, terminal = pty.fork()
    if pid == 0:
        os.environ.update(environment, COLUMNS=str(COLUMNS), LINES=str(LINES), TERM="xterm-256color")
        os.execv(COMMAND[0], [*COMMAND, *arguments])
    written = b""
    while True:
        try:
            part = os.read(terminal, 65_536)
        except OSError:  # the other end is closed
            break
        if not part:
            break
        written += part
    os.waitpid(pid, 0)
    return written.decode().replace("\r\n", "\n")


def picture(name: str, arguments: list[str], written: str) -> None:
    console = Console(record=True, width=COLUMNS, file=io.StringIO(), force_terminal=True)
    console.print(Text(f"$ compliance {shlex.join(arguments)}", style="bold"))
    console.print(Text.from_ansi(written.rstrip("\n")))
    IMAGES.mkdir(parents=True, exist_ok=True)
    drawn = console.export_svg(title="compliance", unique_id=f"compliance-{name}")
    (IMAGES / f"{name}.svg").write_text(drawn + "\n", encoding="utf-8")


def plain(written: str) -> str:
    return re.sub(r"\x1b\[[0-9;?]*[A-Za-z]", "", written).rstrip() + "\n"


def start_host(name: str, folder: Path, environment: dict[str, str], key: Path) -> subprocess.Popen[bytes]:
    """In namespaces of its own; whatever it started ends with it."""
    programs = "\n".join(f"{program} &" for program in HOSTS[name])
    script = HOST.format(
        name=name, environment=sys.prefix, programs=programs, key=key, state=shlex.quote(str(folder / name))
    )
    command = ["unshare", "--pid", "--fork", "--kill-child", "--mount-proc", "--uts", "--mount", "sh", "-c", script]
    return subprocess.Popen(command, env=environment, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)


def main() -> int:
    if os.geteuid() != 0:
        print("Making hosts needs root: sudo env PYTHONPATH=. .venv/bin/python scripts/show.py", file=sys.stderr)
        return 2
    with tempfile.TemporaryDirectory() as name, socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
        free.close()
        folder = Path(name)
        database = f"sqlite:///{folder}/compliance.db"
        environment = {**os.environ, "COMPLIANCE_DATABASE": database, "COMPLIANCE_SERVER": f"http://127.0.0.1:{port}"}
        environment |= {"PYTHONPATH": str(ROOT), "COMPLIANCE_STATE_DIR": str(folder / "web-1")}
        server = subprocess.Popen([*COMMAND, "server", "run", "--port", str(port)], env=environment)
        started: list[subprocess.Popen[bytes]] = []
        try:
            time.sleep(3)
            keys = {}
            for role in ("enroll", "read"):
                command = [*COMMAND, "server", "keys", "create", "--role", role, "--name", role]
                done = subprocess.run(command, env=environment, capture_output=True, text=True, check=True)
                keys[role] = done.stdout.strip()
            (folder / "enroll.key").write_text(keys["enroll"])
            started = [start_host(host, folder, environment, folder / "enroll.key") for host in HOSTS]
            time.sleep(20)
            started[-1].kill()  # unshare itself ignores the friendlier signal
            started[-1].wait()
            time.sleep(20)
            show(environment | {"COMPLIANCE_KEY": keys["read"]})
        finally:
            for host in started:
                host.kill()
                host.wait()
            server.terminate()
            server.wait()
    return 0


def show(environment: dict[str, str]) -> None:
    parts = []
    for name, arguments in SHOWN.items():
        written = on_a_terminal(arguments, environment)
        picture(name, arguments, written)
        parts.append(f"```text\n$ compliance {shlex.join(arguments)}\n{plain(written)}```\n")
    page = ROOT / "README.md"
    text = page.read_text(encoding="utf-8")
    block = "<!-- output -->\n" + "\n".join(parts) + "<!-- /output -->"
    page.write_text(
        re.sub(r"<!-- output -->(.*<!-- /output -->)?", lambda _: block, text, flags=re.S), encoding="utf-8"
    )


if __name__ == "__main__":
    sys.exit(main())
