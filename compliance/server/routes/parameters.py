"""What the reading routes take in their query strings."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Annotated

from litestar.params import PathParameter, QueryParameter

from compliance.errors import WrongUsage
from compliance.server.queries.intervals import Question
from compliance.server.storage.clock import now_ms

At = Annotated[
    str | None,
    QueryParameter(
        name="at",
        required=False,
        description="A moment: ISO 8601 (UTC unless it says a zone) or milliseconds since 1970.",
    ),
]
Since = Annotated[
    str | None,
    QueryParameter(name="since", required=False, description="All that was there since then, written like `at`."),
]
HostName = Annotated[
    str | None, QueryParameter(name="host", required=False, description="A host's id, name or address.")
]
HostPath = Annotated[str, PathParameter(description="The host's id, name or address.")]
User = Annotated[str | None, QueryParameter(name="user", required=False, description="A user name.")]
Name = Annotated[str | None, QueryParameter(name="name", required=False, description="A process's name.")]
State = Annotated[
    str | None,
    QueryParameter(name="state", required=False, description="reporting, silent, once, never, refused or retired."),
]
Cursor = Annotated[str | None, QueryParameter(name="cursor", required=False, description="`next` of the page before.")]
Limit = Annotated[
    int, QueryParameter(name="limit", required=False, ge=1, le=1000, description="Items of a page, at most.")
]

LATEST = 4_102_444_800_000


def moment(text: str | None) -> int:
    """Milliseconds since 1970; now where nothing is said."""
    if text is None:
        return now_ms()
    try:
        if text.isdecimal():
            ms = int(text)
        else:
            # A plus sign of a zone that was not encoded comes as a space.
            found = datetime.fromisoformat(text.strip().replace(" 0", "+0") if "T" in text else text.strip())
            ms = int((found if found.tzinfo else found.replace(tzinfo=UTC)).timestamp() * 1000)
    except (ValueError, OverflowError):
        raise WrongUsage(f"{text!r} is no moment: write 2026-03-03T14:03:00Z, or milliseconds since 1970.") from None
    if not 0 <= ms <= LATEST:
        raise WrongUsage(f"{text!r} lies outside the years 1970 to 2100.")
    return ms


def question(
    at: str | None, since: str | None, host: str | None, user: str | None, cursor: str | None, limit: int
) -> Question:
    """What a reading route asks its query."""
    return Question(moment(at), host or None, user or None, None if since is None else moment(since), cursor, limit)
