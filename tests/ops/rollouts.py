"""What tests of deployments share: images that need no Docker, and a rollout as the command makes it."""

from pathlib import Path

import boto3

from compliance.ops.aws import connect
from compliance.ops.deployer import Deployer
from compliance.ops.errors import Failed
from compliance.ops.plan import Planner
from compliance.ops.rollout import Image, Rollout
from compliance.ops.stacks import read_stacks
from tests.ops.aws import REGION, TEMPLATES
from tests.ops.voices import Scripted

IMAGE = f"example.org/compliance@sha256:{'a' * 64}"
OTHER_IMAGE = f"example.org/compliance@sha256:{'b' * 64}"


class Fixed:
    """An image that is there."""

    def __init__(self, uri: str = IMAGE) -> None:
        self.uri = uri

    def ready(self) -> str:
        return self.uri

    def build(self, platform: str | None) -> None:
        raise AssertionError

    def push(self, repository: str) -> str:
        raise AssertionError


class Making:
    """An image that has to be built and pushed; `log` tells the order."""

    def __init__(self, fails: str | None = None) -> None:
        self.log: list[str] = []
        self.fails = fails

    def ready(self) -> None:
        self.log.append("ready")

    def build(self, platform: str | None) -> None:
        self.log.append(f"build for {platform}")
        if self.fails == "build":
            raise Failed("the build failed")

    def push(self, repository: str) -> str:
        self.log.append(f"push {repository}")
        return f"{repository}@sha256:{'c' * 64}"


def rollout(voice: Scripted, stack: str = "tiny", given=None, folder: Path = TEMPLATES, version: str = "1") -> Rollout:
    deployer = Deployer(connect().api("cloudformation"), lambda _: None)
    return Rollout(Planner(read_stacks(folder)[stack], deployer, given or {}, REGION, version), deployer, voice)


def deploy(voice: Scripted, image: Image | None = None, stack: str = "tiny", **more) -> None:
    rollout(voice, stack, **more).deploy(image or (Fixed() if stack == "tiny" else None))


def states() -> dict[str, str]:
    client = boto3.client("cloudformation", region_name=REGION)
    return {one["StackName"]: one["StackStatus"] for one in client.describe_stacks()["Stacks"]}


def parameter(name: str) -> str:
    found = boto3.client("ssm", region_name=REGION).get_parameter(Name=f"/compliance/{name}")
    return str(found["Parameter"]["Value"])
