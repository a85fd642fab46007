"""The fleet, a host a line."""

from compliance.console import QUIET, Column, Format, percent, say
from compliance.report.pages import show_page
from compliance.report.words import Moment, busy_style, counted, state_style
from compliance.wire.answers import HostAnswer, Page

EMPTY = (
    "No host has enrolled yet. Make a key for new hosts with `compliance server keys create --role enroll --name all`, "
    "then run on each: `compliance agent enroll --server {url} --key-file FILE && compliance agent send --all`"
)


def show_hosts(page: Page[HostAnswer], format: Format, moment: Moment, *, url: str, filtered: bool) -> None:
    empty = EMPTY.format(url=url)
    if moment.past:
        empty = "No host was known at that moment: try a later --at."
    if filtered:
        empty = "No host matches: `compliance report hosts` shows them all."
    show_page(page, HostAnswer, _columns(moment), format, moment, what="Hosts", empty=empty)
    if format is Format.table and page.items and page.next is None:
        say(_sum(page.items))


def _columns(moment: Moment) -> tuple[Column, ...]:
    return (
        Column("hostname", "Host", style="bold", min_width=14),
        Column("state", "State", style=state_style, min_width=9),
        Column("seen_at", "Last heard", format=moment.age, min_width=11),
        Column("os_name", "OS", droppable=1),
        Column("os_version", "Version", droppable=2),
        Column("address", "Address", droppable=3),
        Column("processes", "Processes", justify="right", droppable=4),
        Column("sessions", "Sessions", justify="right", droppable=5),
        Column("cpu_percent", "CPU", justify="right", format=percent, style=busy_style, droppable=6),
        Column("agent", "Agent", style=QUIET, droppable=7),
    )


def _sum(hosts: list[HostAnswer]) -> str:
    """`3 hosts: 2 reporting, 1 silent`."""
    states: dict[str, int] = {}
    for host in hosts:
        states[host.state] = states.get(host.state, 0) + 1
    return f"{counted(len(hosts), 'host', 'hosts')}: {', '.join(f'{count} {state}' for state, count in states.items())}"
