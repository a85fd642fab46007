"""Fixtures of the AWS commands. `aws` is moto's server: its resources are real, its engine is not AWS's."""

import shutil
import sys
from collections.abc import Callable, Iterator
from pathlib import Path

import httpx
import pytest

from compliance import cli
from tests.ops.aws import TEMPLATES, moto, point_at


@pytest.fixture(scope="session")
def moto_url(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    with moto(tmp_path_factory.mktemp("moto")) as url:
        yield url


@pytest.fixture
def aws(moto_url: str, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> str:
    """An empty AWS; the environment points at it."""
    httpx.post(f"{moto_url}/moto-api/reset", trust_env=False, timeout=30).raise_for_status()
    point_at(moto_url, monkeypatch, tmp_path)
    return moto_url


class Said:
    """A command's exit code, and what it printed."""

    def __init__(self, code: int, out: str, err: str) -> None:
        self.code, self.out, self.err = code, out, err


@pytest.fixture
def ops(capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch) -> Callable[..., Said]:
    """Runs `compliance ops ...` in this process, over the small templates unless others are named."""
    monkeypatch.setattr(sys.stdin, "isatty", lambda: False, raising=False)

    def run(*arguments: str, templates: Path | None = TEMPLATES) -> Said:
        capsys.readouterr()
        chosen = ["--templates", str(templates)] if templates else []
        code = cli.run(["ops", arguments[0], *chosen, *arguments[1:]])
        printed = capsys.readouterr()
        return Said(code, printed.out, printed.err)

    return run


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """The small templates, to be changed."""
    shutil.copytree(TEMPLATES, tmp_path / "templates")
    return tmp_path / "templates"
