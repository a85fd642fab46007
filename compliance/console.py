"""What a person or a program reads from us: tables, JSON, CSV, and sentences on stderr.

    COLUMNS = (
        Column("name", "Host"),
        Column("processes", "Processes", justify="right", droppable=1),
        Column("heard_at", "Heard", format=lambda ms: ago(ms, now)),
    )
    show(rows, COLUMNS, Format.table, empty="No host has reported yet: run `compliance agent send --all` on one.")

A table is for eyes: words, and on a terminal colours and only the columns that fit. JSON is the whole row, exactly as
it is. CSV is the raw values of the columns. Whatever a host said is shown literally: markup and escapes do nothing.
"""

import csv
import io
import json
import re
import sys
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from enum import StrEnum
from typing import TYPE_CHECKING, Any, Literal

from rich.console import Console
from rich.text import Text

if TYPE_CHECKING:
    from rich.table import Table

GOOD = "green"
WARN = "yellow"
BAD = "bold red"
UNKNOWN = "magenta"
QUIET = "dim"
"""Colours by meaning. UNKNOWN is not QUIET: that we did not see has to be seen."""

NOTHING = "-"
"""Stands in a table where there is no value."""

GAP = 2
LEAST = 8
LEAST_FLEXIBLE = 20


class Format(StrEnum):
    """What `--output` takes."""

    table = "table"
    json = "json"
    csv = "csv"


@dataclass(frozen=True)
class Column:
    """One fact of a row: the key or attribute `name`.

    droppable   0: always shown; of the others the highest goes first where the terminal is narrow
    flexible    for long texts: gives way with an ellipsis, down to min_width, before a column is dropped
    min_width   0: 20 for a flexible column, 8 for any other
    format      value -> the words of the table (not asked for None)
    style       a rich style, or value -> style
    """

    name: str
    header: str
    justify: Literal["left", "right"] = "left"
    style: str | Callable[[Any], str] = ""
    droppable: int = 0
    min_width: int = 0
    flexible: bool = False
    format: Callable[[Any], str] = str

    def cell(self, row: Any) -> Text:
        value = _value(row, self.name)
        if value is None:
            return Text(NOTHING, style=QUIET)
        return Text(clean(self.format(value)), style=self.style(value) if callable(self.style) else self.style)


def out() -> Console:
    """Stdout as it is now; made for each use, so that a test or a caller may have replaced it."""
    return Console(highlight=False, markup=False, emoji=False)


def err() -> Console:
    return Console(stderr=True, highlight=False, markup=False, emoji=False)


def say(sentence: str) -> None:
    """To the person, on stderr: stdout is for what was asked."""
    err().print(Text(clean(sentence)), soft_wrap=True)


def warn(sentence: str) -> None:
    err().print(Text.assemble(("Warning: ", WARN), clean(sentence)), soft_wrap=True)


def fail(sentence: str) -> None:
    """The last sentence of a command that failed; only `compliance.cli` has a reason to call it."""
    err().print(Text.assemble(("Error: ", BAD), clean(sentence)), soft_wrap=True)


def show(
    rows: Iterable[Any], columns: Sequence[Column], format: Format, *, title: str | None = None, empty: str
) -> None:
    """Rows are mappings, Structs or any objects with attributes. `empty` says what to do when there are none."""
    rows = list(rows)
    if format is Format.json:
        _write_json(rows)
    elif format is Format.csv:
        _write_csv(rows, columns)
    elif not rows:
        say(empty)
    else:
        _print_table(rows, columns, title)


def details(
    pairs: Mapping[str, Any] | Iterable[tuple[str, Any]],
    title: str | None = None,
    *,
    format: Format = Format.table,
    raw: Any = None,
) -> None:
    """One object: words under their labels; a Text keeps its style. JSON and CSV show `raw`, or else the pairs."""
    pairs = dict(pairs)
    if format is Format.json:
        _write_json(pairs if raw is None else raw)
    elif format is Format.csv:
        row = pairs if raw is None else _plain(raw)
        _write_csv([row], [Column(name, name) for name in row])
    else:
        _print_details(pairs, title)


def duration(ms: float) -> str:
    """`250 ms`, `12 s`, `3 min`, `1 h 20 min`, `2 days 5 h`, `12 days`: rounded down."""
    if ms < 0:
        return f"-{duration(-ms)}"
    if ms < 1000:
        return f"{int(ms)} ms"
    seconds = int(ms // 1000)
    minutes, hours, days = seconds // 60, seconds // 3600, seconds // 86400
    if not minutes:
        return f"{seconds} s"
    if not hours:
        return f"{minutes} min"
    if not days:
        return _two(f"{hours} h", minutes % 60, "min", small=hours < 10)
    return _two(f"{days} day{'s' if days > 1 else ''}", hours % 24, "h", small=days < 7)


def ago(then_ms: int, now_ms: int) -> str:
    """`just now` within 10 s either way; a moment that is still to come is told as what it is, another clock's."""
    apart = now_ms - then_ms
    if abs(apart) < 10_000:
        return "just now"
    return f"{duration(apart)} ago" if apart > 0 else f"in {duration(-apart)} (clock ahead)"


def size(count: float) -> str:
    """`812 B`, `3.3 KB`, `28.7 KB`, `4.2 MB`: thousands, as networks and disks are sold."""
    if abs(count) < 1000:
        return f"{int(count)} B"
    for unit in ("KB", "MB", "GB"):
        count /= 1000
        if abs(count) < 999.95:
            return f"{count:.1f} {unit}"
    return f"{count / 1000:.1f} TB"


def moment(ms: int) -> str:
    """`2026-11-24 14:03:00 UTC`; the fraction of the second is cut off."""
    return datetime.fromtimestamp(ms // 1000, UTC).strftime("%Y-%m-%d %H:%M:%S UTC")


def percent(value: float) -> str:
    """Of a hundred: `12.5%`."""
    return f"{value:.1f}%"


# Control characters, the invisible ones that reorder a line, and halves of surrogate pairs.
_HARMFUL = re.compile("[\x00-\x1f\x7f-\x9f\u061c\u200e\u200f\u2028-\u202e\u2066-\u2069\ud800-\udfff]")


def clean(text: str) -> str:
    """Text from a host as it may stand on a screen: what a terminal would obey is shown as `\\x1b` or `\\u202e`."""
    return _HARMFUL.sub(_escaped, text)


def _escaped(match: re.Match[str]) -> str:
    code = ord(match[0])
    if 0xDC80 <= code <= 0xDCFF:
        code -= 0xDC00  # a byte that was no UTF-8, as Python keeps it
    return f"\\x{code:02x}" if code < 0x100 else f"\\u{code:04x}"


def _two(first: str, rest: int, unit: str, *, small: bool) -> str:
    return f"{first} {rest} {unit}" if small and rest else first


def _value(row: Any, name: str) -> Any:
    value = row.get(name) if isinstance(row, Mapping) else getattr(row, name)
    return None if type(value).__name__ == "UnsetType" else value


def _plain(value: Any) -> Any:
    """What msgspec would put on the wire, as dicts, lists and scalars."""
    import msgspec

    return msgspec.to_builtins(value, enc_hook=_attributes)


def _attributes(value: Any) -> Any:
    return value.plain if isinstance(value, Text) else vars(value)


# JSON itself escapes what stands below a space; a terminal obeys more than that.
_UNSAFE_IN_JSON = re.compile("[\x7f-\x9f\u061c\u200e\u200f\u2028-\u202e\u2066-\u2069\ud800-\udfff]")


def _write_json(value: Any) -> None:
    ascii_only = not (sys.stdout.encoding or "utf-8").lower().startswith("utf")
    text = json.dumps(_plain(value), indent=2, ensure_ascii=ascii_only)
    sys.stdout.write(_UNSAFE_IN_JSON.sub(lambda match: f"\\u{ord(match[0]):04x}", text) + "\n")


def _write_csv(rows: Sequence[Any], columns: Sequence[Column]) -> None:
    lines = io.StringIO()
    writer = csv.writer(lines, lineterminator="\n")
    writer.writerow([column.name for column in columns])
    writer.writerows([_csv_cell(_value(row, column.name)) for column in columns] for row in rows)
    sys.stdout.write(lines.getvalue())


def _csv_cell(value: Any) -> str | int | float:
    value = "" if value is None else _plain(value)
    if isinstance(value, bool | dict | list):
        return json.dumps(value)
    return _inert(clean(value)) if isinstance(value, str) else value


def _inert(text: str) -> str:
    """Hosts are strangers: a text that a spreadsheet would run gets an apostrophe (`'-bash`). JSON is exact."""
    return f"'{text}" if text.startswith(("=", "+", "-", "@")) else text


def _print_table(rows: Sequence[Any], columns: Sequence[Column], title: str | None) -> None:
    cells = {column: [column.cell(row) for row in rows] for column in columns}
    widths = {
        column: max(Text(column.header).cell_len, *(cell.cell_len for cell in cells[column])) for column in columns
    }
    if title:
        out().print(Text(clean(title), style="bold"), soft_wrap=True)
    if sys.stdout.isatty():
        out().print(_table(_fitted(widths, out().width), cells))
    else:
        # Whoever reads from a pipe wants all of it; only a terminal has an edge, and colours.
        heads = [Text(column.header) for column in columns]
        for line in (heads, *zip(*cells.values(), strict=True)):
            sys.stdout.write(_aligned(line, widths) + "\n")


def _aligned(cells: Iterable[Text], widths: Mapping[Column, int]) -> str:
    parts = []
    for cell, (column, width) in zip(cells, widths.items(), strict=True):
        blank = " " * (width - cell.cell_len)
        parts.append(blank + cell.plain if column.justify == "right" else cell.plain + blank)
    return (" " * GAP).join(parts).rstrip()


def _table(widths: Mapping[Column, int], cells: Mapping[Column, list[Text]]) -> "Table":
    from rich import box
    from rich.table import Table

    # The divider of this box is itself a cell of the gap.
    table = Table(box=box.SIMPLE_HEAD, show_edge=False, pad_edge=False, padding=(0, GAP - 1, 0, 0), header_style="bold")
    for column, width in widths.items():
        table.add_column(column.header, justify=column.justify, width=width, no_wrap=True, overflow="ellipsis")
    for row in zip(*(cells[column] for column in widths), strict=True):
        table.add_row(*row)
    return table


def _fitted(natural: Mapping[Column, int], room: int) -> dict[Column, int]:
    """Which columns stay, how wide: the flexible give way first, then columns are dropped, then the widest give way."""
    least = {column: min(width, _least(column)) for column, width in natural.items()}
    widths = {column: least[column] if column.flexible else width for column, width in natural.items()}
    for column in sorted((column for column in natural if column.droppable), key=lambda column: -column.droppable):
        if _total(widths) <= room:
            break
        del widths[column]
    for column in sorted(widths, key=lambda column: -widths[column]):
        widths[column] = max(least[column], widths[column] - max(0, _total(widths) - room))
    for column in (column for column in widths if column.flexible):
        widths[column] = min(natural[column], widths[column] + max(0, room - _total(widths)))
    return widths


def _least(column: Column) -> int:
    return column.min_width or (LEAST_FLEXIBLE if column.flexible else LEAST)


def _total(widths: Mapping[Column, int]) -> int:
    return sum(widths.values()) + GAP * (len(widths) - 1)


def _print_details(pairs: Mapping[str, Any], title: str | None) -> None:
    console = out()
    if title:
        console.print(Text(clean(title), style="bold"), soft_wrap=True)
    edge = max((Text(label).cell_len for label in pairs), default=0) + GAP
    for label, value in pairs.items():
        text = value if isinstance(value, Text) else Text(NOTHING if value is None else clean(str(value)))
        # Wrapped by hand, so that what follows stays under the value; nothing is cut.
        wide = max(20, console.width - edge) if sys.stdout.isatty() else sys.maxsize
        for number, line in enumerate(text.wrap(console, wide) or [Text()]):
            name = Text(label.ljust(edge) if number == 0 else " " * edge, style=QUIET)
            console.print(Text.assemble(name, line), soft_wrap=True)
