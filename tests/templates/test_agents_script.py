"""What Systems Manager runs on a tagged instance: with `sh`, any number of times, on systems that lack this or that."""

import re
from pathlib import Path

import pytest

from tests.templates.machine import KNOWN, Machine, fill, needs_root, script_of
from tests.templates.reading import IMAGE, template

pytestmark = needs_root
HEAD, BODY = script_of("agents")
ENROLL, GATEWAY = (
    "EnrollKeyOfFortyEightLettersAndDigits0123456789ab",
    "GatewayKeyOfFortyEightLettersAndDigits0123456789",
)


def script(**other: str) -> str:
    return fill(HEAD, {**KNOWN, **other}) + BODY


@pytest.fixture
def machine(tmp_path: Path) -> Machine:
    made = Machine(tmp_path)
    made.keep(KNOWN["EnrollKeySecret"], ENROLL)
    made.keep(KNOWN["GatewayKeySecret"], GATEWAY)
    (made.state / "certificate").write_text("-----BEGIN CERTIFICATE-----\n")
    return made


def run(machine: Machine, **other: str) -> str:
    machine.forget()
    done = machine.run(script(**other), "/bin/sh")
    assert done.returncode == 0, done.stderr
    return done.stdout


def test_an_agent_is_enrolled_and_runs(machine):
    run(machine)
    (enrolled, started) = machine.called("docker run")
    assert f"{IMAGE} agent enroll --key-file -" in enrolled
    assert machine.read("/state/enrolled-with").strip() == ENROLL
    assert "--detach --name compliance-agent --restart unless-stopped" in started
    assert started.endswith(f"{IMAGE} agent run")
    assert machine.read("/etc/compliance/agent.env").splitlines() == [
        f"COMPLIANCE_SERVER={KNOWN['Url']}",
        f"COMPLIANCE_GATEWAY_KEY={GATEWAY}",
    ]
    assert (machine.root / "etc/compliance/agent.env").stat().st_mode & 0o777 == 0o600


def test_the_agent_looks_at_the_host_and_can_change_nothing_of_it(machine):
    run(machine)
    for call in machine.called("docker run"):
        assert {"--pid host", "--uts host", "--network host", "--read-only", "--cap-drop ALL"} <= {
            words
            for words in ("--pid host", "--uts host", "--network host", "--read-only", "--cap-drop ALL")
            if words in call
        }
        writable = [word for word in call.split() if word.startswith("/") and ":/" in word and not word.endswith(":ro")]
        assert writable == ["/var/lib/compliance:/var/lib/compliance"]
        assert "--env COMPLIANCE_HOST_ROOT=/host" in call


def test_no_key_is_in_a_command_line(machine):
    out = run(machine)
    told = "\n".join([out, *machine.calls])
    assert ENROLL not in told
    assert GATEWAY not in told


def test_once_more_changes_nothing(machine):
    run(machine)
    assert "runs" in run(machine)
    assert machine.called("docker run") == machine.called("docker rm") == []


def test_another_version_replaces_the_agent(machine):
    run(machine)
    newer = IMAGE.replace("5" * 64, "6" * 64)
    run(machine, ImageUri=newer)
    assert machine.called("docker rm") == ["docker rm --force compliance-agent"]
    assert machine.called("docker run")[-1].endswith(f"{newer} agent run")


def test_another_gateway_key_replaces_the_agent(machine):
    run(machine)
    machine.keep(KNOWN["GatewayKeySecret"], GATEWAY[::-1])
    run(machine)
    assert len(machine.called("docker run")) == 2
    assert GATEWAY[::-1] in machine.read("/etc/compliance/agent.env")


def test_a_server_with_a_certificate_of_its_own_is_trusted_by_it(machine):
    run(machine, GatewayKeySecret="", CertificateParameter="/compliance/dev/certificate", Url="https://203.0.113.7")
    assert machine.read("/etc/compliance/agent.env").splitlines() == [
        "COMPLIANCE_SERVER=https://203.0.113.7",
        "COMPLIANCE_CA=/etc/compliance/ca/server.pem",
    ]
    assert machine.read("/etc/compliance/ca/server.pem").startswith("-----BEGIN")
    assert all("/etc/compliance/ca:/etc/compliance/ca:ro" in call for call in machine.called("docker run"))


@pytest.mark.skipif(Path("/usr/bin/docker").exists(), reason="cannot be missing where the system has it")
def test_docker_is_installed_where_it_is_missing_and_where_it_cannot_be_nothing_starts(machine):
    docker = machine.root / "stand-ins/docker"
    away = docker.rename(docker.with_name("docker-of-the-package"))
    dnf = machine.root / "stand-ins/dnf"
    text = dnf.read_text()
    dnf.write_text(f"{text}\nmv /stand-ins/docker-of-the-package /stand-ins/docker\n")
    run(machine)
    assert machine.called("dnf") == ["dnf install --assumeyes --quiet docker"]
    docker.rename(away)
    dnf.unlink()
    apt = machine.root / "stand-ins/apt-get"
    apt.write_text("#!/bin/sh\nexit 1\n")
    apt.chmod(0o755)
    assert machine.run(script(), "/bin/sh").returncode != 0


def test_a_new_version_address_or_key_is_an_occasion_to_run_at_once():
    found = template("agents")["Resources"]
    (occasion,) = found["Association"]["Properties"]["Parameters"]["Occasion"]
    assert set(re.findall(r"\$\{(\w+)\}", occasion["Fn::Sub"])) == {
        "ImageUri",
        "Url",
        "EnrollKeySecret",
        "GatewayKeySecret",
    }
    assert found["Document"]["Properties"]["Content"]["parameters"].keys() == {"Occasion"}
    assert "{{" not in BODY, "Systems Manager would take it for a parameter"


@pytest.mark.parametrize(
    ("command", "words"),
    [("docker", "pull"), ("docker", "enroll"), ("aws", "get-secret-value"), ("aws", "get-login-password")],
)
def test_what_fails_fails_and_starts_no_agent(machine, command, words):
    machine.fail(command, words)
    assert machine.run(script(), "/bin/sh").returncode != 0
    assert machine.called("--detach") == []
