"""Which local accounts a rule speaks of."""

from __future__ import annotations

from compliance.server.policies.facts import AccountRow
from compliance.server.policies.patterns import matcher, say
from compliance.server.policies.rules import AccountFilter
from compliance.server.policies.truth import Truth, all_true

CLOSED = frozenset(
    f"{folder}/{name}"
    for folder in ("/bin", "/sbin", "/usr/bin", "/usr/sbin")
    for name in ("false", "nologin", "sync", "halt", "shutdown", "true")
) | {"/dev/null"}
"""Shells that let nobody in."""

PASSWORDS = {"set": "with a password", "none": "without a password", "locked": "with a locked password"}


def weigh(like: AccountFilter, row: AccountRow) -> Truth:
    """An empty shell is /bin/sh; a shell or a password that is None was not seen."""
    shell = "/bin/sh" if row.shell == "" else row.shell
    return all_true(
        (
            like.name is None or matcher(like.name)(row.name),
            like.uid is None or row.uid == like.uid,
            like.below_uid is None or row.uid < like.below_uid,
            like.shell is None or (None if shell is None else matcher(like.shell)(shell)),
            like.login is None or (None if shell is None else (shell not in CLOSED) is like.login),
            like.password is None or (None if row.password is None else row.password == like.password),
        )
    )


def call(row: AccountRow) -> str:
    return f"{row.name} (uid {row.uid})"


def describe(like: AccountFilter) -> str:
    words = ["local account"]
    if like.name is not None:
        words.append(f"named {say(like.name)}")
    if like.uid is not None:
        words.append(f"with uid {like.uid}")
    if like.below_uid is not None:
        words.append(f"with a uid below {like.below_uid}")
    if like.shell is not None:
        words.append(f"with the shell {say(like.shell)}")
    if like.login is not None:
        words.append("with a shell that lets somebody in" if like.login else "with a shell that lets nobody in")
    if like.password is not None:
        words.append(PASSWORDS[like.password])
    return " ".join(words)
