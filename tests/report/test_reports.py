"""Each report as a person or a program reads it, over a real socket."""

import csv
import io
import json

import msgspec
import pytest
from rich.text import Text

from compliance.wire.answers import HostAnswer, HostDetail, Page, ProcessAnswer
from tests.report import fleet
from tests.report.conftest import KEY
from tests.report.fleet import DAY, HOUR, MINUTE, NOW

LONG = "java " + "-Dsome.property=value " * 20
EVERY = {
    "hosts": ("hosts", fleet.host()),
    "processes": ("processes", fleet.process(arguments=LONG)),
    "sessions": ("sessions", fleet.session()),
    "cpu": ("cpu", fleet.sample()),
}


def plain(out: str) -> str:
    return Text.from_ansi(out).plain


def test_hosts_are_shown_with_their_state_and_the_age_of_what_is_said(canned, report):
    silent = fleet.host(id=fleet.DB, hostname="db-1", state="silent", seen_at=NOW - 2 * HOUR, cpu_percent=None)
    canned.answer("hosts", fleet.page(fleet.host(), silent))
    code, out, err = report("hosts")
    lines = out.splitlines()
    assert code == 0
    assert " ".join(lines[1].split()) == "web-1 reporting 3 min ago Debian GNU/Linux 13 10.0.0.7 83 2 12.5% 0.1.0"
    assert "silent     2 h ago" in lines[2]
    assert err == "2 hosts: 1 reporting, 1 silent\n"
    assert canned.keys == [f"Bearer {KEY}"]


@pytest.mark.parametrize(
    ("said", "colour"), [("reporting", "32"), ("silent", "1;31"), ("once", "33"), ("never", "33"), ("retired", "2")]
)
def test_a_state_has_its_colour_on_a_terminal_and_none_in_a_pipe(canned, report, terminal, said, colour):
    canned.answer("hosts", fleet.page(fleet.host(state=said)))
    assert "\x1b" not in report("hosts")[1]
    terminal(120)
    assert f"\x1b[{colour}m{said}" in report("hosts")[1]


@pytest.mark.parametrize("width", [80, 120])
@pytest.mark.parametrize("name", EVERY)
def test_a_row_is_one_line_however_narrow_the_terminal(canned, report, terminal, name, width):
    path, row = EVERY[name]
    canned.answer(path, fleet.page(row))
    terminal(width)
    lines = plain(report(name)[1]).splitlines()
    assert len(lines) == 3
    assert max(map(len, lines)) <= width
    assert "web-1" in lines[2]


def test_a_pipe_gets_the_whole_command_line(canned, report):
    canned.answer("processes", fleet.page(fleet.process(arguments=LONG)))
    assert LONG.rstrip() in report("processes")[1]


def test_an_ended_process_shows_when_it_ended(canned, report):
    canned.answer("processes", fleet.page(fleet.process(ended_at=NOW - 5 * MINUTE)))
    out = report("processes", "--since", "1d")[1]
    assert "Ended" in out
    assert "5 min ago" in out
    canned.answer("processes", fleet.page(fleet.process()))
    assert "Ended" not in report("processes")[1]


def test_a_session_shows_who_came_from_where_and_when(canned, report):
    canned.answer("sessions", fleet.page(fleet.session()))
    assert " ".join(report("sessions")[1].splitlines()[1].split()) == "web-1 alice pts/0 192.0.2.9 20 min ago"


def test_an_hour_of_which_the_mean_was_kept_shows_its_highest_sample(canned, report):
    canned.answer("cpu", fleet.page(fleet.sample()))
    assert "Most" not in report("cpu")[1]
    canned.answer("cpu", fleet.page(fleet.sample(samples=60, percent_max=99.5)))
    head, row = report("cpu")[1].splitlines()
    assert {"Most", "Samples"} <= set(head.split())
    assert {"42.2%", "99.5%", "60", "1.50", "1.25", "-"} <= set(row.split())


def test_what_was_not_seen_stands_beneath_the_table(canned, report):
    canned.answer("processes", fleet.page(fleet.process(), unknown=(fleet.unknown(),)))
    out = report("processes")[1].splitlines()
    assert out[-1] == "  web-1: processes unknown since 13:51 UTC: no report for 12 min"


def test_an_empty_table_of_a_host_that_was_not_seen_is_no_proof(canned, report):
    canned.answer("sessions", fleet.page(unknown=(fleet.unknown("sessions"),)))
    code, out, err = report("sessions")
    assert code == 0
    assert "web-1: sessions unknown since 13:51 UTC" in out
    assert err.startswith("No open session was seen:")


def test_without_a_host_the_next_command_is_told(canned, report):
    canned.answer("hosts", fleet.page())
    code, out, err = report("hosts")
    assert (code, out) == (0, "")
    assert "compliance server keys create --role enroll" in err
    assert f"compliance agent enroll --server {canned.url} --key-file FILE" in err


@pytest.mark.parametrize(
    ("arguments", "path", "sentence"),
    [
        (("hosts", "--state", "silent"), "hosts", "No host matches: `compliance report hosts`"),
        (("hosts", "--at", "2020-01-01"), "hosts", "No host was known at that moment"),
        (("processes",), "processes", "No process is known: `compliance report hosts`"),
        (("processes", "--user", "eve"), "processes", "No process matches: leave out a filter"),
        (("sessions",), "sessions", "Nobody has a session open: --since 1d"),
        (("sessions", "--user", "eve"), "sessions", "Nobody has a session open that matches: --since 1d"),
        (("cpu",), "cpu", "No CPU sample is kept for that: `compliance agent send cpu`"),
    ],
)
def test_an_empty_answer_says_what_to_do(canned, report, arguments, path, sentence):
    canned.answer(path, fleet.page())
    code, out, err = report(*arguments)
    assert (code, out) == (0, "")
    assert err.startswith(sentence)


def test_a_moment_in_the_past_is_named_and_ages_are_counted_from_it(canned, report):
    canned.answer("hosts", fleet.page(fleet.host()))
    out = report("hosts", "--at", "2026-11-24T14:03:00Z")[1]
    assert out.startswith("Hosts as of 2026-11-24 14:03:00 UTC\n")
    assert "3 min earlier" in out
    assert canned.asked[0][1]["at"] == str(NOW)


def test_filters_go_to_the_server_as_they_are(canned, report):
    canned.answer("processes", fleet.page(fleet.process()))
    report("processes", "--host", "web-1", "--name", "nginx", "--user", "www-data", "--limit", "7")
    assert canned.asked == [
        ("processes", {"host": "web-1", "name": "nginx", "user": "www-data", "limit": "7"}),
    ]


def test_all_follows_the_cursor_and_says_once_what_was_not_seen(canned, report):
    pages = [
        fleet.page(fleet.process(pid=1), next="c1", unknown=(fleet.unknown(),)),
        fleet.page(fleet.process(pid=2), next="c2", unknown=(fleet.unknown(),)),
        fleet.page(fleet.process(pid=3)),
    ]
    canned.answer("processes", *pages)
    out = report("processes", "--all")[1]
    assert [query.get("cursor") for _, query in canned.asked] == [None, "c1", "c2"]
    assert [line.split()[1] for line in out.splitlines()[1:4]] == ["1", "2", "3"]
    assert out.count("processes unknown") == 1


def test_a_limit_ends_the_list_and_says_that_there_is_more(canned, report):
    canned.answer("processes", fleet.page(fleet.process(pid=1), next="c1"), fleet.page(fleet.process(pid=2), next="c2"))
    err = report("processes", "--limit", "2")[2]
    assert [query["limit"] for _, query in canned.asked] == ["2", "1"]
    assert err == "These are the first 2: --limit N shows more, --all shows the rest.\n"


def test_json_is_the_page_as_the_api_answers_it(canned, report):
    page = fleet.page(fleet.process(), unknown=(fleet.unknown(),))
    canned.answer("processes", page)
    code, out, err = report("processes", "-o", "json")
    assert (code, err) == (0, "")
    assert msgspec.json.decode(out.encode(), type=Page[ProcessAnswer]) == page


def test_csv_has_every_member_and_warns_of_what_was_not_seen(canned, report):
    canned.answer("hosts", fleet.page(fleet.host(), unknown=(fleet.unknown(),)))
    _, out, err = report("hosts", "-o", "csv")
    (row,) = csv.DictReader(io.StringIO(out))
    assert tuple(row) == HostAnswer.__struct_fields__
    assert (row["hostname"], row["seen_at"]) == ("web-1", str(NOW - 3 * MINUTE))
    assert err == "Warning: web-1: processes unknown since 13:51 UTC: no report for 12 min\n"


def one_host(canned, **changes) -> None:
    canned.answer("hosts/web-1", fleet.detail(**changes))
    rows = [fleet.process(pid=pid, name=name) for pid, name in enumerate(["nginx", "nginx", "php"], start=10)]
    canned.answer("processes", fleet.page(*rows, fleet.process(pid=1, user="root", name="systemd")))
    canned.answer("sessions", fleet.page(fleet.session()))


def test_a_host_is_shown_with_its_addresses_sessions_and_processes_by_user(canned, report):
    one_host(canned)
    code, out, _ = report("host", "web-1")
    words = [" ".join(line.split()) for line in out.splitlines()]
    assert code == 0
    assert "State reporting, last heard 3 min ago" in words
    assert "Booted 2026-11-21 14:03:00 UTC (3 days ago)" in words
    assert "10.0.0.7 eth0 primary 1 day ago" in words
    assert "alice pts/0 192.0.2.9 20 min ago" in words
    assert words[words.index("Processes: 4") + 2 :] == ["www-data 3 nginx ×2, php", "root 1 systemd"]
    assert "Clock" not in out
    assert "Not seen" not in out
    same = {"host": fleet.WEB, "at": str(NOW), "limit": "500"}
    assert canned.asked[1:] == [("processes", same), ("sessions", same)]


def test_a_host_in_trouble_says_so_and_what_to_do(canned, report):
    gap = fleet.unknown("cpu", since=NOW - 2 * DAY, until=NOW - 2 * DAY + HOUR, reason="no report")
    lasting = fleet.unknown()
    one_host(
        canned,
        refused_at=NOW - HOUR,
        skew_ms=-90_000,
        corrections=1,
        blind=[fleet.blind()],
        unknown=[lasting],
        gaps=[lasting, gap],
    )
    out = report("host", "web-1")[1]
    assert "two machines speak with one token" in out
    assert "`compliance server hosts release web-1`" in out
    assert "1 min behind the server's" in out
    assert "1 row that a whole look found to be wrong" in out
    assert "processes: 12 fields not seen: no privilege to read exe" in out
    assert out.count("processes unknown since 13:51 UTC") == 1
    assert "web-1: cpu unknown from 2026-11-22 14:03 UTC to 2026-11-22 15:03 UTC: no report\n" in out


def test_a_host_of_which_nothing_is_known_yet_says_none(canned, report):
    canned.answer("hosts/new", fleet.detail(host=fleet.host(state="never", seen_at=None), addresses=[], booted_at=None))
    canned.answer("processes", fleet.page())
    canned.answer("sessions", fleet.page())
    out = report("host", "new")[1]
    assert "never, never heard" in out
    assert "Addresses: none known" in out
    assert "Sessions: none seen open" in out
    assert "Processes: 0: none seen" in out


def test_a_host_as_json_is_the_apis_own_answer_and_one_request(canned, report):
    one_host(canned)
    out = report("host", "web-1", "-o", "json")[1]
    assert msgspec.json.decode(out.encode(), type=HostDetail) == fleet.detail()
    assert [path for path, _ in canned.asked] == ["hosts/web-1"]
    assert json.loads(out)["host"]["hostname"] == "web-1"


def test_what_a_host_calls_itself_cannot_command_the_terminal(canned, report, terminal):
    evil = "web\x1b]0;owned\x07"
    canned.answer("hosts/evil", fleet.detail(host=fleet.host(hostname=evil), machine_id="\x1b[2J", blind=[]))
    canned.answer("processes", fleet.page(fleet.process(user=evil, name="\x1b[2J")))
    canned.answer("sessions", fleet.page(fleet.session(user=evil)))
    canned.answer("hosts", fleet.page(fleet.host(hostname=evil), unknown=(fleet.unknown(hostname=evil),)))
    terminal(120)
    for arguments in (("host", "evil"), ("hosts",)):
        out = report(*arguments)[1]
        assert "\\x1b" in out
        assert [part for part in ("\x1b]0", "\x1b[2J", "\x07") if part in out] == []


def test_a_host_that_never_told_its_name_is_called_by_the_start_of_its_id(canned, report):
    canned.answer("hosts", fleet.page(fleet.host(hostname=None)))
    assert report("hosts")[1].splitlines()[1].startswith("a1a1a1a1a1a1 ")
