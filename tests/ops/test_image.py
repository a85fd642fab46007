"""Images by digest: named, found in a registry, or built. Docker here is a script that remembers how it was called."""

import re
from pathlib import Path

import boto3
import pytest

from compliance import __version__
from compliance.errors import WrongUsage
from compliance.ops.aws import connect
from compliance.ops.errors import Failed, NotThere
from compliance.ops.image import LOCAL, Built, Docker, Named, _revision, platform_of
from tests.ops.aws import REGION

DIGEST = "sha256:" + "d" * 64
SCRIPT = """#!/bin/sh
echo "$@" >> {folder}/calls
case "$1" in
  login) cat > {folder}/password ;;
  image) echo '["else.where/x@sha256:{zeros}", "{repository}@{digest}"]' ;;
  version) echo 29.0 ;;
  build) echo "step 1"; [ ! -e {folder}/broken ] || {{ echo "no space left." >&2; exit 1; }} ;;
esac
"""
MANIFEST = '{"schemaVersion": 2, "mediaType": "application/vnd.oci.image.manifest.v1+json", "layers": []}'


class Scripted:
    def __init__(self, folder: Path, repository: str) -> None:
        self.folder = folder
        program = folder / "docker"
        program.write_text(SCRIPT.format(folder=folder, repository=repository, digest=DIGEST, zeros="0" * 64))
        program.chmod(0o755)
        self.docker = Docker(str(program))

    @property
    def calls(self) -> list[str]:
        return (self.folder / "calls").read_text().splitlines()


REPOSITORY = "123456789012.dkr.ecr.eu-west-1.amazonaws.com/compliance-dev"


def test_a_digest_is_taken_as_it_is(aws):
    uri = f"example.org/compliance@{DIGEST}"
    assert Named(uri, connect(), Docker("no-docker-here")).ready() == uri


def test_a_tag_in_the_registry_of_aws_is_looked_up_there(aws, tmp_path):
    ecr = boto3.client("ecr", region_name=REGION)
    ecr.create_repository(repositoryName="compliance-dev")
    ecr.put_image(repositoryName="compliance-dev", imageManifest=MANIFEST, imageTag="1.0")
    found = Named(f"{REPOSITORY}:1.0", connect(), Docker("no-docker-here")).ready()
    assert found.startswith(f"{REPOSITORY}@sha256:")
    assert found.rpartition("@")[2] == ecr.list_images(repositoryName="compliance-dev")["imageIds"][0]["imageDigest"]


def test_a_tag_that_the_registry_does_not_have_is_an_error(aws):
    boto3.client("ecr", region_name=REGION).create_repository(repositoryName="compliance-dev")
    with pytest.raises(NotThere, match="DescribeImages"):
        Named(f"{REPOSITORY}:2.0", connect(), Docker("no-docker-here")).ready()


def test_a_tag_elsewhere_is_pulled_to_learn_its_digest(aws, tmp_path):
    scripted = Scripted(tmp_path, "example.org:5000/team/compliance")
    found = Named("example.org:5000/team/compliance", connect(), scripted.docker).ready()
    assert found == f"example.org:5000/team/compliance@{DIGEST}"
    assert "pull example.org:5000/team/compliance:latest" in scripted.calls


def test_a_tag_elsewhere_without_docker_is_one_sentence(aws):
    with pytest.raises(WrongUsage, match="give --image REPOSITORY@sha256:"):
        Named("example.org/compliance:1.0", connect(), Docker("no-docker-here")).ready()


def test_with_neither_a_checkout_nor_an_image_one_sentence_says_so(aws):
    with pytest.raises(
        WrongUsage, match=r"^There is no image to run, and no Dockerfile .*: give --image URI, or run this"
    ):
        Built(None, connect(), Docker("no-docker-here")).ready()


def test_with_neither_docker_nor_an_image_one_sentence_says_so(aws, tmp_path):
    with pytest.raises(
        WrongUsage, match=r"^There is no image to run, and no Docker engine answers here: give --image URI"
    ):
        Built(tmp_path, connect(), Docker("no-docker-here")).ready()


def test_a_docker_without_an_engine_is_none(tmp_path):
    program = tmp_path / "docker"
    program.write_text("#!/bin/sh\necho 'Cannot connect to the Docker daemon.' >&2\nexit 1\n")
    program.chmod(0o755)
    assert not Docker(str(program)).works()
    assert not Docker("no-docker-here").works()


def test_an_image_is_built_pushed_and_known_by_its_digest(aws, tmp_path, capfd):
    scripted = Scripted(tmp_path, REPOSITORY)
    built = Built(tmp_path, connect(), scripted.docker)
    built.ready()
    built.build("linux/arm64")
    assert built.push(REPOSITORY) == f"{REPOSITORY}@{DIGEST}"
    assert scripted.calls == [
        "version --format {{.Server.Version}}",
        f"build --platform linux/arm64 --build-arg VERSION={__version__} --build-arg REVISION=unknown"
        f" --tag {LOCAL}:{__version__} {tmp_path}",
        "login --username AWS --password-stdin 123456789012.dkr.ecr.eu-west-1.amazonaws.com",
        f"tag {LOCAL}:{__version__} {REPOSITORY}:{__version__}",
        f"push {REPOSITORY}:{__version__}",
        f"image inspect --format {{{{json .RepoDigests}}}} {REPOSITORY}:{__version__}",
    ]
    printed = capfd.readouterr()
    assert (printed.out, printed.err) == ("", "step 1\n")


def test_an_image_says_of_which_commit_it_is(repository):
    assert re.fullmatch("[0-9a-f]{40}|unknown", _revision(repository))


@pytest.mark.parametrize(
    ("name", "platform"),
    [
        ("/aws/service/ami-amazon-linux-latest/al2023-ami-kernel-default-arm64", "linux/arm64"),
        ("/aws/service/ami-amazon-linux-latest/al2023-ami-kernel-default-x86_64", "linux/amd64"),
        ("ami-0123456789", None),
        ("", None),
    ],
)
def test_the_name_of_a_machine_image_tells_its_architecture(name, platform):
    assert platform_of(name) == platform


def test_the_password_of_the_registry_is_only_ever_piped(aws, tmp_path):
    scripted = Scripted(tmp_path, REPOSITORY)
    Built(tmp_path, connect(), scripted.docker).push(REPOSITORY)
    password = (tmp_path / "password").read_text()
    assert password
    assert not [call for call in scripted.calls if password in call]


def test_a_build_that_fails_says_so(aws, tmp_path):
    scripted = Scripted(tmp_path, REPOSITORY)
    (tmp_path / "broken").touch()
    with pytest.raises(Failed, match=r"docker build` failed\.$"):
        Built(tmp_path, connect(), scripted.docker).build(None)


def test_a_digest_that_docker_does_not_tell_is_asked_of_the_person(tmp_path):
    scripted = Scripted(tmp_path, "somewhere/else")
    with pytest.raises(Failed, match="give --image with its digest"):
        scripted.docker.by_digest(f"{REPOSITORY}:1.0")
