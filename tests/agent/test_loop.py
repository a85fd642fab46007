"""The chain between an agent and a real server: whatever breaks on the way, the server ends with the right rows."""

from __future__ import annotations

import copy
import shutil
import sqlite3
import subprocess
from contextlib import closing
from pathlib import Path

import httpx
import pytest

from compliance.agent import config as configs
from compliance.agent import loop
from compliance.agent.config import Given
from compliance.agent.identity import mint
from compliance.agent.loop import drain, look, report_of
from compliance.agent.spool import Spool
from compliance.agent.transport import Transport, make_client
from compliance.errors import Refused, Unreachable
from compliance.server.storage.engine import Store, open_store
from compliance.wire.codec import compress, encode
from compliance.wire.facts import LAST_MOMENT
from compliance.wire.messages import Change, Failed, Receipt, Whole
from tests.agent.canned import Answer, Canned
from tests.agent.laidout import MINUTE, NOON, Agent, Server, process, serving, session, snapshot

DAY = 1440 * MINUTE


def test_what_starts_and_ends_on_the_host_starts_and_ends_on_the_server(both: Server, folder: Path):
    agent = Agent(folder, both)
    assert agent.send(processes=[process(1), process(2)], sessions=[session("ana")]) == ["applied"]
    assert agent.send(processes=[process(1, "bash"), process(3)], sessions=[]) == ["applied"]
    assert both.processes() == agent.accepted() == {(1, 7, "bash"), (3, 7, "sh")}
    assert both.sessions() == set()
    assert both.gaps() == []


def test_a_report_of_a_host_on_which_nothing_happened_is_small_and_holds_no_row(agent: Agent, server: Server):
    rows = [process(pid, arguments=f"sleep {pid}") for pid in range(300)]
    agent.send(processes=rows, sessions=[session("ana")], addresses=[], host=[], os=[])
    report = agent.take(interval=60, processes=rows, sessions=[session("ana")], addresses=[], host=[], os=[])
    assert isinstance(report.sections.processes, Change)
    assert (report.sections.processes.started, report.sections.processes.ended) == ((), ())
    assert len(compress(encode(report))[0]) < 1000


def test_a_backlog_is_sent_in_order_and_each_report_once(agent: Agent, server: Server):
    taken = [agent.take(processes=[process(1), process(pid)]) for pid in range(2, 7)]
    with server.dead(), pytest.raises(Unreachable):
        agent.drain()
    assert agent.waiting() == 5
    assert [one.report_id for one in agent.drain()] == [report.id for report in taken]
    assert agent.waiting() == 0
    assert server.processes() == {(1, 7, "sh"), (6, 7, "sh")}
    seen = server.ask("SELECT pid, first_seen_at FROM process WHERE pid > 1 ORDER BY first_seen_at")
    assert [pid for pid, _ in seen] == [2, 3, 4, 5, 6]
    assert len({moment for _, moment in seen}) == 5


def test_each_try_says_anew_when_it_was_sent_and_not_when_it_was_taken(agent: Agent, server: Server):
    report = agent.take(processes=[process(1)])
    for _ in range(2):
        agent.taken_at += 5_000
        with server.dead(), pytest.raises(Unreachable):
            agent.drain()
    agent.taken_at += 2_000
    agent.drain()
    assert [(heard.taken_at, heard.sent_at - heard.taken_at) for heard in server.heard] == [(report.taken_at, 12_000)]


def test_a_report_whose_receipt_was_lost_is_a_repeat_and_changes_nothing(agent: Agent, server: Server):
    agent.send(processes=[process(1)])
    agent.take(processes=[process(1), process(2)])
    with server.cut(), pytest.raises(Unreachable):
        agent.drain()
    assert server.processes() == {(1, 7, "sh"), (2, 7, "sh")}
    revision = server.ask("SELECT revision FROM host_contact")
    agent.take(processes=[process(2)])
    assert [one.outcome for one in agent.drain()] == ["repeat", "applied"]
    assert server.processes() == agent.accepted() == {(2, 7, "sh")}
    assert server.ask("SELECT revision FROM host_contact") == [(revision[0][0] + 1,)]


def test_what_is_wanted_is_the_same_report_made_whole(agent: Agent, server: Server):
    agent.send(processes=[process(1), process(2)], sessions=[session("ana")])
    before = server.last()
    report = agent.take(processes=[process(2), process(3)], sessions=[session("ana")])
    # As after a restore from a backup: of the processes it knows another state, and another last report.
    with server.store.session() as db:
        db.execute("UPDATE host_contact SET processes_state = NULL, report_id = NULL, recent = ?", [b""])
    assert [one.outcome for one in agent.drain()] == ["applied"]
    first, second = server.heard[-2:]
    assert (first.after, second.after) == (before, None)
    assert (second.id, second.taken_at) == (report.id, report.taken_at)
    assert second.sections.sessions == first.sections.sessions == report.sections.sessions
    assert isinstance(second.sections.processes, Whole)
    assert [row.pid for row in second.sections.processes.rows] == [2, 3]
    assert server.processes() == agent.accepted() == {(2, 7, "sh"), (3, 7, "sh")}


def test_a_server_restored_from_an_older_backup_is_told_what_it_lacks(
    folder: Path, sqlite_store: Store, tmp_path: Path
):
    url = f"sqlite:///{tmp_path / 'compliance.db'}"
    with serving(url, sqlite_store) as server:
        agent = Agent(folder, server)
        agent.send(processes=[process(1), process(2)], sessions=[session("ana")])
        _copy(tmp_path / "compliance.db", tmp_path / "backup.db")
        agent.send(processes=[process(2, "vi"), process(3)], sessions=[session("ana"), session("bob")])
        agent.send(processes=[process(2, "vi"), process(3), process(4)], sessions=[session("bob")])
    _copy(tmp_path / "backup.db", tmp_path / "compliance.db")
    with serving(url, sqlite_store) as server:
        assert server.processes() == {(1, 7, "sh"), (2, 7, "sh")}
        agent.transport = Transport(server.http)
        agent.take(processes=[process(3), process(4)], sessions=[session("bob")])
        agent.take(processes=[process(4), process(5)], sessions=[])
        assert [one.outcome for one in agent.drain()] == ["applied", "applied"]
        assert server.processes() == agent.accepted() == {(4, 7, "sh"), (5, 7, "sh")}
        assert server.sessions() == set()


def _copy(source: Path, target: Path) -> None:
    """With SQLite's own means, as docs/operations.md says."""
    with closing(sqlite3.connect(source)) as old, closing(sqlite3.connect(target)) as new:
        old.backup(new)


def test_an_agent_set_back_to_an_older_disk_goes_on_from_what_the_server_has(agent: Agent, server: Server, tmp_path):
    agent.send(processes=[process(1)])
    agent.take(processes=[process(1), process(2)])
    _copy(agent.folder / "agent.db", tmp_path / "old-disk.db")
    agent.drain()
    agent.send(processes=[process(3)])
    _copy(tmp_path / "old-disk.db", agent.folder / "agent.db")
    agent.take(processes=[process(4)])
    assert [one.outcome for one in agent.drain()] == ["repeat", "applied"]
    assert server.processes() == agent.accepted() == {(4, 7, "sh")}


def test_a_server_that_lost_everything_refuses_the_token_and_gets_all_of_it_once_the_host_is_enrolled(
    agent: Agent, sqlite_template: Path, tmp_path: Path
):
    agent.send(processes=[process(1), process(2)])
    agent.take(processes=[process(2), process(3)])
    _copy(sqlite_template, tmp_path / "empty.db")
    url = f"sqlite:///{tmp_path / 'empty.db'}"
    with closing(open_store(url)) as store, serving(url, store) as empty:
        agent.transport = Transport(empty.http)
        with pytest.raises(Refused, match="not known here: enroll it"):
            agent.drain()
        assert agent.waiting() == 1
        configs.enroll(Given(agent.folder, agent.given.server, empty.enroll_key), agent.transport)
        assert [one.outcome for one in agent.drain()] == ["applied"]
        assert empty.processes() == {(2, 7, "sh"), (3, 7, "sh")}


def test_reports_dropped_from_a_full_spool_are_told_and_the_next_goes_whole(server: Server, folder: Path):
    agent = Agent(folder, server, cap=2_000)
    agent.send(processes=[process(1)], sessions=[session("ana")])
    looks = [[process(pid, arguments="a" * 300), process(1)] for pid in range(2, 12)]
    taken = [agent.take(processes=rows, sessions=[session("ana")]) for rows in looks]
    left = agent.waiting()
    assert 0 < left < 10
    assert [one.outcome for one in agent.drain()] == ["applied"] * left
    assert [heard.id for heard in server.heard if heard.id != server.heard[0].id][-left:] == [
        report.id for report in taken[-left:]
    ]
    told = [heard.dropped for heard in server.heard if heard.dropped]
    assert {(dropped.reports, dropped.reason) for dropped in told} == {(10 - left, "the spool was full")}
    assert server.heard[-left].dropped  # the first of those left, and only that
    assert isinstance(server.heard[-left].sections.processes, Whole)
    assert len(server.heard) == 1 + left  # nobody had to ask for it
    assert server.gaps() == [f"{10 - left} reports were lost: the spool was full"]
    assert server.processes() == agent.accepted() == {(11, 7, "sh"), (1, 7, "sh")}
    assert agent.send(processes=[process(1)], sessions=[session("ana")]) == ["applied"]
    assert not server.heard[-1].dropped


def test_a_report_that_the_server_finds_malformed_is_set_aside_and_the_next_one_says_so(agent: Agent, server: Server):
    agent.send(processes=[process(1)])
    twice = agent.take(processes=[process(1), process(4), process(5, ticks=1), process(5, ticks=2)])
    agent.take(processes=[process(1), process(4), process(6)])
    sent = agent.drain()
    assert [one.outcome for one in sent] == ["set aside", "applied"]
    assert sent[0].note == "processes.started[2].pid: it comes twice in one report"
    assert [path.stem for path in (agent.folder / "rejected").iterdir()] == [twice.id]
    assert server.processes() == agent.accepted() == {(1, 7, "sh"), (4, 7, "sh"), (6, 7, "sh")}
    assert server.gaps() == ["1 reports were lost: the server refused one: " + sent[0].note]
    with agent.spool() as spool:
        assert spool.untold()[0] == 0


@pytest.mark.parametrize("status", [401, 403, 404, 409, 302, 429, 500, 503, 418])
def test_what_says_nothing_about_the_report_itself_keeps_it(canned: Canned, folder: Path, status: int):
    canned.answers = [Answer(status, b"no")]
    with closing(Spool(folder)) as spool, closing(make_client(canned.url)) as client:
        for pid in (1, 2):
            spool.add(report_of(snapshot(NOON + pid, processes=[process(pid)]), spool, "0" * 32))
        with pytest.raises((Unreachable, Refused)):
            drain(spool, Transport(client), mint(), [])
        assert spool.waiting() == 2
    assert len(canned.asked) == 1


def test_a_server_that_takes_too_long_keeps_the_report_too(canned: Canned, folder: Path):
    canned.answers = [Answer(body=None)]
    with closing(Spool(folder)) as spool, closing(make_client(canned.url)) as client:
        client.timeout = httpx.Timeout(0.2)
        report = report_of(snapshot(processes=[process(1)]), spool, "0" * 32)
        spool.add(report)
        with pytest.raises(Unreachable, match="did not answer in time"):
            drain(spool, Transport(client), mint(), [])
        assert spool.first() == report


def test_two_machines_with_one_identity_are_refused_and_lose_nothing(agent: Agent, server: Server, tmp_path: Path):
    """A disk that was copied after its agent had enrolled: both go on from there, each with its own boot."""
    agent.send(processes=[process(1)])
    shutil.copytree(agent.folder, tmp_path / "clone")
    clone = copy.copy(agent)
    clone.folder = tmp_path / "clone"
    for number in range(2, 4):
        agent.take(processes=[process(number)])
        clone.take("boot-of-the-clone", processes=[process(number, "vi")])
    with pytest.raises(Refused, match="Two machines report with this host's identity") as error:
        for _ in range(3):
            agent.drain()
            clone.drain()
            agent.take(processes=[process(9)])
            clone.take("boot-of-the-clone", processes=[process(9, "vi")])
    assert "agent enroll --anew" in str(error.value)
    for machine in (agent, clone):
        kept = machine.waiting()
        with pytest.raises(Refused):
            machine.drain()
        assert machine.waiting() == kept
    assert clone.waiting()


def test_a_server_that_wants_the_same_again_and_again_is_left_alone_after_three_tries(canned: Canned, folder: Path):
    canned.answers = [Answer(body=encode(Receipt(outcome="wanted", wanted=("processes",))))]
    with closing(Spool(folder)) as spool, closing(make_client(canned.url)) as client:
        spool.add(report_of(snapshot(processes=[process(1)]), spool, "0" * 32))
        with pytest.raises(Unreachable, match="keeps asking for the same report"):
            drain(spool, Transport(client), mint(), [])
        assert spool.waiting() == 1
    assert len(canned.asked) == 3


def test_a_damaged_report_on_disk_blocks_nothing_and_what_depended_on_it_is_a_failed_look(agent: Agent, server: Server):
    agent.send(processes=[process(1)], sessions=[session("ana")])
    agent.take(processes=[process(1), process(2)], sessions=[session("ana")])
    agent.take(processes=[process(1), process(2), process(3)], sessions=[session("ana")])
    with closing(sqlite3.connect(agent.folder / "agent.db")) as db, db:
        db.execute("UPDATE waiting SET body = ? WHERE place = (SELECT MIN(place) FROM waiting)", [b'{"id": "\xff'])
    assert [one.outcome for one in agent.drain()] == ["applied"]
    # Of the second look's processes nobody can say from where they changed; that is told, and not guessed.
    assert isinstance(server.heard[-1].sections.processes, Failed)
    assert server.heard[-1].dropped
    assert server.heard[-1].dropped.reason == "a report on disk was damaged"
    assert server.processes() == {(1, 7, "sh")}
    assert (agent.folder / "rejected").is_dir()
    assert agent.send(processes=[process(2), process(3)], sessions=[session("ana")]) == ["applied"]
    assert isinstance(server.heard[-1].sections.processes, Whole)
    assert server.processes() == agent.accepted() == {(2, 7, "sh"), (3, 7, "sh")}


def test_a_failed_look_changes_no_row_and_the_next_one_is_a_change_again(agent: Agent, server: Server):
    agent.send(processes=[process(1), process(2)])
    agent.send(processes=Failed(reason="Not today."))
    assert server.processes() == {(1, 7, "sh"), (2, 7, "sh")}
    report = agent.take(processes=[process(2)])
    assert isinstance(report.sections.processes, Change)
    assert report.sections.processes.ended == ((1, 7),)
    agent.drain()
    assert server.processes() == {(2, 7, "sh")}
    assert server.gaps() == ["Not today."]


def test_each_kind_goes_whole_once_a_day_whenever_it_is_looked_at(agent: Agent, server: Server):
    def form(report: object, kind: str) -> str:
        return type(getattr(report.sections, kind)).__name__  # type: ignore[attr-defined]

    agent.take(processes=[process(1)], sessions=[session("ana")])
    agent.taken_at += DAY
    report = agent.take(processes=[process(1)])
    assert form(report, "processes") == "Whole"
    report = agent.take(processes=[process(1)], sessions=[session("ana")])
    assert (form(report, "processes"), form(report, "sessions")) == ("Change", "Whole")
    agent.taken_at += DAY
    agent.take(processes=Failed(reason="Not now."))
    assert form(agent.take(processes=[process(1)]), "processes") == "Whole"
    assert set(agent.send(processes=[process(1)])) == {"applied"}
    assert server.corrections() == 0


def test_what_happens_in_between_does_not_put_the_daily_whole_off(agent: Agent):
    forms = []
    for number in range(4 * 24):
        agent.taken_at += 60 * MINUTE
        forms.append(type(agent.take(processes=[process(number)]).sections.processes))
    assert [4, 5].count(forms.count(Whole)) == 1


def test_the_hour_of_the_whole_reports_is_spread_over_the_hosts():
    def hours(number: int) -> int:
        return next(hour for hour in range(24) if loop._day_of_whole(f"{number:032x}", hour * 60 * MINUTE) == 0)

    assert {hours(number) for number in range(400)} == set(range(24))


def test_rows_that_went_wrong_on_the_server_are_corrected_by_the_daily_whole(agent: Agent, server: Server):
    agent.send(processes=[process(1), process(2)])
    with server.store.session() as db:
        db.execute("DELETE FROM process WHERE pid = 2", [])
    agent.taken_at += DAY
    agent.send(processes=[process(1), process(2)])
    assert server.processes() == {(1, 7, "sh"), (2, 7, "sh")}
    assert server.corrections() == 1


def test_a_new_boot_says_everything_anew(agent: Agent, server: Server):
    agent.send(processes=[process(1), process(2)], sessions=[session("ana")])
    report = agent.take("boot-2", processes=[process(1, ticks=9)])
    assert isinstance(report.sections.processes, Whole)
    agent.drain()
    assert server.processes() == agent.accepted() == {(1, 9, "sh")}
    assert server.sessions() == set()
    assert isinstance(agent.take("boot-2", processes=[process(1, ticks=9)]).sections.processes, Change)
    assert isinstance(agent.take("boot-2", sessions=[]).sections.sessions, Whole)


@pytest.mark.parametrize("clock", [-5, 0, LAST_MOMENT + 1, 10**15])
def test_a_clock_outside_of_all_years_loses_no_report(agent: Agent, server: Server, clock: int):
    agent.taken_at = clock
    assert agent.send(processes=[process(1)]) == ["applied"]
    agent.taken_at = NOON
    assert agent.send(processes=[process(2)]) == ["applied"]
    assert server.processes() == {(2, 7, "sh")}


def test_separate_runs_remember_the_processes_that_they_read(folder: Path):
    """The parent that was first seen stays, though another one has taken its place: nothing happened to the child."""
    script = "sleep 600 & echo $!; read line"
    with (
        closing(Spool(folder)) as spool,
        subprocess.Popen(
            ["sh", "-c", script], stdin=subprocess.PIPE, stdout=subprocess.PIPE, encoding="ascii"
        ) as shell,
    ):
        assert shell.stdin
        assert shell.stdout
        child = int(shell.stdout.readline())
        try:
            seen, _ = look(spool, ["processes"])
            spool.add(report_of(seen, spool, "0" * 32))
            shell.stdin.close()
            shell.wait()
            later, _ = look(spool, ["processes"])
            report = report_of(later, spool, "0" * 32)
        finally:
            subprocess.run(["kill", str(child)], check=True)
    assert isinstance(report.sections.processes, Change)
    assert child not in {row.pid for row in report.sections.processes.started}
    assert (shell.pid, "sh") not in {(row.pid, row.name) for row in report.sections.processes.started}
