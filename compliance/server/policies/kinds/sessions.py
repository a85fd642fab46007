"""Which sessions a rule speaks of."""

from __future__ import annotations

from compliance.server.policies.facts import SessionRow
from compliance.server.policies.findings import enumerate_words
from compliance.server.policies.networks import LOCAL, lies_in, origin
from compliance.server.policies.patterns import matcher, say
from compliance.server.policies.rules import SessionFilter, SessionRule
from compliance.server.policies.spans import milliseconds
from compliance.server.policies.spans import say as say_span
from compliance.server.policies.truth import Truth, all_true

ROOTS = frozenset({"root", "Administrator", "SYSTEM", "NT AUTHORITY\\SYSTEM"})


def weigh(like: SessionFilter, row: SessionRow, at: int, skew_ms: int) -> Truth:
    """`skew_ms`: how far the host's clock, by which a session was opened, is ahead of ours."""
    return all_true(
        (
            weigh_user(like, row.user),
            _weigh_origin(like, row.remote_host),
            like.older_than is None or _is_older(like, row, at, skew_ms),
        )
    )


def weigh_user(like: SessionFilter, user: str) -> Truth:
    return (like.user is None or matcher(like.user)(user)) and (like.root is None or (user in ROOTS) is like.root)


def _weigh_origin(like: SessionFilter, remote_host: str | None) -> Truth:
    came_from = origin(remote_host)
    parts: list[Truth] = [like.remote is None or (came_from != LOCAL) is like.remote]
    if like.origin is not None:
        parts.append(_lies_in(came_from, like.origin))
    if like.outside is not None:
        inside = _lies_in(came_from, like.outside)
        parts.append(False if came_from == LOCAL else None if inside is None else not inside)
    return all_true(parts)


def _lies_in(came_from: object, networks: tuple[str, ...]) -> Truth:
    if came_from is None or came_from == LOCAL:
        return None if came_from is None else False
    return lies_in(came_from, networks)  # type: ignore[arg-type]


def _is_older(like: SessionFilter, row: SessionRow, at: int, skew_ms: int) -> Truth:
    turns = _turns_old(like, row, skew_ms)
    return None if turns is None else at >= turns


def _turns_old(like: SessionFilter, row: SessionRow, skew_ms: int) -> int | None:
    if like.older_than is None or row.opened_at is None:
        return None
    return row.opened_at - skew_ms + milliseconds(like.older_than) + 1


def changes_at(rule: SessionRule, rows: tuple[SessionRow, ...], at: int, skew_ms: int) -> int | None:
    """When the next of them turns old."""
    turns = (_turns_old(like, row, skew_ms) for like in (rule, *rule.unless) for row in rows)
    return min((moment for moment in turns if moment is not None and moment > at), default=None)


def call(row: SessionRow) -> str:
    return f"{row.user} from {row.remote_host}" if row.remote_host else f"{row.user} on the machine itself"


def describe(like: SessionFilter) -> str:
    words = ["session"]
    if like.user is not None:
        words.append(f"of {say(like.user)}")
    if like.root is not None:
        words.append("of root" if like.root else "of anybody but root")
    if like.remote is not None:
        words.append("over the network" if like.remote else "on the machine itself")
    if like.origin is not None:
        words.append(f"from {enumerate_words(list(like.origin), 'or')}")
    if like.outside is not None:
        words.append(f"from outside {enumerate_words(list(like.outside))}")
    if like.older_than is not None:
        words.append(f"older than {say_span(like.older_than)}")
    return " ".join(words)
