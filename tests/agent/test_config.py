"""What the agent is told, by whom, and what enrolling does with it."""

from __future__ import annotations

import io
import sys
from contextlib import closing
from pathlib import Path

import pytest

from compliance.agent import config as configs
from compliance.agent.config import Given, gather
from compliance.agent.identity import Identity, mint, read, write
from compliance.agent.spool import Spool
from compliance.agent.transport import Transport, TryLater
from compliance.errors import ComplianceError, Refused, WrongUsage
from tests.agent.laidout import URL, Agent, Server, process

KEY = "cmk_" + "k" * 43


def toml(folder: Path, text: str) -> Path:
    path = folder / "agent.toml"
    path.write_text(text)
    return path


def remember(folder: Path, server: str = "https://remembered", **members) -> Identity:
    known = Identity(**{"id": mint().id, "token": mint().token, "server": server} | members)
    write(folder, known)
    return known


def test_the_flag_wins_over_the_environment_over_the_file_over_what_was_remembered(
    folder: Path, monkeypatch: pytest.MonkeyPatch
):
    remember(folder)
    told = []

    def look(**flags) -> None:
        given = gather(folder, **flags)
        told.append((given.server, given.sources["server"]))

    look()
    toml(folder, 'server = "https://file"')
    look()
    monkeypatch.setenv("URL_API", "https://brief")
    look()
    monkeypatch.setenv("COMPLIANCE_SERVER", "https://environment")
    look()
    look(server="https://flag")
    assert told == [
        ("https://remembered", "the enrollment"),
        ("https://file", str(folder / "agent.toml")),
        ("https://brief", "URL_API"),
        ("https://environment", "COMPLIANCE_SERVER"),
        ("https://flag", "--server"),
    ]


def test_nothing_was_said_at_all(folder: Path):
    given = gather(folder)
    assert (given.server, given.ca, given.insecure, given.interval, given.enrollment_key()) == (
        None,
        None,
        False,
        60,
        None,
    )
    with pytest.raises(WrongUsage, match="No server is known: `compliance agent enroll --server URL --key-file FILE`"):
        configs.connect(given)


def test_an_address_is_the_same_with_and_without_a_slash_at_its_end(folder: Path):
    assert gather(folder, server=" https://flag:8443/ ").server == "https://flag:8443"


def test_what_was_remembered_of_one_server_does_not_hold_for_another(folder: Path, tmp_path: Path):
    remember(folder, "http://old.example", ca="/old.pem", insecure=True)
    same, other = gather(folder), gather(folder, server="http://new.example")
    assert (same.ca, same.insecure) == ("/old.pem", True)
    assert (other.ca, other.insecure) == (None, False)
    with pytest.raises(WrongUsage, match="in the clear"):
        configs.connect(other)


def test_an_identity_that_was_never_enrolled_remembers_no_server(folder: Path):
    write(folder, mint())
    assert gather(folder).server is None


def test_the_authority_is_kept_so_that_it_is_found_from_anywhere(
    folder: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
):
    monkeypatch.chdir(tmp_path)
    assert gather(folder, ca=Path("ca.pem")).ca == str(tmp_path / "ca.pem")
    monkeypatch.setenv("COMPLIANCE_CA", "other.pem")
    assert gather(folder).ca == str(tmp_path / "other.pem")


def test_a_file_that_is_named_takes_the_place_of_the_usual_one(folder: Path, tmp_path: Path):
    toml(folder, 'server = "https://usual"')
    named = tmp_path / "named.toml"
    named.write_text("interval = 30")
    given = gather(folder, config=named)
    assert (given.server, given.interval) == (None, 30)
    with pytest.raises(WrongUsage, match=r"There is no file .*missing\.toml"):
        gather(folder, config=tmp_path / "missing.toml")


@pytest.mark.parametrize(
    ("text", "complaint"),
    [
        ("server = 1", r"agent\.toml: server has to be of type str, not int\."),
        ("interval = true", r"agent\.toml: interval has to be of type int, not bool\."),
        ('insecure = "no"', r"agent\.toml: insecure has to be of type bool, not str\."),
        ('sever = "x"', r"agent\.toml: there is no setting 'sever'; did you mean 'server'\?"),
        ("[agent]", r"agent\.toml: there is no setting 'agent'; known are ca, insecure, interval, key_file, server\."),
        ("server\n", r"agent\.toml is not TOML: .*line 1"),
        ('\n\nserver = "\n', r"agent\.toml is not TOML: .*line 3"),
        ("interval = 0", r"agent\.toml: interval has to be from 1 to 86400 seconds, not 0\."),
        ("interval = 86401", r"agent\.toml: interval has to be from 1 to 86400 seconds, not 86401\."),
        ('server = "compliance.example"', r"agent\.toml holds is no server's address: it is a URL such as https://"),
    ],
)
def test_a_mistake_in_the_file_is_told_with_its_place(folder: Path, text: str, complaint: str):
    toml(folder, text)
    with pytest.raises(WrongUsage, match=complaint):
        gather(folder)


def test_a_key_comes_from_the_flag_a_file_standard_input_or_the_environment(
    folder: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
):
    (tmp_path / "key").write_text(f"  {KEY}\n\n")
    monkeypatch.setattr(sys, "stdin", io.StringIO(f"{KEY}\n"))
    assert gather(folder, key=KEY).enrollment_key() == KEY
    assert gather(folder, key_file=str(tmp_path / "key")).enrollment_key() == KEY
    assert gather(folder, key_file="-").enrollment_key() == KEY
    monkeypatch.setenv("COMPLIANCE_KEY", KEY)
    assert gather(folder).enrollment_key() == KEY
    with pytest.raises(WrongUsage, match="Give --key or --key-file, not both"):
        gather(folder, key=KEY, key_file="-")


def test_the_key_of_the_brief_counts_only_beside_its_address(folder: Path, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setenv("TOKEN", "somebody-elses")
    monkeypatch.setenv("COMPLIANCE_SERVER", "https://x")
    assert gather(folder).enrollment_key() is None
    monkeypatch.setenv("URL_API", "https://x")
    assert gather(folder).enrollment_key() == "somebody-elses"
    monkeypatch.setenv("COMPLIANCE_KEY", "ours")
    assert gather(folder).enrollment_key() == "ours"


def test_a_key_file_of_the_settings_is_read_only_when_a_key_is_needed(folder: Path, tmp_path: Path):
    toml(folder, f'key_file = "{tmp_path / "enroll.key"}"')
    given = gather(folder)  # the file is gone, as it may be once the host is enrolled
    with pytest.raises(WrongUsage, match=r"Cannot read the key from .*enroll\.key \(No such file or directory\)"):
        given.enrollment_key()
    (tmp_path / "enroll.key").write_text(KEY)
    assert given.enrollment_key() == KEY


def test_a_secret_over_plain_http_to_another_machine_has_to_be_allowed(folder: Path, monkeypatch: pytest.MonkeyPatch):
    with pytest.raises(
        WrongUsage, match=r"http://far\.example would carry secrets in the clear: use https, or say --insec"
    ):
        configs.connect(gather(folder, server="http://far.example"))
    for given in (
        gather(folder, server="http://far.example", insecure=True),
        gather(folder, server="http://[::1]:8080"),
    ):
        configs.connect(given).close()
    monkeypatch.setenv("COMPLIANCE_INSECURE", "1")
    configs.connect(gather(folder, server="http://far.example")).close()


def test_the_file_wins_over_a_remembered_leave_and_the_environment_over_the_file(
    folder: Path, monkeypatch: pytest.MonkeyPatch
):
    remember(folder, "http://far.example", insecure=True)
    assert gather(folder).insecure
    toml(folder, "insecure = false")
    assert not gather(folder).insecure
    toml(folder, "insecure = true")
    assert gather(folder).insecure
    monkeypatch.setenv("COMPLIANCE_INSECURE", "0")
    assert not gather(folder).insecure
    assert gather(folder, insecure=True).insecure


def test_a_gateways_key_that_is_none_is_not_shown(folder: Path, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setenv("COMPLIANCE_GATEWAY_KEY", "secret\nx: y")
    with pytest.raises(WrongUsage) as error:
        configs.connect(gather(folder, server="https://x"))
    assert str(error.value) == "What COMPLIANCE_GATEWAY_KEY holds is no key: it has characters that a key never has."


def enroll(folder: Path, server: Server, url: str = URL, anew: bool = False) -> Identity:
    return configs.enroll(Given(folder, url, server.enroll_key), Transport(server.http), anew)


def hosts(server: Server) -> list[str]:
    return [identity for (identity,) in server.ask("SELECT identity FROM host ORDER BY id")]


def test_enrolling_makes_the_host_known_and_saying_it_again_changes_nothing(both: Server, folder: Path):
    first = enroll(folder, both)
    assert read(folder) == first
    assert (first.server, first.ca, first.insecure) == (URL, None, False)
    assert enroll(folder, both) == first
    assert hosts(both) == [first.id]


def test_a_cut_connection_enrolls_the_same_host_when_it_is_tried_again(folder: Path, server: Server):
    with server.cut(), pytest.raises(TryLater):
        enroll(folder, server)
    kept = read(folder)
    assert kept
    assert kept.server is None
    assert hosts(server) == [kept.id]
    assert enroll(folder, server).id == kept.id
    assert hosts(server) == [kept.id]


def test_what_was_looked_at_before_the_host_could_be_enrolled_is_sent_then(folder: Path, server: Server):
    with server.dead(), pytest.raises(TryLater):
        enroll(folder, server)
    agent = Agent.__new__(Agent)
    agent.folder, agent.cap, agent.transport, agent.taken_at = folder, 10**6, Transport(server.http), 0
    kept = read(folder)
    assert kept
    agent.identity = kept
    agent.take(processes=[process(1)])
    agent.identity = enroll(folder, server)
    assert [one.outcome for one in agent.drain()] == ["applied"]
    assert server.processes() == {(1, 7, "sh")}


def test_enrolling_without_a_key_says_how_to_give_one_and_makes_nothing(folder: Path, server: Server):
    with pytest.raises(WrongUsage, match="Enrolling needs an enrollment key: --key-file FILE, `-` for standard input"):
        configs.enroll(Given(folder, URL), Transport(server.http))
    assert list(folder.iterdir()) == []


def test_a_new_identity_leaves_what_was_said_under_the_old_one(agent: Agent, server: Server):
    agent.send(processes=[process(1)])
    agent.take(processes=[process(2)])
    old = agent.identity
    agent.identity = enroll(agent.folder, server, anew=True)
    assert hosts(server) == [old.id, agent.identity.id]
    assert agent.waiting() == 0
    assert agent.send(processes=[process(3)]) == ["applied"]
    assert server.processes() == {(1, 7, "sh"), (3, 7, "sh")}


def test_a_new_identity_whose_connection_was_cut_is_the_same_one_when_it_is_tried_again(agent: Agent, server: Server):
    agent.send(processes=[process(1)])
    agent.take(processes=[process(2)])
    with server.cut(), pytest.raises(TryLater):
        enroll(agent.folder, server, anew=True)
    assert read(agent.folder) == agent.identity
    assert agent.waiting() == 1
    new = enroll(agent.folder, server, anew=True)
    assert hosts(server) == [agent.identity.id, new.id]
    assert read(agent.folder) == new


def test_moved_to_another_server_a_host_keeps_who_it_is_and_tells_all_that_waits(agent: Agent, server: Server):
    agent.send(processes=[process(1), process(2)])
    agent.take(processes=[process(2), process(3)])
    with server.store.session() as db:  # the other server: one that has never heard of this host
        for table in ("process", "host_token", "host_contact", "gap", "host_boot", "blind_spot", "host"):
            db.execute(f"DELETE FROM {table}", [])
    moved = enroll(agent.folder, server, "http://127.0.0.1:2")
    with agent.spool() as spool:
        assert spool.note("last") is spool.note("accepted_at") is None  # by this one
    assert (moved.id, moved.token, moved.server) == (agent.identity.id, agent.identity.token, "http://127.0.0.1:2")
    assert [one.outcome for one in agent.drain()] == ["applied"]
    assert server.processes() == {(2, 7, "sh"), (3, 7, "sh")}


def test_a_refused_key_leaves_the_old_enrollment_as_it_was(agent: Agent, server: Server):
    with pytest.raises(Refused, match="This key is not known here"):
        configs.enroll(Given(agent.folder, "http://127.0.0.1:2", KEY), agent.transport)
    assert read(agent.folder) == agent.identity


@pytest.mark.parametrize("key", ["", "cmk_short", KEY])
def test_no_refusal_shows_the_key(folder: Path, server: Server, key: str):
    with pytest.raises(ComplianceError) as error:
        configs.enroll(Given(folder, URL, key or None), Transport(server.http))
    assert not key or key not in str(error.value)


def test_a_lost_identity_does_not_send_what_another_one_had_seen(agent: Agent, server: Server):
    agent.take(processes=[process(1)])
    (agent.folder / "identity.json").unlink()
    enroll(agent.folder, server)
    with closing(Spool(agent.folder)) as spool:
        assert (spool.waiting(), spool.said()) == (0, {})
