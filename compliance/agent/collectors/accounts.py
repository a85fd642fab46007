"""Names of accounts by number."""

from __future__ import annotations

from compliance.agent.collectors.root import host_root, on_host
from compliance.agent.text import within

try:
    import pwd
except ImportError:  # Windows, where processes tell their owner's name themselves
    pwd = None  # type: ignore[assignment]


class Accounts:
    """Looks each number up once. One for each look: an account renamed meanwhile is found at the next one."""

    def __init__(self) -> None:
        # This libc knows the accounts of this container; those of a host outside of it are in its file.
        self._listed = None if host_root() is None else _listed()
        self._names: dict[int, str] = {}

    def name(self, uid: int) -> str:
        """The account's name; the number as text where there is none."""
        found = self._names.get(uid)
        if found is None:
            name = _look_up(uid) if self._listed is None else self._listed.get(uid, "")
            found = self._names[uid] = within(name, 255) or str(uid)
        return found


def parse_passwd(text: str) -> dict[int, str]:
    """passwd(5): names by number, of which the first counts; a line that cannot be read is left out."""
    found: dict[int, str] = {}
    for line in text.splitlines():
        name, _, uid = line.split(":")[:3] if line.count(":") >= 2 else ("", "", "")
        if name and uid.isdecimal() and not line.startswith("#"):
            found.setdefault(int(uid), name)
    return found


def _listed() -> dict[int, str]:
    try:
        return parse_passwd(on_host("/etc/passwd").read_text(encoding="utf-8", errors="surrogateescape"))
    except OSError:
        return {}


def _look_up(uid: int) -> str:
    try:
        return str(pwd.getpwuid(uid).pw_name)
    except (KeyError, OSError, OverflowError, AttributeError):
        return ""
