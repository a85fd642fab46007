"""Pure: the rows kept of a kind beside the rows that a whole section brings."""

from collections.abc import Collection, Iterable

from compliance.server.ingest.intervals import Values


def differences(
    kept: Iterable[Values], brought: Collection[Values], key_width: int
) -> tuple[list[Values], list[Values]]:
    """Keys to close and rows to open, so that what is kept becomes what was brought.

    Rows are key columns followed by value columns; a row that differs only in its values is closed and opened.
    """
    wanted = set(brought)
    stale = [row[:key_width] for row in kept if row not in wanted]
    there = set(kept)
    return stale, [row for row in brought if row not in there]
