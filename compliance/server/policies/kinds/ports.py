"""Which listening sockets a rule speaks of."""

from __future__ import annotations

from compliance.server.policies.facts import PortRow
from compliance.server.policies.findings import enumerate_words
from compliance.server.policies.networks import is_loopback
from compliance.server.policies.patterns import Texts, matcher, say
from compliance.server.policies.rules import PortFilter
from compliance.server.policies.truth import Truth, all_true


def weigh(like: PortFilter, row: PortRow) -> Truth:
    """Somebody listens on every socket: who is not told was not seen."""
    ranges = like.ranges()
    return all_true(
        (
            not ranges or any(low <= row.port <= high for low, high in ranges),
            like.protocol is None or row.protocol.lower().startswith(like.protocol),
            like.exposed is None or is_loopback(row.address) is not like.exposed,
            _weigh(like.process, row.process),
            _weigh(like.user, row.user),
        )
    )


def _weigh(texts: Texts | None, value: str | None) -> Truth:
    if texts is None:
        return True
    return None if value is None else matcher(texts)(value)


def call(row: PortRow) -> str:
    who = f" of {row.process}" if row.process else ""
    return f"{row.protocol} {row.port} on {row.address}{who}"


def describe(like: PortFilter) -> str:
    words = ["listening", like.protocol, "port"] if like.protocol else ["listening port"]
    ranges = [f"{low}" if low == high else f"{low} to {high}" for low, high in like.ranges()]
    if ranges:
        words.append(enumerate_words(ranges, "or"))
    if like.exposed is not None:
        words.append("that others can reach" if like.exposed else "that only the machine itself can reach")
    if like.process is not None:
        words.append(f"of the program {say(like.process)}")
    if like.user is not None:
        words.append(f"of user {say(like.user)}")
    return " ".join(words)
