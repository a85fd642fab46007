"""The check from its beginning to its end.

A Docker that answers is used, with the images of its registries. Where none does, root on a Debian gets an engine of
its own and images made of Debian's packages (engine, stand_ins), kept in COMPLIANCE_CHECK_CACHE or
~/.cache/compliance-image-check. What is started is ended; the compose project has a name of this check's own.
"""

import os
import re
import sys
import tempfile
from contextlib import nullcontext
from pathlib import Path

from scripts.image_check import engine, image, stand_ins, steps
from scripts.image_check.said import ROOT, Failed, docker, step
from scripts.image_check.stack import Stack

CACHE = Path(os.environ.get("COMPLIANCE_CHECK_CACHE", Path.home() / ".cache" / "compliance-image-check"))
STEPS = (
    steps.build_by_compose,
    steps.bring_up,
    steps.look_for_openings,
    steps.keep_passwords,
    steps.report_from_this_machine,
    steps.report_from_a_container,
    steps.start_again,
    steps.bring_up_with_env,
)


def check(folder: Path) -> None:
    image.build()
    image.look_inside()
    image.run_alone()
    stack = Stack(folder)
    try:
        for act in STEPS:
            act(stack)
    except Failed:
        print(stack.compose("--profile", "*", "logs", "--no-color", "--tail", "50"), file=sys.stderr)
        raise
    finally:
        with step("taken down"):
            stack.down()


def main() -> int:
    own = not engine.answers()
    CACHE.mkdir(parents=True, exist_ok=True)
    with engine.running(CACHE) if own else nullcontext(), tempfile.TemporaryDirectory() as folder:
        try:
            with step("Docker") as notes:
                version = docker("version", "--format", "{{.Server.Version}}").strip()
                notes.append(f"{version}, of our own" if own else version)
            if own:
                with step("images to stand in for Docker Hub's"):
                    stand_ins.make(*base_images())
            check(Path(folder))
        except Failed as reason:
            print(f"Error: {reason}", file=sys.stderr)
            return 1
        finally:
            docker("image", "rm", "--force", image.IMAGE)
    return 0


def base_images() -> tuple[str, str]:
    """As the Dockerfile and the compose file name them."""
    python = re.search(r"^ARG PYTHON=(\S+)", (ROOT / "Dockerfile").read_text(), re.M)
    mysql = re.search(r"image: \$\{MYSQL_IMAGE:-(\S+)\}", (ROOT / "docker-compose.yml").read_text())
    assert python
    assert mysql
    return python[1], mysql[1]


if __name__ == "__main__":
    sys.exit(main())
