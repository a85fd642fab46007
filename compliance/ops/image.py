"""The image that instances run, always by its digest: one that was named, or one built here and pushed to the registry.

ready()  -> its URI, where it has to be neither built nor pushed
build()  -> from the checkout, with the local Docker
push()   -> to the repository that the `registry` template made; answers repository@sha256:...
"""

from __future__ import annotations

import base64
import json
import re
import subprocess
from pathlib import Path

from compliance import __version__
from compliance.errors import ComplianceError, WrongUsage
from compliance.ops.aws import Cloud
from compliance.ops.errors import Failed

DIGEST = re.compile(r"@sha256:[0-9a-f]{64}$")
ECR = re.compile(
    r"(?P<account>\d{12})\.dkr\.ecr\.(?P<region>[\w-]+)\.amazonaws\.com(?:\.cn)?/(?P<name>[^:@]+):(?P<tag>.+)"
)
MACHINE = re.compile(r"-(arm64|x86_64)$")
ARCHITECTURES = {"arm64": "arm64", "x86_64": "amd64"}
LOCAL = "compliance-monitor"
HOW = "give --image URI, or run this from a checkout of the project on a machine whose Docker works"


class Docker:
    """The local Docker, by its own command line. What it prints while it works goes to the person, on stderr."""

    def __init__(self, program: str = "docker") -> None:
        self._program = program

    def works(self) -> bool:
        """Whether there is one, with an engine that answers."""
        try:
            self._ask("version", "--format", "{{.Server.Version}}")
        except ComplianceError:
            return False
        return True

    def build(self, folder: Path, tag: str, platform: str | None, given: dict[str, str]) -> None:
        of = ["--platform", platform] if platform else []
        told = [word for name, value in given.items() for word in ("--build-arg", f"{name}={value}")]
        self._do("build", *of, *told, "--tag", tag, str(folder))

    def tag(self, old: str, new: str) -> None:
        self._ask("tag", old, new)

    def login(self, registry: str, user: str, password: str) -> None:
        self._ask("login", "--username", user, "--password-stdin", registry, stdin=password)

    def push(self, tag: str) -> None:
        self._do("push", tag)

    def pull(self, tag: str) -> None:
        self._do("pull", tag)

    def by_digest(self, tag: str) -> str:
        """`repository@sha256:...` of an image that was pushed or pulled."""
        repository = re.sub(r":[^/:]+$", "", tag)
        for one in json.loads(self._ask("image", "inspect", "--format", "{{json .RepoDigests}}", tag)) or ():
            if one.startswith(f"{repository}@") and DIGEST.search(one):
                return str(one)
        raise Failed(f"Docker does not tell the digest of {tag}: push it, and give --image with its digest.")

    def _ask(self, *arguments: str, stdin: str = "") -> str:
        return self._call(arguments, stdin, subprocess.PIPE, subprocess.PIPE)

    def _do(self, *arguments: str) -> None:
        # Standard output is for what was asked of us; a build's progress is not.
        self._call(arguments, "", 2, None)

    def _call(self, arguments: tuple[str, ...], stdin: str, stdout: int, stderr: int | None) -> str:
        try:
            ended = subprocess.run(
                [self._program, *arguments], input=stdin, text=True, stdout=stdout, stderr=stderr, check=False
            )
        except OSError as error:
            raise Failed(f"`{self._program}` cannot be run ({error.strerror}): {HOW}.") from error
        if ended.returncode != 0:
            lines = (ended.stderr or "").strip().splitlines()
            told = f": {lines[-1].rstrip('.')}" if lines else ""
            raise Failed(f"`{self._program} {arguments[0]}` failed{told}.")
        return ended.stdout or ""


class Named:
    """The one that --image names; a tag is turned into the digest that it stands for now."""

    def __init__(self, uri: str, cloud: Cloud, docker: Docker) -> None:
        self._uri, self._cloud, self._docker = uri, cloud, docker

    def ready(self) -> str:
        if DIGEST.search(self._uri):
            return self._uri
        tagged = self._uri if re.search(r":[^/:]+$", self._uri) else f"{self._uri}:latest"
        found = ECR.fullmatch(tagged)
        if found:
            return self._in_registry(found)
        if not self._docker.works():
            raise WrongUsage(
                f"{self._uri} names no digest, and no Docker is here to ask for it: give --image REPOSITORY@sha256:..."
            )
        self._docker.pull(tagged)
        return self._docker.by_digest(tagged)

    def build(self, platform: str | None) -> None:
        raise AssertionError("an image that was named is never built")

    def push(self, repository: str) -> str:
        raise AssertionError("an image that was named is never pushed")

    def _in_registry(self, found: re.Match[str]) -> str:
        answer = self._cloud.api("ecr", found["region"]).ask(
            "describe_images",
            registryId=found["account"],
            repositoryName=found["name"],
            imageIds=[{"imageTag": found["tag"]}],
        )
        return f"{found[0].rpartition(':')[0]}@{answer['imageDetails'][0]['imageDigest']}"


class Built:
    """The one that this checkout makes."""

    def __init__(self, checkout: Path | None, cloud: Cloud, docker: Docker) -> None:
        self._checkout, self._cloud, self._docker = checkout, cloud, docker

    def ready(self) -> None:
        """WrongUsage, before anything is asked or done, where no image can be built here."""
        if self._checkout is None:
            raise WrongUsage(f"There is no image to run, and no Dockerfile beside this installation: {HOW}.")
        if not self._docker.works():
            raise WrongUsage(f"There is no image to run, and no Docker engine answers here: {HOW}.")

    def build(self, platform: str | None) -> None:
        """`platform` is the instances', such as linux/arm64; None takes this machine's own."""
        assert self._checkout is not None
        given = {"VERSION": __version__, "REVISION": _revision(self._checkout)}
        self._docker.build(self._checkout, f"{LOCAL}:{__version__}", platform, given)

    def push(self, repository: str) -> str:
        """Signed in for twelve hours with a token that AWS makes; it stands on no command line."""
        token = self._cloud.api("ecr").ask("get_authorization_token")["authorizationData"][0]
        user, _, password = base64.b64decode(token["authorizationToken"]).decode().partition(":")
        tag = f"{repository}:{__version__}"
        self._docker.login(repository.partition("/")[0], user, password)
        self._docker.tag(f"{LOCAL}:{__version__}", tag)
        self._docker.push(tag)
        return self._docker.by_digest(tag)


def platform_of(machine_image: str) -> str | None:
    """`linux/arm64` for the name of a machine image that ends in -arm64; None where the name tells nothing."""
    found = MACHINE.search(machine_image)
    return f"linux/{ARCHITECTURES[found[1]]}" if found else None


def _revision(checkout: Path) -> str:
    try:
        asked = ["git", "-C", str(checkout), "rev-parse", "HEAD"]
        ended = subprocess.run(asked, text=True, capture_output=True, check=False)
    except OSError:
        return "unknown"
    return ended.stdout.strip() or "unknown"
