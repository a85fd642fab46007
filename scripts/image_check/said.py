"""How the check runs things, and what it says of them."""

import os
import subprocess
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

ROOT = Path(__file__).parent.parent.parent
MOST_SECONDS = 1800
"""For one command; a build fetches all libraries."""


class Failed(Exception):
    """What is not as it should be."""


def run(command: list[str], given: str | None = None, code: int = 0, settings: dict[str, str] | None = None) -> str:
    """What it printed; Failed with all of it when it did not end as expected."""
    done = subprocess.run(
        command,
        input=given,
        env={**os.environ, **(settings or {})},
        cwd=ROOT,
        capture_output=True,
        text=True,
        timeout=MOST_SECONDS,
    )
    if done.returncode != code:
        said = f"{done.stdout}{done.stderr}"
        raise Failed(f"{' '.join(command)}\nended with {done.returncode} and not {code}:\n{said}")
    return done.stdout


def docker(*arguments: str, **options: Any) -> str:
    return run(["docker", *arguments], **options)


def expect(what: str, found: Any, wanted: Any) -> None:
    if found != wanted:
        raise Failed(f"{what}: {found!r} and not {wanted!r}")


def wait(what: str, seconds: float, happened: Callable[[], bool]) -> None:
    until = time.monotonic() + seconds
    while not happened():
        if time.monotonic() > until:
            raise Failed(f"{what} has not happened in {seconds:.0f} s")
        time.sleep(0.5)


@contextmanager
def step(name: str) -> Iterator[list[str]]:
    """Prints a line about what was done and how long it took; what is appended to the list stands in it too."""
    notes: list[str] = []
    began = time.monotonic()
    yield notes
    print(f"ok  {time.monotonic() - began:6.1f} s  {': '.join([name, *notes])}", flush=True)
