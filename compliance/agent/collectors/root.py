"""Where the host's own files are: at `/`; for an agent in a container, in the folder that COMPLIANCE_HOST_ROOT names.

Only files: /proc, the network and the host's name are those of the namespaces that the container was given.
"""

from __future__ import annotations

import os
from pathlib import Path

NAME = "COMPLIANCE_HOST_ROOT"
MOST_LINKS = 40
"""As many as Linux follows in one path."""
HOST_PIDS = "pid:[4026531836]"
"""The first pid namespace has this inode on every Linux (PROC_PID_INIT_INO)."""


def host_root() -> Path | None:
    """The folder; None where this process runs on the host itself."""
    return Path(os.environ[NAME]) if os.environ.get(NAME) else None


def on_host(path: str | Path) -> Path:
    """Where a path of the host's is found from here."""
    root = host_root()
    return Path(path) if root is None else inside(root, Path(path))


def inside(root: Path, path: Path) -> Path:
    """The path below the root, its links followed as the host follows them: an absolute one starts at the root again.

    Left to the system, such a link would lead to the container's own file, and that would be told as the host's.
    """
    parts, at, links = list(path.parts[:0:-1]), root, 0
    while parts:
        part = parts.pop()
        if part == "..":
            at = at if at == root else at.parent
        elif (at / part).is_symlink() and links < MOST_LINKS:
            target, links = (at / part).readlink(), links + 1
            at = root if target.is_absolute() else at
            parts += target.parts[:0:-1] if target.is_absolute() else target.parts[::-1]
        else:
            at /= part
    return at


def sees_host_processes() -> bool:
    """Whether a process that is not to be found here is gone; else it may be outside of this container."""
    try:
        return str(Path("/proc/self/ns/pid").readlink()) == HOST_PIDS
    except OSError:
        return True
