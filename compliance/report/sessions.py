"""Who is, or was, logged in where: a session a line."""

from compliance.console import Column, Format
from compliance.report.pages import show_page
from compliance.report.words import Moment, gone_style, user_style
from compliance.wire.answers import Page, SessionAnswer


def show_sessions(page: Page[SessionAnswer], format: Format, moment: Moment, *, filtered: bool) -> None:
    columns = session_columns(moment, ended=any(row.ended_at is not None for row in page.items))
    show_page(page, SessionAnswer, columns, format, moment, what="Sessions", empty=_empty(filtered, bool(page.unknown)))


def session_columns(moment: Moment, *, ended: bool) -> tuple[Column, ...]:
    return (
        Column("hostname", "Host", style="bold"),
        Column("user", "User", style=user_style),
        Column("terminal", "Terminal", droppable=2),
        Column("remote_host", "From", droppable=1, min_width=12),
        Column("opened_at", "Opened", format=moment.age, min_width=11),
        *([Column("ended_at", "Ended", format=moment.age, style=gone_style, min_width=11)] if ended else []),
    )


def _empty(filtered: bool, blind: bool) -> str:
    seen = "No open session was seen" if blind else "Nobody has a session open"
    return f"{seen}{' that matches' if filtered else ''}: --since 1d shows those of the last day too."
