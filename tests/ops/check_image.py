"""`make push-check`: `ops deploy` from the checkout with a real Docker, into a real registry, with moto as AWS.

Outside `make test`: it builds the whole image. The engine is scripts/image_check's, the registry Debian's
docker-registry, which lets everybody in: how AWS's signs somebody in is proved nowhere here.
"""

import json
import os
import shutil
import subprocess
from collections.abc import Iterator
from contextlib import nullcontext
from pathlib import Path

import boto3
import httpx
import pytest

from compliance.ops import bundle
from scripts.image_check import engine, stand_ins
from scripts.image_check.__main__ import CACHE, base_images
from tests.ops.aws import REGION, TEMPLATES, free_port, wait_for

SETTINGS = """\
version: 0.1
storage: {{filesystem: {{rootdirectory: {folder}/images}}}}
http: {{addr: "127.0.0.1:{port}"}}
"""
MANIFESTS = (
    "application/vnd.oci.image.index.v1+json",
    "application/vnd.oci.image.manifest.v1+json",
    "application/vnd.docker.distribution.manifest.v2+json",
)
WRAPPER = """\
#!/bin/sh
# The engine of this check has no network of its own for a build's steps.
[ "$1" = build ] && shift && exec {docker} build --network host "$@"
exec {docker} "$@"
"""


@pytest.fixture(scope="module")
def docker(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """A `docker` on the PATH whose engine answers, with the Dockerfile's base image; its address."""
    own = not engine.answers()
    CACHE.mkdir(parents=True, exist_ok=True)
    with engine.running(CACHE) if own else nullcontext():
        if own and not stand_ins.there(base_images()[0]):
            stand_ins.make_python(base_images()[0])
        wrapper = tmp_path_factory.mktemp("bin") / "docker"
        wrapper.write_text(WRAPPER.format(docker=shutil.which("docker")))
        wrapper.chmod(0o755)
        os.environ["PATH"] = f"{wrapper.parent}:{os.environ['PATH']}"
        yield str(wrapper)


@pytest.fixture
def registry(tmp_path: Path) -> Iterator[str]:
    """The address of an empty registry on loopback, which Docker takes without TLS."""
    if not (CACHE / "registry").is_dir():
        engine.fetch(CACHE / "registry.debs", engine.codename(), ["docker-registry"])
        for package in (CACHE / "registry.debs").glob("*.deb"):
            subprocess.run(["dpkg", "-x", package, CACHE / "registry"], check=True)
    port = free_port()
    (tmp_path / "registry.yml").write_text(SETTINGS.format(folder=tmp_path, port=port))
    with (tmp_path / "registry.log").open("wb") as log:
        process = subprocess.Popen(
            [CACHE / "registry/usr/bin/docker-registry", "serve", tmp_path / "registry.yml"], stdout=log, stderr=log
        )
    try:
        wait_for(f"http://127.0.0.1:{port}/v2/", process, tmp_path / "registry.log")
        yield f"127.0.0.1:{port}"
    finally:
        process.terminate()
        process.wait(timeout=30)


@pytest.fixture
def templates(tmp_path: Path, registry: str) -> Path:
    """The small stack, whose registry is the real one: moto's ECR has no place for layers."""
    folder = tmp_path / "templates"
    shutil.copytree(TEMPLATES, folder)
    path = folder / "registry.yaml"
    path.write_text(path.read_text().replace("!GetAtt Repository.RepositoryUri", f"{registry}/compliance-tiny"))
    return folder


def test_deploy_builds_the_checkout_pushes_it_and_hands_on_its_digest(aws, ops, docker, registry, templates):
    said = ops("deploy", "--stack", "tiny", "--yes", templates=templates)
    assert said.code == 0, said.err
    parameter = boto3.client("ssm", region_name=REGION).get_parameter(Name="/compliance/tiny/image")
    repository, digest = parameter["Parameter"]["Value"].split("@")
    assert repository == f"{registry}/compliance-tiny"
    manifest = httpx.get(
        f"http://{registry}/v2/compliance-tiny/manifests/{digest}",
        headers={"Accept": ", ".join(MANIFESTS)},
        trust_env=False,
    )
    assert manifest.headers["docker-content-digest"] == digest

    # The image by its digest is the checkout's: it runs, and says of which commit it is.
    uri = f"{repository}@{digest}"
    ran = subprocess.run([docker, "run", "--rm", "--network", "none", uri, "--version"], capture_output=True, text=True)
    assert ran.stdout.startswith("compliance ")
    labels = subprocess.check_output([docker, "image", "inspect", "--format", "{{json .Config.Labels}}", uri])
    checkout = bundle.checkout()
    assert checkout is not None
    commit = subprocess.check_output(["git", "-C", checkout, "rev-parse", "HEAD"], text=True).strip()
    assert json.loads(labels)["org.opencontainers.image.revision"] == commit

    # Built from the same files it is the same image: nothing to do for AWS.
    again = ops("deploy", "--stack", "tiny", "--yes", templates=templates)
    assert again.code == 0, again.err
    assert "compliance-tiny-server: no changes." in again.err

    named = ops(
        "plan", "--stack", "tiny", "--image", f"{repository}:{ran.stdout.split()[1]}", "-o", "json", templates=templates
    )
    assert (named.code, named.out) == (0, "[]\n"), named.err
