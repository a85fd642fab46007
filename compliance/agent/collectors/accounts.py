"""Names of accounts by number."""

from __future__ import annotations

from compliance.agent.text import within

try:
    import pwd
except ImportError:  # Windows, where processes tell their owner's name themselves
    pwd = None  # type: ignore[assignment]


class Accounts:
    """Looks each number up once. One for each look: an account renamed meanwhile is found at the next one."""

    def __init__(self) -> None:
        self._names: dict[int, str] = {}

    def name(self, uid: int) -> str:
        """The account's name; the number as text where there is none."""
        found = self._names.get(uid)
        if found is None:
            found = self._names[uid] = _look_up(uid)
        return found


def _look_up(uid: int) -> str:
    try:
        return within(pwd.getpwuid(uid).pw_name, 255) or str(uid)
    except (KeyError, OSError, OverflowError, AttributeError):
        return str(uid)
