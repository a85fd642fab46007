"""AWS on loopback for the tests: moto's server, taught, in a process of its own."""

import os
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import boto3
import httpx
import pytest

TEMPLATES = Path(__file__).parent / "templates"
ROOT = Path(__file__).parent.parent.parent
START_SECONDS = 60.0
REGION = "eu-west-1"


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


@contextmanager
def moto(folder: Path) -> Iterator[str]:
    """The address of a server that ends with the block."""
    port = free_port()
    with (folder / "moto.log").open("wb") as log:
        process = subprocess.Popen(
            [sys.executable, "-c", f"from tests.ops import moto_aws; moto_aws.serve({port})"],
            cwd=ROOT,
            stdout=log,
            stderr=log,
        )
    url = f"http://127.0.0.1:{port}"
    try:
        wait_for(f"{url}/moto-api/data.json", process, folder / "moto.log")
        yield url
    finally:
        process.send_signal(signal.SIGTERM)
        process.wait(timeout=30)


def wait_for(url: str, process: subprocess.Popen[bytes], log: Path) -> None:
    deadline = time.monotonic() + START_SECONDS
    while time.monotonic() < deadline and process.poll() is None:
        try:
            if httpx.get(url, trust_env=False, timeout=5).status_code == 200:
                return
        except httpx.TransportError:
            time.sleep(0.05)
    raise AssertionError(f"it did not start:\n{log.read_text(errors='replace')[-4000:]}")


def point_at(url: str, monkeypatch: pytest.MonkeyPatch, home: Path) -> None:
    """Nothing of this machine's own AWS settings is left: no file, no profile, no instance's metadata."""
    for name in [name for name in os.environ if name.startswith("AWS_")]:
        monkeypatch.delenv(name)
    settings = {
        "AWS_ENDPOINT_URL": url,
        "AWS_ACCESS_KEY_ID": "AKIAEXAMPLE",
        "AWS_SECRET_ACCESS_KEY": "example",
        "AWS_REGION": REGION,
        "AWS_MAX_ATTEMPTS": "1",
        "AWS_EC2_METADATA_DISABLED": "true",
        "AWS_CONFIG_FILE": str(home / "config"),
        "AWS_SHARED_CREDENTIALS_FILE": str(home / "credentials"),
        "NO_PROXY": "127.0.0.1",
    }
    for name, value in settings.items():
        monkeypatch.setenv(name, value)


def made_types(stack: str) -> tuple[set[str], set[str]]:
    """(really made, imitated): the types of a CloudFormation stack's resources."""
    client = boto3.client("cloudformation", region_name=REGION)
    rows = client.describe_stack_resources(StackName=stack)["StackResources"]
    rows = [row for row in rows if row.get("ResourceType")]  # moto has a blank one for what a condition left out
    imitated = {row["ResourceType"] for row in rows if row.get("PhysicalResourceId", "").startswith("imitated-")}
    return {row["ResourceType"] for row in rows} - imitated, imitated
