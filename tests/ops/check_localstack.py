"""`make aws-check`: replacements, failures and their reasons on LocalStack, whose engine is nearer to AWS's.

Outside `make test`, as LocalStack is large and wants a Python of its own: COMPLIANCE_LOCALSTACK names it. It resolves
secrets and undoes what failed; drift and termination protection it does not have.
"""

import json
import os
import subprocess
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import boto3
import pytest

from compliance.ops.aws import connect
from compliance.ops.deployer import Deployer
from compliance.ops.plan import Planner
from compliance.ops.rollout import Rollout
from compliance.ops.stacks import read_stacks
from tests.ops.aws import REGION, free_port, point_at, wait_for
from tests.ops.conftest import Said
from tests.ops.voices import Scripted

TEMPLATES = Path(__file__).parent / "localstack"
PYTHON = Path(os.environ.get("COMPLIANCE_LOCALSTACK", ".stamps/localstack/bin/python")).absolute()


@pytest.fixture
def url(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """One for each test, up in two seconds: what it calls a reset leaves the stacks."""
    folder, port = tmp_path_factory.mktemp("localstack"), free_port()
    environment = {name: value for name, value in os.environ.items() if not name.startswith("AWS_")} | {
        # Without hypercorn it would bind every address; the rest keeps it from asking the internet.
        "GATEWAY_SERVER": "hypercorn",
        "GATEWAY_LISTEN": f"127.0.0.1:{port}",
        "DNS_ADDRESS": "0",
        "DISABLE_EVENTS": "1",
        "SKIP_SSL_CERT_DOWNLOAD": "1",
        "LOCALSTACK_VOLUME_DIR": str(folder),
    }
    with (folder / "log").open("wb") as log:
        process = subprocess.Popen(
            [str(PYTHON), "-m", "localstack.runtime.main"], env=environment, cwd=folder, stdout=log, stderr=log
        )
    try:
        wait_for(f"http://127.0.0.1:{port}/_localstack/health", process, folder / "log")
        yield f"http://127.0.0.1:{port}"
    finally:
        # Asked politely, it takes more than half a minute.
        process.kill()
        process.wait()


@pytest.fixture
def run(url, monkeypatch, tmp_path, ops) -> Callable[..., Said]:
    point_at(url, monkeypatch, tmp_path)
    # A poll of AWS every three seconds is polite; here nobody else waits.
    monkeypatch.setattr("compliance.ops.deployer.LOOK_SECONDS", 0.3)
    return lambda command, *arguments: ops(command, "--stack", "cloud", *arguments, templates=TEMPLATES)


def value(name: str) -> str | None:
    ssm = boto3.client("ssm", region_name=REGION)
    found = ssm.get_parameters(Names=[name])["Parameters"]
    return found[0]["Value"] if found else None


def changes(said: Said) -> list[tuple[str, str]]:
    return [(row["act"], row["resource"]) for row in json.loads(said.out)]


def state(run: Callable[..., Said], template: str = "base") -> tuple[str, str | None]:
    rows = json.loads(run("status", "-o", "json").out)
    return next((row["state"], row["cloudformation"]) for row in rows if row["template"] == template)


def test_an_api_key_is_made_by_cloudformation_from_a_secret_that_aws_makes(run):
    said = run("deploy", "--yes")
    assert said.code == 0, said.err
    outputs = {row["name"]: row["value"] for row in json.loads(run("outputs", "-o", "json").out)}
    secrets, api = (boto3.client(name, region_name=REGION) for name in ("secretsmanager", "apigateway"))
    secret = secrets.get_secret_value(SecretId=outputs["SecretArn"])["SecretString"]
    assert len(secret) == 40
    assert api.get_api_key(apiKey=outputs["KeyId"], includeValue=True)["value"] == secret
    assert secret not in said.out + said.err


def test_the_same_again_is_nothing_to_do(run):
    run("deploy", "--yes")
    said = run("deploy")
    assert (said.code, "nothing to do" in said.err) == (0, True)


def test_another_value_is_a_change_in_place(run):
    run("deploy", "--yes")
    assert changes(run("plan", "--parameter", "Text=two", "-o", "json")) == [("change", "Words")]
    assert value("/compliance/here") == "one"
    assert run("deploy", "--yes", "--parameter", "Text=two").code == 0
    assert value("/compliance/here") == "two"


def test_another_name_is_a_replacement_and_where_data_is_wants_the_name_typed(run):
    run("deploy", "--yes")
    there = ("--parameter", "Place=/compliance/there")
    assert changes(run("plan", *there, "-o", "json")) == [("replace", "Words")]
    said = run("deploy", "--yes", *there)
    assert said.code == 1
    assert "This replaces or removes what holds data: base: Words (replace)." in said.err
    assert (value("/compliance/here"), value("/compliance/there")) == ("one", None)
    assert run("deploy", "--confirm", "cloud", *there).code == 0
    assert (value("/compliance/here"), value("/compliance/there")) == (None, "one")


def test_a_creation_that_fails_tells_why_and_what_it_left_is_removed(run):
    said = run("deploy", "--yes", "--parameter", "Broken=yes")
    assert said.code == 1
    assert "compliance-cloud-base failed at More (AWS::SSM::Parameter): " in said.err
    assert said.err.rstrip().endswith("`compliance ops deploy --stack cloud` goes on.")
    assert state(run) == ("failed", "ROLLBACK_COMPLETE")
    said = run("deploy", "--yes")
    assert "compliance-cloud-base is what a failed attempt left (ROLLBACK_COMPLETE: More: " in said.err
    if said.code != 0:
        # LocalStack may trip over a resource that its own rollback has deleted, and deletes the stack all the same.
        assert "Failed to delete resource" in said.err
        said = run("deploy", "--yes")
    assert said.code == 0, said.err
    assert state(run) == ("ready", "CREATE_COMPLETE")


def test_an_update_that_fails_tells_why_and_what_was_there_before_is_there(run):
    run("deploy", "--yes")
    said = run("deploy", "--yes", "--parameter", "Broken=yes")
    assert said.code == 1
    assert "compliance-cloud-base failed at More (AWS::SSM::Parameter): " in said.err
    assert state(run) == ("failed", "UPDATE_ROLLBACK_COMPLETE")
    # LocalStack undoes it in words only: it can take no further update, as AWS could.
    assert value("/compliance/here") == "one"


class Impatient(Scripted):
    """Presses Ctrl-C at the first thing that happens."""

    def watch(self, title, happening):
        next(happening)
        raise KeyboardInterrupt


def test_after_ctrl_c_the_same_command_goes_on(run):
    stack = read_stacks(TEMPLATES)["cloud"]

    def deploy(voice: Scripted) -> None:
        deployer = Deployer(connect().api("cloudformation"), lambda _: time.sleep(0.2))
        Rollout(Planner(stack, deployer, {}, REGION, "1"), deployer, voice).deploy(None)

    voice = Impatient()
    with pytest.raises(KeyboardInterrupt):
        deploy(voice)
    assert "CloudFormation goes on without us" in voice.said[-1]
    again = Scripted()
    deploy(again)
    assert state(run) == ("ready", "CREATE_COMPLETE")
    assert state(run, "front") == ("ready", "CREATE_COMPLETE")


def test_deleting_leaves_nothing(run):
    run("deploy", "--yes")
    assert run("delete", "--yes").code == 1
    assert run("delete", "--confirm", "cloud").code == 0
    assert value("/compliance/here") is None
    assert boto3.client("apigateway", region_name=REGION).get_api_keys()["items"] == []
    assert state(run) == ("missing", None)
