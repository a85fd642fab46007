"""What runs, or ran, on the hosts: a process a line."""

from compliance.console import QUIET, Column, Format
from compliance.report.pages import show_page
from compliance.report.words import Moment, gone_style, user_style
from compliance.wire.answers import Page, ProcessAnswer


def show_processes(page: Page[ProcessAnswer], format: Format, moment: Moment, *, filtered: bool) -> None:
    columns = process_columns(moment, ended=any(row.ended_at is not None for row in page.items))
    show_page(page, ProcessAnswer, columns, format, moment, what="Processes", empty=_empty(filtered))


def process_columns(moment: Moment, *, ended: bool) -> tuple[Column, ...]:
    return (
        Column("hostname", "Host", style="bold"),
        Column("pid", "PID", justify="right"),
        Column("user", "User", style=user_style),
        Column("name", "Name", min_width=12),
        Column("started_at", "Started", format=moment.age, droppable=3),
        *([Column("ended_at", "Ended", format=moment.age, style=gone_style, droppable=1)] if ended else []),
        Column("arguments", "Command", flexible=True, droppable=2),
        Column("ppid", "Parent", justify="right", style=QUIET, droppable=4),
    )


def _empty(filtered: bool) -> str:
    if filtered:
        return "No process matches: leave out a filter, or see with `compliance report hosts` which hosts are known."
    return (
        "No process is known: `compliance report hosts` shows which hosts report, `compliance agent send --all` sends."
    )
