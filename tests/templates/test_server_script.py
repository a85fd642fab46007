"""The user data of a server, run to its end: what CloudFormation is told, what is written, who can read it."""

import json
import shutil
import subprocess
import tomllib
from pathlib import Path

import pytest

from compliance.server.options import SETTINGS
from compliance.server.storage.url import MysqlURL, parse_url
from tests.templates.machine import KNOWN, Machine, fill, needs_root, script_of
from tests.templates.reading import IMAGE

pytestmark = needs_root
HEAD, BODY = script_of("server")
SCRIPT = fill(HEAD, KNOWN) + BODY
PASSWORD = "p@ss/w:rd#%\"'é{x}"
SECRETS = {
    KNOWN["DatabaseSecret"]: json.dumps({"username": "compliance", "password": PASSWORD}),
    KNOWN["IngestKey"]: "IngestKeyOfFortyEightLettersAndDigits0123456789ab",
    KNOWN["EnrollKey"]: "EnrollKeyOfFortyEightLettersAndDigits0123456789ab",
}


@pytest.fixture
def machine(tmp_path: Path) -> Machine:
    made = Machine(tmp_path)
    for arn, value in SECRETS.items():
        made.keep(arn, value)
    return made


def signals(machine: Machine) -> list[str]:
    return machine.called("cfn-signal")


def test_a_server_that_becomes_ready_is_told_once(machine):
    done = machine.run(SCRIPT)
    assert (done.returncode, done.stderr) == (0, "")
    assert signals(machine) == [
        "cfn-signal --exit-code 0 --stack compliance-prod-server --resource ServerFleet --region eu-west-1"
    ]
    order = [
        "dnf install",
        "docker pull",
        "enable --now compliance.service",
        "/health/ready",
        "agent-ctl",
        "cfn-signal",
    ]
    places = [machine.calls.index(machine.called(words)[0]) for words in order]
    assert places == sorted(places)


def test_the_image_is_pulled_by_its_digest_and_the_token_is_not_left_behind(machine):
    machine.run(SCRIPT)
    assert machine.called("docker pull") == [f"docker pull --quiet {IMAGE}"]
    assert machine.called("docker login") == [f"docker login --username AWS --password-stdin {IMAGE.partition('/')[0]}"]
    assert machine.read("/state/login") == "a-token-of-ecr\n"
    assert not (machine.root / "run/compliance-pull").exists()


def test_no_secret_is_in_a_command_line_or_on_the_disk(machine):
    done = machine.run(SCRIPT)
    told = "\n".join([done.stdout, done.stderr, *machine.calls])
    written = machine.written()
    assert len(written) > 5
    for value in (PASSWORD, *SECRETS.values(), "a-token-of-ecr"):
        assert value not in told
        assert [path for path in written if value.encode() in path.read_bytes()] == []


def test_the_server_is_given_what_it_takes_and_only_its_user_can_read_it(machine):
    machine.run(SCRIPT)
    folder = machine.root / "run/compliance"
    assert (folder.stat().st_uid, folder.stat().st_mode & 0o777) == (10001, 0o500)
    assert {path.name for path in folder.iterdir()} == {"server.toml", "ingest.key", "enroll.key"}
    assert {(path.stat().st_uid, path.stat().st_mode & 0o777) for path in folder.iterdir()} == {(10001, 0o400)}
    told = tomllib.loads(machine.read("/run/compliance/server.toml"))
    assert {key: type(value) for key, value in told.items()} == {key: SETTINGS[key] for key in told}
    url = parse_url(told["database"])
    assert isinstance(url, MysqlURL)
    assert (url.user, url.password, url.ssl_ca, url.ssl_verify) == ("compliance", PASSWORD, "rds", "identity")
    assert url.place == "db.abc.eu-west-1.rds.amazonaws.com:3306/compliance"
    assert machine.read(told["ingest_key_file"]).strip() == SECRETS[KNOWN["IngestKey"]]
    assert machine.read(told["enroll_key_file"]).strip() == SECRETS[KNOWN["EnrollKey"]]
    assert (told["port"], told["insecure"]) == (8080, True)


@pytest.mark.parametrize(
    ("command", "words", "step"),
    [
        ("dnf", "install", "installing packages"),
        ("systemctl", "docker", "starting docker"),
        ("aws", "get-login-password", f"pulling {IMAGE}"),
        ("docker", "pull", f"pulling {IMAGE}"),
        ("aws", "get-secret-value", "starting the server"),
        ("curl", "/health/ready", "waiting for /health/ready"),
        ("amazon-cloudwatch-agent-ctl", "fetch-config", "starting the CloudWatch agent"),
    ],
)
def test_a_step_that_fails_is_told_at_once_by_its_name(machine, command, words, step):
    machine.fail(command, words)
    assert machine.run(SCRIPT).returncode == 1
    (signal,) = signals(machine)
    reason = f"This failed: {step}. Error: the database is not there"
    assert signal.startswith(f"cfn-signal --exit-code 1 --reason {reason} --stack compliance-prod-server")


def test_health_is_waited_for(machine):
    machine.fail("curl", "/health/ready", times=7)
    assert machine.run(SCRIPT).returncode == 0
    assert len(machine.called("/health/ready")) == 8
    assert "--exit-code 0" in signals(machine)[0]


def test_health_is_waited_for_not_for_ever(machine):
    machine.fail("curl", "/health/ready")
    machine.run(SCRIPT)
    assert len(machine.called("curl ")) == 60
    assert len(machine.called("sleep 5")) == 59


def test_an_instance_that_was_added_between_deployments_is_none_the_worse(machine):
    machine.fail("cfn-signal", "--exit-code")
    assert machine.run(SCRIPT).returncode == 0


def test_a_secret_that_changed_restarts_the_server_and_one_that_did_not_lets_it_run(machine):
    machine.run(SCRIPT)
    machine.forget()
    assert machine.command("compliance-secrets --restart").returncode == 0
    assert machine.called("systemctl") == []
    machine.keep(KNOWN["DatabaseSecret"], json.dumps({"username": "compliance", "password": "the next one"}))
    assert machine.command("compliance-secrets --restart").returncode == 0
    assert machine.called("systemctl") == ["systemctl try-restart compliance.service"]
    assert "the%20next%20one@db" in machine.read("/run/compliance/server.toml")
    assert [path.name for path in (machine.root / "run").iterdir()] == ["compliance"]


def test_secrets_that_cannot_be_read_leave_what_the_server_has(machine):
    machine.run(SCRIPT)
    before = machine.read("/run/compliance/server.toml")
    machine.fail("aws", "get-secret-value")
    assert machine.command("compliance-secrets --restart").returncode != 0
    assert machine.read("/run/compliance/server.toml") == before
    assert [path.name for path in (machine.root / "run").iterdir()] == ["compliance"]


def test_what_is_left_behind_is_valid(machine):
    machine.run(SCRIPT)
    json.loads(machine.read("/opt/aws/amazon-cloudwatch-agent/etc/amazon-cloudwatch-agent.json"))
    check_units(machine)


def check_units(machine: Machine) -> None:
    """`systemd-analyze verify` exits 0 on a key that it does not know: whatever it says is a mistake."""
    if shutil.which("systemd-analyze") is None:
        pytest.skip("needs systemd-analyze")
    folder = machine.root / "etc/systemd/system"
    # They are verified where their programs are not: the names of those are checked by running the script.
    for unit in folder.iterdir():
        text = unit.read_text().replace("/usr/local/sbin/", "/usr/bin/env ").replace("/usr/bin/docker", "/usr/bin/env")
        unit.write_text(text.replace("Requires=docker.service\n", ""))
    units = [str(path) for path in sorted(folder.iterdir())]
    done = subprocess.run(["systemd-analyze", "verify", "--man=no", *units], capture_output=True, text=True, timeout=60)
    said = [line for line in done.stderr.splitlines() if "compliance" in line]
    assert (done.returncode, said) == (0, [])
