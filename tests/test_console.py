"""What a person or a program reads: tables on a terminal and in a pipe, JSON, CSV, words."""

import csv
import io
import json
import sys
from dataclasses import dataclass
from datetime import UTC, datetime
from enum import StrEnum

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st
from rich.cells import cell_len
from rich.text import Text

from compliance.console import (
    BAD,
    Column,
    Format,
    ago,
    clean,
    details,
    duration,
    err,
    fail,
    moment,
    out,
    percent,
    say,
    show,
    size,
    warn,
)

SECOND, MINUTE, HOUR, DAY = 1000, 60_000, 3_600_000, 86_400_000


class Colour(StrEnum):
    red = "red"


class Row(msgspec.Struct):
    pid: int
    name: str
    user: str | None = None
    arguments: str = ""
    started: int = 1_700_000_000_000
    colour: Colour = Colour.red
    seen: int | msgspec.UnsetType = msgspec.UNSET


COLUMNS = (
    Column("pid", "PID", justify="right"),
    Column("name", "Name"),
    Column("user", "User", style=lambda user: BAD if user == "root" else ""),
    Column("arguments", "Arguments", flexible=True),
    Column("started", "Started", format=moment, droppable=2),
    Column("colour", "Colour", droppable=1),
)
ROWS = [
    Row(1, "init", "root", "/sbin/init splash and a number of other words that make it a long line indeed"),
    Row(4711, "-bash", None, "=1+1"),
    Row(9, "日本語", "ana", "x"),
]


class Terminal(io.StringIO):
    encoding = "utf-8"

    def isatty(self) -> bool:
        return True


@pytest.fixture
def terminal(monkeypatch):
    """Set its width; what was printed is asked from what it returns."""

    def made(width: int, **environment: str) -> Terminal:
        for name, value in {"TERM": "xterm-256color", "COLUMNS": str(width), **environment}.items():
            monkeypatch.setenv(name, value)
        screen = Terminal()
        monkeypatch.setattr(sys, "stdout", screen)
        return screen

    return made


def plain(screen: Terminal) -> list[str]:
    return Text.from_ansi(screen.getvalue()).plain.splitlines()


def shown(capsys, rows=ROWS, columns=COLUMNS, format=Format.table, **more):
    show(rows, columns, format, empty="Nothing yet: begin.", **more)
    return capsys.readouterr().out


def test_a_table_in_a_pipe_is_aligned_and_plain_and_not_cut(capsys):
    lines = shown(capsys, title="Processes").splitlines()
    assert lines[0] == "Processes"
    assert lines[1].split() == ["PID", "Name", "User", "Arguments", "Started", "Colour"]
    assert lines[2].startswith("   1  init    root  /sbin/init splash")
    assert "a long line indeed  2023-11-14 22:13:20 UTC  red" in lines[2]
    assert lines[3].startswith("4711  -bash   -     =1+1 ")
    assert len({cell_len(line) for line in lines[2:]}) == 1
    assert not any("\x1b" in line for line in lines)


@pytest.mark.parametrize("width", [60, 80, 100, 200])
def test_a_table_never_wraps_on_a_terminal(terminal, width):
    screen = terminal(width)
    show(ROWS, COLUMNS, Format.table, empty="none")
    lines = plain(screen)
    assert len(lines) == 2 + len(ROWS)
    assert max(cell_len(line) for line in lines) <= width


def test_columns_go_in_their_order_when_the_terminal_is_narrow(terminal):
    heads = {}
    for width in (200, 80, 60, 40):
        screen = terminal(width)
        show(ROWS, COLUMNS, Format.table, empty="none")
        heads[width] = plain(screen)[0].split()
    assert heads[200] == ["PID", "Name", "User", "Arguments", "Started", "Colour"]
    assert heads[80] == heads[200]
    assert heads[60] == ["PID", "Name", "User", "Arguments", "Colour"]
    assert heads[40] == ["PID", "Name", "User", "Arguments"]


def test_a_long_text_ends_in_an_ellipsis_and_uses_all_the_room(terminal):
    screen = terminal(80)
    show(ROWS, COLUMNS, Format.table, empty="none")
    line = plain(screen)[2]
    assert "…" in line
    assert cell_len(line.rstrip()) > 70


def test_where_no_column_is_flexible_the_widest_gives_way(terminal):
    screen = terminal(40)
    show([{"a": "x" * 50, "b": "short"}], [Column("a", "A"), Column("b", "B")], Format.table, empty="none")
    assert plain(screen)[2] == "x" * 32 + "…  short"


def test_colours_say_what_is_bad_and_no_color_silences_them(terminal):
    screen = terminal(80)
    show(ROWS, COLUMNS, Format.table, empty="none")
    assert "\x1b[1;31mroot" in screen.getvalue()
    screen = terminal(80, NO_COLOR="1")
    show(ROWS, COLUMNS, Format.table, empty="none")
    assert "31m" not in screen.getvalue()
    assert "root" in screen.getvalue()


def test_what_a_host_says_is_neither_markup_nor_an_escape(capsys, terminal):
    row = {"name": "[red]x[/red] \x1b[31m\x07:smile: \u202eevil\udcff\n"}
    literal = "[red]x[/red] \\x1b[31m\\x07:smile: \\u202eevil\\xff\\x0a"
    assert shown(capsys, [row], [Column("name", "Name")]).splitlines()[1] == literal
    screen = terminal(80)
    show([row], [Column("name", "Name")], Format.table, empty="none")
    assert plain(screen)[2].rstrip() == literal
    say(row["name"])
    assert capsys.readouterr().err == literal + "\n"


@given(st.text(st.characters(codec=None)))
def test_cleaned_text_is_one_line_that_can_be_printed(text):
    cleaned = clean(text)
    assert cleaned.encode() is not None
    assert len(cleaned.splitlines()) <= 1
    assert all(char >= " " and not "\x7f" <= char <= "\x9f" for char in cleaned)


def test_an_empty_table_says_on_stderr_what_to_do(capsys):
    show([], COLUMNS, Format.table, empty="No host yet: run `compliance agent send --all`.")
    captured = capsys.readouterr()
    assert captured == ("", "No host yet: run `compliance agent send --all`.\n")


def test_nothing_in_json_is_an_empty_array_and_in_csv_the_header(capsys):
    assert shown(capsys, [], format=Format.json) == "[]\n"
    assert shown(capsys, [], format=Format.csv) == "pid,name,user,arguments,started,colour\n"


def test_json_is_every_field_as_it_is(capsys):
    rows = json.loads(shown(capsys, [Row(1, "\x1b[1m\x9bé", None, "=1+1")], COLUMNS[:2], Format.json))
    assert rows == [
        {
            "pid": 1,
            "name": "\x1b[1m\x9bé",
            "user": None,
            "arguments": "=1+1",
            "started": 1_700_000_000_000,
            "colour": "red",
        }
    ]


def test_json_holds_nothing_that_a_terminal_obeys(capsys):
    text = shown(capsys, [{"name": "\x1b[1m\x9b\x7f\u202e\udcff 日本"}], COLUMNS[1:2], Format.json)
    assert "\\u001b[1m\\u009b\\u007f\\u202e\\udcff 日本" in text


def test_json_stays_json_where_the_output_is_not_unicode(monkeypatch):
    buffer = io.BytesIO()
    monkeypatch.setattr(sys, "stdout", io.TextIOWrapper(buffer, encoding="ascii", errors="backslashreplace"))
    show([{"name": "日本😀é"}], COLUMNS[1:2], Format.json, empty="none")
    sys.stdout.flush()
    assert json.loads(buffer.getvalue()) == [{"name": "日本😀é"}]


def test_csv_is_raw_values_of_the_columns(capsys):
    rows = list(csv.DictReader(io.StringIO(shown(capsys, format=Format.csv))))
    assert rows[0]["started"] == "1700000000000"
    assert rows[1] == {
        "pid": "4711", "name": "'-bash", "user": "", "arguments": "'=1+1", "started": "1700000000000", "colour": "red",
    }  # fmt: skip


@pytest.mark.parametrize(
    ("value", "cell"),
    [
        ("=cmd|' /C calc'!A0", "'=cmd|' /C calc'!A0"),
        ("+1", "'+1"),
        ("-bash", "'-bash"),
        ("@SUM(A1)", "'@SUM(A1)"),
        ("a=b", "a=b"),
        (-5, "-5"),
        (-0.5, "-0.5"),
        (True, "true"),
        (None, ""),
        (["a", 1], '["a", 1]'),
        ("\ta\r\nb\x1b", "\\x09a\\x0d\\x0ab\\x1b"),
    ],
)
def test_a_csv_cell_runs_nowhere(capsys, value, cell):
    text = shown(capsys, [{"x": value}], [Column("x", "X")], Format.csv)
    assert list(csv.reader(io.StringIO(text)))[1:] == ([[cell]] if cell else [[""]])


def test_rows_may_be_mappings_structs_or_any_object_with_attributes(capsys):
    @dataclass
    class Thing:
        name: str

    class Plain:
        def __init__(self) -> None:
            self.name = "c"

    for row, name in (({"name": "a"}, "a"), (Thing("b"), "b"), (Plain(), "c"), (Row(1, "d"), "d")):
        assert shown(capsys, [row], [COLUMNS[1]]).splitlines()[1] == name
        assert json.loads(shown(capsys, [row], [COLUMNS[1]], Format.json))[0]["name"] == name


def test_a_field_that_was_not_told_is_a_dash_and_absent_from_json(capsys):
    assert shown(capsys, [Row(1, "a")], [Column("seen", "Seen")]).splitlines()[1] == "-"
    assert "seen" not in json.loads(shown(capsys, [Row(1, "a")], [Column("seen", "Seen")], Format.json))[0]


def test_details_stand_under_their_labels(capsys):
    details({"Host": "web-1\x1b", "Last user": None, "State": Text("good", style="green")}, "Host")
    assert capsys.readouterr().out == "Host\nHost       web-1\\x1b\nLast user  -\nState      good\n"


def test_long_details_are_wrapped_under_their_value_and_lose_nothing(terminal):
    screen = terminal(40)
    details({"Name": "word " * 20})
    lines = plain(screen)
    assert all(line.startswith(("      word", "Name  word")) for line in lines)
    assert max(map(len, lines)) <= 40
    assert " ".join(lines).split().count("word") == 20


def test_details_as_json_and_csv_are_the_raw_object(capsys):
    details({"PID": "one"}, "Row", format=Format.json, raw=Row(1, "a"))
    assert json.loads(capsys.readouterr().out)["pid"] == 1
    details({"PID": "one"}, "Row", format=Format.csv, raw=Row(1, "a"))
    assert capsys.readouterr().out == "pid,name,user,arguments,started,colour\n1,a,,,1700000000000,red\n"
    details({"State": Text("good", style="green")}, format=Format.json)
    assert json.loads(capsys.readouterr().out) == {"State": "good"}


def test_sentences_go_to_stderr_and_are_not_wrapped_in_a_pipe(capsys):
    long = "word " * 40 + "end"
    say(long)
    warn("careful")
    fail("no")
    assert capsys.readouterr() == ("", f"{long}\nWarning: careful\nError: no\n")


def test_the_consoles_follow_a_replaced_stdout_and_stderr(capsys):
    out().print("to out")
    err().print("to err")
    assert capsys.readouterr() == ("to out\n", "to err\n")


@pytest.mark.parametrize(
    ("ms", "words"),
    [
        (0, "0 ms"), (250.9, "250 ms"), (999, "999 ms"), (SECOND, "1 s"), (59_999, "59 s"), (MINUTE, "1 min"),
        (3 * MINUTE + 59_000, "3 min"), (HOUR, "1 h"), (HOUR + 20 * MINUTE, "1 h 20 min"), (11 * HOUR + MINUTE, "11 h"),
        (DAY - 1, "23 h"), (DAY, "1 day"), (DAY + HOUR, "1 day 1 h"), (6 * DAY + 5 * HOUR, "6 days 5 h"),
        (12 * DAY + 5 * HOUR, "12 days"), (400 * DAY, "400 days"), (-3 * MINUTE, "-3 min"),
    ],
)  # fmt: skip
def test_durations_in_words(ms, words):
    assert duration(ms) == words


@pytest.mark.parametrize(
    ("apart", "words"),
    [
        (0, "just now"), (9_999, "just now"), (-9_999, "just now"), (10_000, "10 s ago"), (3 * MINUTE, "3 min ago"),
        (50 * HOUR, "2 days 2 h ago"), (-2 * MINUTE, "in 2 min (clock ahead)"),
    ],
)  # fmt: skip
def test_ages_in_words(apart, words):
    now = 1_764_000_000_000
    assert ago(now - apart, now) == words


@pytest.mark.parametrize(
    ("count", "words"),
    [
        (0, "0 B"), (999, "999 B"), (1000, "1.0 KB"), (3_300, "3.3 KB"), (28_672, "28.7 KB"), (999_949, "999.9 KB"),
        (999_950, "1.0 MB"), (4_200_000, "4.2 MB"), (7_000_000_000, "7.0 GB"), (5e15, "5000.0 TB"),
    ],
)  # fmt: skip
def test_sizes_in_words(count, words):
    assert size(count) == words


def test_a_moment_is_utc_to_the_second():
    assert moment(1_795_528_980_999) == "2026-11-24 14:03:00 UTC"


@given(st.integers(0, 4_102_444_800_000 - 1))
def test_a_moment_can_be_read_back(ms):
    read = datetime.strptime(moment(ms), "%Y-%m-%d %H:%M:%S UTC").replace(tzinfo=UTC)
    assert int(read.timestamp()) == ms // 1000


def test_a_share_in_words():
    assert (percent(0), percent(12.54), percent(100)) == ("0.0%", "12.5%", "100.0%")
