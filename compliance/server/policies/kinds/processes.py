"""Which processes a rule speaks of."""

from __future__ import annotations

from compliance.server.policies.facts import CommandRow, ProcessRow
from compliance.server.policies.patterns import Texts, matcher, say
from compliance.server.policies.rules import ProcessFilter
from compliance.server.policies.truth import Truth, all_true

ARGUMENTS_KEPT = 4096
"""Characters of a command line that the store keeps: what does not match in so many may match in the rest."""


def weigh(like: ProcessFilter, row: ProcessRow, lacks_fields: bool) -> Truth:
    """A field that is None is one that was not seen, if some were not; a kernel thread has no file and no arguments."""
    lacking = lacks_fields and not is_kernel_thread(row)
    return all_true((weigh_command(like, row, lacking), weigh_user(like, row.user)))


def weigh_command(like: ProcessFilter, row: CommandRow, lacking: bool) -> Truth:
    """The part that the dictionary of commands decides: once an entry, not once a process."""
    return all_true(
        (
            _weigh(like.name, row.name, None),
            _weigh(like.path, row.exe, None if lacking else False),
            _weigh_arguments(like.arguments, row.arguments, lacking),
        )
    )


def weigh_user(like: ProcessFilter, user: str | None) -> Truth:
    """Every process has an owner: none is one that was not seen."""
    return _weigh(like.user, user, None)


def is_kernel_thread(row: ProcessRow) -> bool:
    """On Linux a child of kthreadd, whose number is 2."""
    return row.exe is None and row.arguments is None and 2 in (row.pid, row.ppid)


def call(row: ProcessRow) -> str:
    return f"{row.name or 'a process without a name'} (user {row.user or 'unknown'})"


def describe(like: ProcessFilter) -> str:
    parts = (
        ("named", like.name),
        ("with the path", like.path),
        ("with arguments", like.arguments),
        ("of user", like.user),
    )
    return " ".join(["process", *(f"{word} {say(texts)}" for word, texts in parts if texts is not None)])


def _weigh(texts: Texts | None, value: str | None, missing: Truth) -> Truth:
    if texts is None:
        return True
    return missing if value is None else matcher(texts)(value)


def _weigh_arguments(texts: Texts | None, value: str | None, lacking: bool) -> Truth:
    found = _weigh(texts, value, None if lacking else False)
    cut = found is False and value is not None and len(value) >= ARGUMENTS_KEPT
    return None if cut else found
