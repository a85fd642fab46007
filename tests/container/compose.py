"""The real Compose, which reads a file without any daemon."""

import json
import os
import shutil
import subprocess
import sys
from pathlib import Path
from typing import Any

ROOT = Path(__file__).parent.parent.parent
PROGRAM = Path(sys.executable).parent / "docker-compose"


def config(folder: Path, *arguments: str) -> subprocess.CompletedProcess[str]:
    """`docker-compose config` in a folder, with no variable but those of its .env."""
    return subprocess.run(
        [PROGRAM, *arguments, "config", "--format", "json"],
        cwd=folder,
        env={"PATH": os.environ["PATH"], "HOME": str(folder)},
        capture_output=True,
        text=True,
        timeout=60,
    )


def services(folder: Path, *arguments: str) -> dict[str, Any]:
    """The services as Compose understands them, every profile's too."""
    done = config(folder, "--profile", "*", *arguments)
    assert (done.returncode, done.stderr) == (0, "")
    found: dict[str, Any] = json.loads(done.stdout)["services"]
    return found


def copy(folder: Path) -> Path:
    """A folder with the compose file as it is, and no .env."""
    shutil.copy(ROOT / "docker-compose.yml", folder)
    return folder
