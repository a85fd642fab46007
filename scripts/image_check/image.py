"""The image by itself: built, looked into, and run without compose."""

import json
import os

from compliance import __version__
from compliance.cli import GROUPS
from scripts.image_check.said import Failed, docker, expect, step, wait

IMAGE = f"compliance:check-{os.getpid()}"
MOST_BYTES = 200_000_000
"""What our layers may add to the base."""
CAREFUL = ("--read-only", "--cap-drop", "ALL", "--security-opt", "no-new-privileges", "--network", "none")


def build() -> None:
    with step("the Dockerfile is built") as notes:
        # The build's steps reach the package index by the machine's own network.
        docker("build", "--network", "host", "--tag", IMAGE, ".")
        layers = docker("history", "--human=false", "--format", "{{.Size}}\t{{.CreatedBy}}", IMAGE).splitlines()
        ours = sum(int(line.split("\t")[0]) for line in layers[: above_the_base(layers)])
        whole = int(docker("image", "inspect", "--format", "{{.Size}}", IMAGE))
        notes.append(f"{ours / 1e6:.0f} MB on a base of {(whole - ours) / 1e6:.0f} MB")
        if ours > MOST_BYTES:
            raise Failed(f"the image's own layers have {ours:,} bytes, more than {MOST_BYTES:,}")


def above_the_base(layers: list[str]) -> int:
    """How many lines of a history, which has the newest first, are ours."""
    return next(number for number, line in enumerate(layers) if "useradd" in line) + 1


def look_inside() -> None:
    with step("the image holds one command, and nothing private"):
        bare = ("run", "--rm", *CAREFUL)
        expect("version", docker(*bare, IMAGE, "--version"), f"compliance {__version__}\n")
        expect("user", docker(*bare, "--entrypoint", "id", IMAGE, "-u"), "10001\n")
        for group in GROUPS:
            docker(*bare, IMAGE, group, "--help")
        hunt = ("find", IMAGE, "/", "-xdev", "(", "-name", ".env", "-o", "-name", ".git", ")", "-print")
        found = docker(*bare, "--user", "0", "--cap-add", "DAC_READ_SEARCH", "--entrypoint", *hunt)
        expect("files that belong in no image", found, "")
        config = json.loads(docker("image", "inspect", IMAGE))[0]["Config"]
        expect("entrypoint", config["Entrypoint"], ["compliance"])
        expect("title", config["Labels"]["org.opencontainers.image.title"], "compliance")


def run_alone() -> None:
    with step("a server on SQLite needs one volume, is healthy, and ends in order"):
        name = f"compliance-check-{os.getpid()}-alone"
        served = ("server", "run", "--host", "0.0.0.0", "--insecure")
        docker("run", "--detach", "--name", name, *CAREFUL, "--tmpfs", "/tmp", IMAGE, *served)
        try:
            wait("a healthy server", 120, lambda: state(name, "Health.Status") == "healthy")
            docker("exec", name, "compliance", "server", "keys", "create", "--role", "read", "--name", "me")
            docker("stop", "--time", "30", name)
            expect("exit code", state(name, "ExitCode"), "0")
        finally:
            docker("rm", "--force", "--volumes", name)


def state(name: str, what: str) -> str:
    return docker("inspect", "--format", f"{{{{.State.{what}}}}}", name).strip()
