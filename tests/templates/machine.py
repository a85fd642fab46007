"""A machine for the scripts of instances: a root of its own, with stand-ins for AWS and Docker, in a private namespace.

The commands of the system (bash, coreutils, openssl, python3) are the real ones, and what a script writes is really
written: into the test's folder.
"""

from __future__ import annotations

import os
import re
import shutil
import subprocess
import sys
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pytest

from tests.templates.reading import IMAGE, below, template

STAND_IN = Path(__file__).with_name("stand_in.sh")
STOOD_IN = [
    "aws",
    "blkid",
    "curl",
    "dnf",
    "docker",
    "journalctl",
    "mkfs.xfs",
    "mount",
    "sleep",
    "systemctl",
    "xfs_growfs",
]
PLACES = {
    "cfn-signal": "/opt/aws/bin",
    "amazon-cloudwatch-agent-ctl": "/opt/aws/amazon-cloudwatch-agent/bin",
}
SYSTEM = ("usr", "bin", "sbin", "lib", "lib64")
PATH = "/stand-ins:/usr/local/sbin:/usr/sbin:/usr/bin:/sbin:/bin"

needs_root = pytest.mark.skipif(
    sys.platform != "linux" or os.geteuid() != 0, reason="a root of its own takes Linux, and root to make it"
)

# What CloudFormation fills in, by the names that the scripts have for it.
ARN = "arn:aws:secretsmanager:eu-west-1:123456789012:secret:"
KNOWN = {
    "AWS::Region": "eu-west-1",
    "AWS::StackName": "compliance-prod-server",
    "Stack": "prod",
    "ImageUri": IMAGE,
    "MysqlImage": "public.ecr.aws/docker/library/mysql:8.4",
    "ComposeImage": "public.ecr.aws/docker/library/docker:28-cli",
    "LogGroup": "/compliance/prod/server",
    "DatabaseHost": "db.abc.eu-west-1.rds.amazonaws.com",
    "DatabasePort": "3306",
    "DatabaseSecret": f"{ARN}rds!db-0a",
    "IngestKey": f"{ARN}compliance/prod/ingest-1-AbCdEf",
    "EnrollKey": f"{ARN}compliance/prod/enroll-1-AbCdEf",
    "EnrollKeySecret": f"{ARN}compliance/prod/enroll-1-AbCdEf",
    "GatewayKeySecret": f"{ARN}compliance/prod/gateway-1-AbCdEf",
    "CertificateParameter": "",
    "Certificate": "/compliance/dev/certificate",
    "Address": "203.0.113.7",
    "Address.AllocationId": "eipalloc-0a",
    "Disk": "vol-0123456789abcdef0",
    "Url": "https://abc.execute-api.eu-west-1.amazonaws.com/v1",
}


def script_of(name: str) -> tuple[str, str]:
    """(what is filled in, the rest) of the one script in a template: `!Join ["", [!Sub head, body]]`."""
    (joined,) = [part["Fn::Join"] for part in below(template(name)["Resources"]) if _is_script(part)]
    glue, (head, body) = joined
    assert glue == ""
    return head["Fn::Sub"], body


def _is_script(part: Any) -> bool:
    return isinstance(part, dict) and "Fn::Join" in part and "What only CloudFormation knows" in str(part["Fn::Join"])


def fill(head: str, values: Mapping[str, str]) -> str:
    """As Fn::Sub does it; a name that is not known is a KeyError."""
    return re.sub(r"\$\{([^!}]+)\}", lambda found: values[found[1]], head)


class Machine:
    """One machine; what was written stays from run to run, /run and /dev as well."""

    def __init__(self, folder: Path) -> None:
        self.root, self.state = folder / "root", folder / "root" / "state"
        for place in (
            "etc/ssl",
            "opt",
            "proc",
            "dev",
            "run",
            "tmp",
            "srv",
            "var/lib",
            "usr",
            "stand-ins",
            "local-sbin",
        ):
            (self.root / place).mkdir(parents=True)
        for place in (
            "etc/systemd/system",
            "opt/aws/amazon-cloudwatch-agent/etc",
            "state/secrets",
            "state/fails",
            "state/times",
        ):
            (self.root / place).mkdir(parents=True)
        for file in ("etc/passwd", "etc/group", "etc/ld.so.cache", "etc/ssl/openssl.cnf"):
            if Path("/", file).exists():
                shutil.copyfile(Path("/", file), self.root / file)
        for name in (*STOOD_IN, *PLACES):
            program = self.root / PLACES.get(name, "/stand-ins").lstrip("/") / name
            program.parent.mkdir(parents=True, exist_ok=True)
            shutil.copyfile(STAND_IN, program)
            program.chmod(0o755)
        python = self.root / "stand-ins" / "python3"
        python.write_text(f'#!/bin/bash\nexec {Path(sys.base_prefix, "bin", "python3")} "$@"\n')
        python.chmod(0o755)

    def keep(self, arn: str, value: str) -> None:
        """A secret, in Secrets Manager."""
        (self.state / "secrets" / re.sub(r"[^a-zA-Z0-9]", "_", arn)).write_text(value)

    def fail(self, command: str, words: str, times: int | None = None) -> None:
        (self.state / "fails" / command).write_text(words)
        if times is not None:
            (self.state / "times" / command).write_text(str(times))

    def mend(self, command: str) -> None:
        (self.state / "fails" / command).unlink()

    def run(self, script: str, shell: str = "/bin/bash") -> subprocess.CompletedProcess[str]:
        (self.state / "script").write_text(script)
        return self._inside(f"{shell} /state/script")

    def command(self, line: str) -> subprocess.CompletedProcess[str]:
        """One of the programs that the script left behind."""
        return self._inside(line)

    def _inside(self, line: str) -> subprocess.CompletedProcess[str]:
        binds = [f"mount --rbind /proc {self.root}/proc"]
        for place in SYSTEM:
            if Path("/", place).is_symlink():
                target = Path("/", place).readlink()
                binds.append(f"[ -e {self.root}/{place} ] || ln -s {target} {self.root}/{place}")
            elif Path("/", place).is_dir():
                binds.append(f"mkdir -p {self.root}/{place} && mount --rbind -o ro /{place} {self.root}/{place}")
        binds.append(f"mount --bind {self.root}/local-sbin {self.root}/usr/local/sbin")
        base = Path(sys.base_prefix)
        if not base.is_relative_to("/usr"):
            binds.append(f"mkdir -p {self.root}{base} && mount --bind -o ro {base} {self.root}{base}")
        for device in ("null", "zero", "random", "urandom"):
            binds.append(f"touch {self.root}/dev/{device} && mount --bind /dev/{device} {self.root}/dev/{device}")
        binds.append(f"ln -sfn /proc/self/fd {self.root}/dev/fd")
        setup = " && ".join(["mount --make-rprivate /", *binds])
        return subprocess.run(
            [
                "unshare",
                "--mount",
                "bash",
                "-c",
                f"{setup} && exec chroot {self.root} /usr/bin/env -i PATH={PATH} HOME=/root {line}",
            ],
            capture_output=True,
            text=True,
            timeout=120,
        )

    def written(self) -> list[Path]:
        """The files on the disk that are neither the system's nor ours; /run is memory."""
        places = ("etc", "local-sbin", "opt", "srv", "tmp", "var")
        found = [path for place in places for path in (self.root / place).rglob("*") if path.is_file()]
        return [path for path in found if path.name not in PLACES]

    @property
    def calls(self) -> list[str]:
        """What was called, in its order, a line a call."""
        file = self.state / "calls"
        return file.read_text().splitlines() if file.exists() else []

    def forget(self) -> None:
        (self.state / "calls").unlink(missing_ok=True)

    def called(self, words: str) -> list[str]:
        return [call for call in self.calls if words in call]

    def read(self, path: str) -> str:
        return (self.root / path.lstrip("/")).read_text()
