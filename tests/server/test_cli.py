"""`compliance server ...`, typed: each with --database, on both stores."""

import json
import os
import signal
import socket
import subprocess
import sys
import time
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from compliance.errors import WrongUsage
from compliance.server.cli import expiry_ms
from tests.server.storage.test_tls import Authority
from tests.shell import Shell

NOW = datetime(2027, 1, 1, 12, tzinfo=UTC)
DAY = 86_400_000


@pytest.fixture
def database(database_url: str) -> tuple[str, str]:
    return ("--database", database_url)


def key(shell: Shell, role: str, *database: str, name: str = "") -> str:
    shown = shell("server", "keys", "create", "--role", role, "--name", name or role, "-o", "json", *database)
    return str(json.loads(shown.out)["key"])


def table(shell: Shell, *arguments: str) -> list[dict[str, object]]:
    rows: list[dict[str, object]] = json.loads(shell(*arguments, "-o", "json").out)
    return rows


def enrolled(shell: Shell, url: str, *database: str) -> str:
    """The name of a host that reported once."""
    shell("agent", "enroll", "--server", url, COMPLIANCE_KEY=key(shell, "enroll", *database, name="in"))
    shell("agent", "send", "host", "cpu")
    return socket.gethostname()


# --- run


def test_run_serves_until_sigterm_and_ends_with_0(shell: Shell, database):
    running, url = shell.server(*database)
    reading = key(shell, "read", *database)
    assert "No host" in shell("report", "hosts", "--server", url, COMPLIANCE_KEY=reading).err
    shown = running.end(signal.SIGTERM)
    assert shown.code == 0
    assert shown.err.count("\n") == 1, "a server that has nothing to complain about says one line"
    shell("report", "hosts", "--server", url, code=3, COMPLIANCE_KEY=reading)


def test_run_ends_with_0_on_ctrl_c_too(shell: Shell):
    running, _ = shell.server()
    shown = running.end(signal.SIGINT)
    assert (shown.code, shown.err.count("\n")) == (0, 1)


def test_run_says_where_it_listens_and_what_it_keeps_without_the_password(shell: Shell, mysql_url):
    # MariaDB's root has no password here; a URL that names one is refused by it, and the sentence does not repeat it.
    wrong = mysql_url.replace("root@", "root:hunter2@")
    shown = shell("server", "run", "--port", "0", "--database", wrong, code=4)
    assert "hunter2" not in shown.out + shown.err
    running, _ = shell.server("--database", mysql_url)
    assert f"keeping {mysql_url.partition('?')[0]}. Ctrl-C ends it." in running.err


def test_several_workers_share_a_port_and_a_database(shell: Shell, database):
    running, url = shell.server("--workers", "2", *database)
    reading = key(shell, "read", *database)
    host = enrolled(shell, url, *database)
    for _ in range(4):
        shown = shell("report", "hosts", "--server", url, "-o", "json", COMPLIANCE_KEY=reading)
        assert [row["hostname"] for row in json.loads(shown.out)["items"]] == [host]
    workers = children(running.process.pid)
    assert len(workers) >= 2
    shown = running.end(signal.SIGTERM)
    assert (shown.code, shown.err.count("\n")) == (0, 1)
    until = time.monotonic() + 60  # Python's own helper process leaves when it notices that the others left
    while any(alive(pid) for pid in workers):
        assert time.monotonic() < until
        time.sleep(0.02)


def test_ctrl_c_reaches_every_worker_and_nobody_complains(shell: Shell):
    # A terminal sends it to all of them at once.
    running, _ = shell.server("--workers", "2")
    key(shell, "read")
    for pid in children(running.process.pid):
        os.kill(pid, signal.SIGINT)
    shown = running.end(signal.SIGINT)
    assert (shown.code, shown.err.count("\n")) == (0, 1)


def children(pid: int) -> list[int]:
    listed = subprocess.run(["ps", "-o", "pid=", "--ppid", str(pid)], capture_output=True, text=True, check=False)
    return [int(word) for word in listed.stdout.split()]


def alive(pid: int) -> bool:
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return False
    return True


@pytest.fixture
def authority(tmp_path) -> Authority:
    return Authority(tmp_path, "authority")


def test_tls_with_a_private_authority_from_enrollment_to_report(shell: Shell, database, authority):
    cert = authority.issue("localhost")
    _, url = shell.server(
        *database, "--tls-cert", str(cert), "--tls-key", str(cert.with_suffix(".key")), "--host", "localhost"
    )
    assert url.startswith("https://127.0.0.1:")
    url = url.replace("127.0.0.1", "localhost")
    secrets: dict[str, Any] = {"COMPLIANCE_KEY": key(shell, "enroll", *database)}
    shown = shell("agent", "enroll", "--server", url, code=3, **secrets)
    assert "--ca" in shown.err
    shell("agent", "enroll", "--server", url, "--ca", str(authority.ca), **secrets)
    assert "applied" in shell("agent", "send", "--all").out, "the authority is remembered"
    reading: dict[str, Any] = {"COMPLIANCE_KEY": key(shell, "read", *database)}
    assert "--ca" in shell("report", "hosts", "--server", url, code=3, **reading).err
    assert socket.gethostname() in shell("report", "hosts", "--server", url, "--ca", str(authority.ca), **reading).out


@pytest.mark.parametrize("lacking", ["--tls-cert", "--tls-key"])
def test_half_a_certificate_is_wrong_usage(shell: Shell, authority, lacking):
    cert = authority.issue("localhost")
    given = {"--tls-cert": str(cert), "--tls-key": str(cert.with_suffix(".key"))}
    del given[lacking]
    (option,) = given.items()
    assert "both --tls-cert and --tls-key" in shell("server", "run", *option, code=2).err


def test_a_certificate_that_cannot_be_used_is_wrong_usage(shell: Shell, authority, tmp_path):
    cert, other = authority.issue("localhost"), authority.issue("other")
    text = tmp_path / "text.pem"
    text.write_text("no certificate")

    def complaint(cert, key) -> str:
        shown = shell("server", "run", "--port", "0", "--tls-cert", str(cert), "--tls-key", str(key), code=2)
        assert shown.err.startswith("Error: ")
        return shown.err

    assert "There is no file" in complaint(tmp_path / "none.pem", cert.with_suffix(".key"))
    assert "belong together" in complaint(text, cert.with_suffix(".key"))
    assert "belong together" in complaint(cert, text)
    assert "belong together" in complaint(cert, other.with_suffix(".key"))


def test_another_address_without_tls_needs_insecure(shell: Shell):
    refused = shell("server", "run", "--host", "0.0.0.0", "--port", "0", code=2)
    assert "give --tls-cert and --tls-key" in refused.err
    assert "--insecure (COMPLIANCE_INSECURE=1)" in refused.err
    assert not (shell.state / "compliance.db").exists()
    for arguments, environment in ((("--insecure",), {}), ((), {"COMPLIANCE_INSECURE": "1"})):
        running, url = shell.server("--host", "0.0.0.0", *arguments, **environment)
        assert url.startswith("http://0.0.0.0:")
        running.end()


def test_a_port_that_is_taken_is_said(shell: Shell, machine, database):
    _, url = shell.server(*database)
    port = url.rpartition(":")[2]
    shown = machine("another")("server", "run", "--port", port, code=1)
    assert shown.err == f"Error: 127.0.0.1:{port} is taken: end what listens there, or choose another --port.\n"


def test_a_port_of_root_and_an_address_of_another_machine_are_said(shell: Shell):
    shown = shell("server", "run", "--host", "192.0.2.77", "--port", "0", "--insecure", code=1)
    assert "--host is an address of this machine" in shown.err


@pytest.mark.parametrize(
    ("arguments", "sentence"),
    [
        (("--port", "65536"), "no port 65536"),
        (("--port", "-1"), "no port -1"),
        (("--workers", "0"), "--workers"),
        (("--database", "postgres://x"), "The database URL must be one of"),
        (("--database", "sqlite://x.db"), "three slashes"),
        (("--config", "nothing.toml"), "There is no file nothing.toml"),
    ],
)
def test_what_makes_no_sense_is_wrong_usage(shell: Shell, arguments, sentence):
    assert sentence in shell("server", "run", *arguments, code=2).err


def test_settings_come_from_a_file_and_flags_win(shell: Shell, database_url, tmp_path):
    file = tmp_path / "server.toml"
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
    file.write_text(f'database = "{database_url}"\nport = {port}\nworkers = 2\ninsecure = true\nhost = "0.0.0.0"\n')
    running = shell.start("server", "run", "--config", str(file))
    assert running.said(r"Listening on (\S+?),") == f"http://0.0.0.0:{port}"
    running.end()
    running, url = shell.server("--config", str(file), "--host", "127.0.0.1")
    assert url.startswith("http://127.0.0.1:")
    made = shell("server", "keys", "create", "--role", "read", "--name", "me", "--config", str(file)).out.strip()
    assert "No host" in shell("report", "hosts", "--server", url, COMPLIANCE_KEY=made).err


def test_the_file_in_the_state_folder_is_taken_by_itself(shell: Shell, tmp_path):
    shell.state.mkdir(mode=0o700)
    (shell.state / "server.toml").write_text(f'database = "sqlite:///{tmp_path}/elsewhere.db"\n')
    running, _ = shell.server()
    assert "elsewhere.db" in running.err
    assert (tmp_path / "elsewhere.db").exists()
    (shell.state / "server.toml").write_text('databse = "x"\n')
    assert "did you mean 'database'?" in shell("server", "run", code=2).err


def test_the_environment_names_the_database_and_a_flag_wins(shell: Shell, database_url, tmp_path):
    made = shell("server", "keys", "create", "--role", "read", "--name", "me", COMPLIANCE_DATABASE=database_url).out
    assert [row["name"] for row in table(shell, "server", "keys", "list", "--database", database_url)] == ["me"]
    flag = ("--database", f"sqlite:///{tmp_path}/other.db")
    assert shell("server", "keys", "list", *flag, "-o", "json", COMPLIANCE_DATABASE=database_url).out == "[]\n"
    assert made.startswith("cmk_")


def test_without_a_word_it_is_sqlite_in_the_state_folder(shell: Shell):
    shell("server", "migrate")
    assert (shell.state / "compliance.db").stat().st_mode & 0o777 == 0o600


# --- migrate


def test_migrate_makes_the_tables_and_then_has_nothing_to_do(shell: Shell, database):
    assert shell("server", "migrate", *database).err.startswith("Migrated: ")
    assert shell("server", "migrate", *database).err == "The tables are up to date.\n"


def test_migrate_waits_for_nobody_and_leaves_a_running_server_alone(shell: Shell, database):
    running, url = shell.server(*database)
    assert shell("server", "migrate", *database).err == "The tables are up to date.\n"
    enrolled(shell, url, *database)
    assert running.process.poll() is None


# --- keys


def test_a_key_is_printed_once_for_a_program_and_for_a_person(shell: Shell, database):
    shown = shell("server", "keys", "create", "--role", "read", "--name", "a", "-o", "json", *database)
    (made,) = json.loads(shown.out).items()
    assert (made[0], shown.err) == ("key", "")
    assert len(made[1]) == 47
    person = shell("server", "keys", "create", "--role", "enroll", "--name", "b", *database)
    assert person.out.startswith("cmk_")
    assert person.out.count("\n") == 1, "stdout is the key alone: `> enroll.key` is a key file"
    assert "shown this once" in person.err
    listed = shell("server", "keys", "list", *database)
    assert made[1] not in listed.out + listed.err


def test_keys_are_listed_with_their_roles_and_ends(shell: Shell, database):
    assert shell("server", "keys", "list", *database).err.startswith("There is no key yet: `compliance server keys cre")
    for role, ends in (("enroll", "90d"), ("ingest", "12h"), ("read", "2099-01-31"), ("admin", None)):
        expires = () if ends is None else ("--expires", ends)
        shell("server", "keys", "create", "--role", role, "--name", f"the {role} key", *expires, *database)
    rows = table(shell, "server", "keys", "list", *database)
    assert [(row["name"], row["role"]) for row in rows] == [
        (f"the {role} key", role) for role in ("enroll", "ingest", "read", "admin")
    ]
    made = [int(str(row["created_at"])) for row in rows]
    # An end is counted from the moment of asking, a little before the key is made.
    assert abs(int(str(rows[0]["expires_at"])) - made[0] - 90 * DAY) < 60_000
    assert abs(int(str(rows[1]["expires_at"])) - made[1] - DAY // 2) < 60_000
    assert rows[2]["expires_at"] == 4073500800000
    assert rows[3]["expires_at"] is None
    text = shell("server", "keys", "list", *database).out
    assert "2099-01-31 00:00:00 UTC" in text
    assert shell("server", "keys", "list", "-o", "csv", *database).out.splitlines()[0] == (
        "id,name,role,created_at,expires_at,revoked_at"
    )


def test_a_name_in_use_is_refused_until_its_key_is_revoked(shell: Shell, database):
    first = key(shell, "read", *database, name="me")
    shown = shell("server", "keys", "create", "--role", "read", "--name", "me", *database, code=2)
    assert "in use" in shown.err
    shell("server", "keys", "revoke", "me", *database)
    assert key(shell, "read", *database, name="me") != first


def test_a_revoked_key_opens_nothing(shell: Shell, database):
    made = key(shell, "read", *database, name="me")
    shell("server", "keys", "revoke", "me", *database)
    _, url = shell.server(*database)
    shown = shell("report", "hosts", "--server", url, COMPLIANCE_KEY=made, code=4)
    assert shown.err == "Error: The key 'me' was revoked: ask for a new one.\n"
    assert "No key 'me' is in use" in shell("server", "keys", "revoke", "me", *database, code=1).err


def test_a_key_is_revoked_by_its_number_too(shell: Shell, database):
    key(shell, "read", *database, name="me")
    (row,) = table(shell, "server", "keys", "list", *database)
    shell("server", "keys", "revoke", str(row["id"]), *database)
    (row,) = table(shell, "server", "keys", "list", *database)
    assert row["revoked_at"] is not None


@pytest.mark.parametrize(
    ("arguments", "sentence"),
    [
        (("--role", "root", "--name", "a"), "'root' is not one of"),
        (("--role", "read"), "--name"),
        (("--name", "a"), "--role"),
        (("--role", "read", "--name", "a", "--expires", "soon"), "write 90d, 12h or a date"),
        (("--role", "read", "--name", "a", "--expires", "2001-01-01"), "is past"),
        (("--role", "read", "--name", "a" * 256), "255"),
        (("--role", "read", "--name", ""), "name"),
    ],
)
def test_a_key_that_makes_no_sense_is_wrong_usage(shell: Shell, database, arguments, sentence):
    assert sentence in shell("server", "keys", "create", *arguments, *database, code=2).err


@pytest.mark.parametrize(
    ("text", "moment"),
    [
        ("90d", NOW + timedelta(days=90)),
        ("12h", NOW + timedelta(hours=12)),
        ("2027-01-31", datetime(2027, 1, 31, tzinfo=UTC)),
        ("2027-01-31T10:00:00+01:00", datetime(2027, 1, 31, 9, tzinfo=UTC)),
        ("2027-01-01 12:00:00.001", NOW + timedelta(milliseconds=1)),
    ],
)
def test_the_forms_of_an_end(text, moment):
    assert expiry_ms(text, NOW) == round(moment.timestamp() * 1000)


@pytest.mark.parametrize(
    "text", ["", "d", "0d", "-1d", "1w", "tomorrow", "2027-01-01", "99999999d", "9" * 30 + "d", "²d"]
)
def test_what_is_no_end_or_a_past_one_is_wrong_usage(text):
    with pytest.raises(WrongUsage):
        expiry_ms(text, NOW)


# --- hosts


def test_a_retired_host_is_refused_and_stays_readable(shell: Shell, database):
    _, url = shell.server(*database)
    name = enrolled(shell, url, *database)
    reading: dict[str, Any] = {"COMPLIANCE_KEY": key(shell, "read", *database), "COMPLIANCE_SERVER": url}
    shown = shell("server", "hosts", "retire", name, *database)
    assert shown.err == f"{name} is retired; its history stays readable.\n"
    assert json.loads(shell("report", "hosts", "-o", "json", **reading).out)["items"] == []
    (host,) = json.loads(shell("report", "hosts", "--state", "retired", "-o", "json", **reading).out)["items"]
    assert (host["hostname"], host["state"]) == (name, "retired")
    assert "Retired" in shell("report", "host", name, **reading).out
    # The server may know the token for some seconds yet: a fresh one does not.
    _, other = shell.server(*database)
    refused = shell("agent", "send", "cpu", COMPLIANCE_SERVER=other, code=4)
    assert "`compliance agent enroll --anew`" in refused.err
    assert json.loads(shell("agent", "status", "-o", "json").out)["waiting"] == 1


def test_a_host_that_nobody_refused_cannot_be_released(shell: Shell, database):
    _, url = shell.server(*database)
    name = enrolled(shell, url, *database)
    assert "nothing to release" in shell("server", "hosts", "release", name, *database, code=4).err


@pytest.mark.parametrize("verb", ["retire", "release"])
def test_a_host_that_nobody_knows_is_said(shell: Shell, database, verb):
    shown = shell("server", "hosts", verb, "nobody", *database, code=1)
    assert shown.err == "Error: No host 'nobody' is known: `compliance report hosts` lists them.\n"


# --- prune


def test_prune_says_what_went_and_from_when_on_history_is_kept(shell: Shell, database):
    _, url = shell.server(*database)
    enrolled(shell, url, *database)
    shown = shell("server", "prune", "--older-than", "400", *database)
    kept = datetime.now(UTC) - timedelta(days=400)
    assert shown.err.startswith("Pruned: nothing was that old. History is kept from ")
    assert shown.err.partition("kept from ")[2][:10] in {f"{kept - timedelta(days=1):%F}", f"{kept:%F}"}


@pytest.mark.parametrize("arguments", [(), ("--older-than", "0"), ("--older-than", "soon")])
def test_prune_has_to_be_told_how_many_days(shell: Shell, arguments):
    assert "--older-than" in shell("server", "prune", *arguments, code=2).err


@pytest.mark.skipif(sys.platform == "win32", reason="a signal that Windows does not have")
def test_a_server_that_is_killed_leaves_nothing_in_the_way(shell: Shell, database):
    running, url = shell.server(*database)
    name = enrolled(shell, url, *database)
    running.process.kill()
    running.process.wait()
    _, again = shell.server("--port", url.rpartition(":")[2], *database)
    assert again == url
    reading: dict[str, Any] = {"COMPLIANCE_KEY": key(shell, "read", *database)}
    assert name in shell("report", "hosts", "--server", url, **reading).out
