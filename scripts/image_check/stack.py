"""The compose file as it is, under a name, a port and an .env of this check's own."""

import json
import os
import socket
import sys
from pathlib import Path
from typing import Any

from scripts.image_check.image import IMAGE
from scripts.image_check.said import docker, run

PROJECT = f"compliance-check-{os.getpid()}"
BIN = Path(sys.executable).parent


class Stack:
    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.env = folder / ".env"
        self.env.write_text("")
        with socket.socket() as free:
            free.bind(("127.0.0.1", 0))
            self.port = str(free.getsockname()[1])

    def compose(self, *arguments: str, **options: Any) -> str:
        program = [str(BIN / "docker-compose"), "--project-name", PROJECT, "--env-file", str(self.env)]
        settings = {"COMPLIANCE_IMAGE": IMAGE, "COMPLIANCE_PORT": self.port}
        return run([*program, *arguments], settings=settings, **options)

    def up(self, *services: str) -> None:
        self.compose("up", "-d", "--wait", "--wait-timeout", "300", *services)

    def down(self) -> None:
        """The volumes too."""
        self.compose("--profile", "*", "down", "--volumes", "--remove-orphans")

    def key(self, role: str, name: str) -> str:
        """As the docs have it."""
        made = ("compliance", "server", "keys", "create", "--role", role, "--name", name)
        return self.compose("exec", "-T", "server", *made).strip()

    def command(self, *arguments: str, **options: Any) -> str:
        """Our command on this machine, outside of any container."""
        place = {
            "COMPLIANCE_SERVER": f"http://127.0.0.1:{self.port}",
            "COMPLIANCE_STATE_DIR": str(self.folder / "state"),
        }
        return run([str(BIN / "compliance"), *arguments], settings=place, **options)

    def report(self, *what: str) -> Any:
        """What the terminal shows, as the API answers it."""
        file = self.folder / "read.key"
        if not file.exists():
            file.write_text(self.key("read", "me"))
        return json.loads(self.command("report", *what, "-o", "json", "--key-file", str(file)))

    def hosts(self) -> list[Any]:
        found: list[Any] = self.report("hosts")["items"]
        return found

    def inspect(self, service: str) -> Any:
        return json.loads(docker("inspect", f"{PROJECT}-{service}-1"))[0]
