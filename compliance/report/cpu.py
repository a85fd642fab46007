"""How busy the hosts are, or were: a sample a line."""

from compliance.console import QUIET, Column, Format, percent
from compliance.report.pages import show_page
from compliance.report.words import Moment, busy_style
from compliance.wire.answers import CpuAnswer, Page

EMPTY = "No CPU sample is kept for that: `compliance agent send cpu` sends one; --since 1d looks further back."


def show_cpu(page: Page[CpuAnswer], format: Format, moment: Moment) -> None:
    show_page(page, CpuAnswer, _columns(page, moment), format, moment, what="CPU", empty=EMPTY)


def _columns(page: Page[CpuAnswer], moment: Moment) -> tuple[Column, ...]:
    # Hours of which only the mean is kept come after a prune; before it the two columns would say nothing.
    hours = any(row.samples > 1 for row in page.items)
    return (
        Column("hostname", "Host", style="bold"),
        Column("percent", "CPU", justify="right", format=percent, style=busy_style),
        *([Column("percent_max", "Most", justify="right", format=percent, style=busy_style)] if hours else []),
        Column("load_1", "Load 1 min", justify="right", format=_load, droppable=1),
        Column("load_5", "5 min", justify="right", format=_load, droppable=2),
        Column("load_15", "15 min", justify="right", format=_load, droppable=3),
        Column("cores", "Cores", justify="right", droppable=4),
        Column("seen_at", "Seen", format=moment.age, min_width=11),
        *([Column("samples", "Samples", justify="right", style=QUIET, droppable=5)] if hours else []),
    )


def _load(load: float) -> str:
    return f"{load:.2f}"
