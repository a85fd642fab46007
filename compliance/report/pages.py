"""A page of answers on the screen: its table, then what it does not show and what nobody saw."""

import sys
from collections.abc import Sequence
from typing import Any

import msgspec
from rich.text import Text

from compliance.console import UNKNOWN, Column, Format, clean, details, out, say, show, warn
from compliance.report.words import Moment, blind_sentences, called, cut, raw_columns
from compliance.wire.answers import Page


def show_page(
    page: Page[Any], kind: type, columns: Sequence[Column], format: Format, moment: Moment, *, what: str, empty: str
) -> None:
    """JSON is the page as the API answers it; CSV is every member of its rows, and sentences on stderr."""
    if format is Format.json:
        details({}, format=format, raw=page)
        return
    if format is Format.csv:
        show(page.items, raw_columns(kind), format, empty=empty)
    else:
        show([_named(row) for row in page.items], columns, format, title=moment.title(what), empty=empty)
    if page.next is not None:
        say(f"These are the first {len(page.items)}: --limit N shows more, --all shows the rest.")
    sentences = cut(blind_sentences(page.unknown, moment))
    if format is Format.csv:
        for sentence in sentences:
            warn(sentence)
    else:
        show_blind(sentences, heading="Not seen, so what is shown of it is what was known before:")


def show_blind(sentences: Sequence[str], heading: str) -> None:
    """Beneath a table, on stdout with it: whoever keeps the table keeps its doubts."""
    if not sentences:
        return
    out().print()
    out().print(Text(heading, style=UNKNOWN), soft_wrap=True)
    console = out()
    # As with details: a terminal wraps between words, a pipe gets the sentence whole.
    wide = max(20, console.width - 4) if sys.stdout.isatty() else sys.maxsize
    for sentence in sentences:
        for number, line in enumerate(Text(clean(sentence)).wrap(console, wide)):
            console.print(Text.assemble("  " if number == 0 else "    ", line), soft_wrap=True)


def _named(row: Any) -> Any:
    if getattr(row, "hostname", None) is not None:
        return row
    return msgspec.structs.replace(row, hostname=called(None, getattr(row, "host", None) or row.id))
