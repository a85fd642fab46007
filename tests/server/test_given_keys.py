"""Keys that a secret store made, as `server run` and `keys create --key-file` take them from files."""

import os
import re
import signal
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import httpx
import pytest

OLD, NEW = "Zq3x8Lw0aVtR5nBk7YcMd2HsJf9GpXe4UiTo6Qr1Wb8K", "pX2cV9bN4mL7kJ1hG6fD3sA8qW5eR0tY2uI4oP7zX9cV"


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    (tmp_path / "ingest.key").write_text(OLD + "\n")
    return tmp_path


def command(folder: Path, *arguments: str) -> list[str]:
    database = f"sqlite:///{folder / 'compliance.db'}"
    return [sys.executable, "-m", "compliance", "server", *arguments, "--database", database]


def said(folder: Path, *arguments: str, stdin: str = "") -> tuple[int, str, str]:
    done = subprocess.run(command(folder, *arguments), input=stdin, capture_output=True, text=True, timeout=60)
    return done.returncode, done.stdout, done.stderr


@contextmanager
def running(folder: Path, *arguments: str, **environment: str) -> Iterator[tuple[str, str]]:
    """The server's address, and what it said before that."""
    process = subprocess.Popen(
        command(folder, "run", "--port", "0", *arguments),
        env={**os.environ, **environment},
        stdout=subprocess.DEVNULL,
        stderr=subprocess.PIPE,
        text=True,
    )
    try:
        before = ""
        for line in process.stderr or ():
            found = re.match(r"Listening on (\S+),", line)
            if found:
                yield found[1], before
                break
            before += line
        else:
            pytest.fail(f"the server did not start: {before}")
    finally:
        process.send_signal(signal.SIGTERM)
        with process:
            process.communicate(timeout=60)


def opens(server: str, key: str) -> int:
    # The socket is bound when the server names it, and listens a moment later: a refused connection is asked again.
    with httpx.Client(transport=httpx.HTTPTransport(retries=10), timeout=60) as http:
        return http.get(f"{server}/hosts", headers={"x-api-key": key}).status_code


def test_a_server_takes_the_key_in_the_file_at_each_start(folder):
    for _ in range(2):
        with running(folder, "--ingest-key-file", str(folder / "ingest.key")) as (server, _):
            assert (opens(server, OLD), opens(server, NEW)) == (200, 401)
    (folder / "ingest.key").write_text(NEW)
    with running(folder, COMPLIANCE_INGEST_KEY_FILE=str(folder / "ingest.key")) as (server, _):
        assert (opens(server, OLD), opens(server, NEW)) == (401, 200)


def test_a_given_key_that_was_revoked_is_told_and_does_not_keep_the_server_down(folder):
    file = str(folder / "ingest.key")
    assert said(folder, "keys", "create", "--role", "ingest", "--name", "given-ingest", "--key-file", file)[0] == 0
    assert said(folder, "keys", "revoke", "given-ingest")[0] == 0
    with running(folder, "--ingest-key-file", file) as (server, before):
        assert opens(server, OLD) == 401
        assert "ingest.key is not taken: The key 'given-ingest' was revoked" in before


@pytest.mark.parametrize(("content", "sentence"), [("", "There is no key in"), ("too-short", "32 to 128 random")])
def test_a_file_without_a_key_worth_the_name_ends_the_start_with_a_sentence(folder, content, sentence):
    (folder / "enroll.key").write_text(content)
    code, _, error = said(folder, "run", "--port", "0", "--enroll-key-file", str(folder / "enroll.key"))
    assert code == 2
    assert sentence in error


def test_a_key_comes_in_by_standard_input_and_is_not_printed(folder):
    create = ("keys", "create", "--role", "enroll", "--name", "rollout", "--key-file", "-")
    code, out, error = said(folder, *create, stdin=OLD)
    assert (code, out) == (0, "")
    assert "'rollout' is taken" in error
    assert "known already" in said(folder, *create, stdin=OLD)[2]
    assert OLD not in error
