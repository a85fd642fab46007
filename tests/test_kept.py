"""What agents of every released version said, replayed against the server of today: docs/upgrade.md promises it.

scripts/keep_reports.py makes tests/kept/VERSION before a release; what was released is never changed.
"""

import asyncio
import gzip
import json
from pathlib import Path
from typing import Any

import msgspec
import pytest
from litestar.testing import TestClient

from compliance import __version__
from compliance.server.app import create_app
from compliance.server.config import Config
from compliance.server.enrollment import create_key
from compliance.wire.answers import CpuAnswer, HostAnswer, Page, Problem, ProcessAnswer, SessionAnswer
from compliance.wire.codec import compress, decode_enrolled, decode_enrollment, decode_receipt, decode_report, encode

KEPT = Path(__file__).parent / "kept"
VERSIONS = sorted(path.name for path in KEPT.iterdir())
MOVES = {"at", "id", "host", "seen_at", "first_seen_at", "last_seen_at", "ended_at", "looked_at", "next", "unknown"}
"""What depends on when, and where, it is replayed; of `ended_at` only whether there is one is compared."""
PAGES = {
    "hosts": Page[HostAnswer],
    "processes": Page[ProcessAnswer],
    "sessions": Page[SessionAnswer],
    "cpu": Page[CpuAnswer],
}


def exchanges(version: str) -> list[dict[str, Any]]:
    return [json.loads(gzip.decompress(path.read_bytes())) for path in sorted((KEPT / version).glob("*.json.gz"))]


ALL = [(version, exchange) for version in VERSIONS for exchange in exchanges(version)]
SAID = [(version, exchange) for version, exchange in ALL if exchange["body"] is not None]


def called(case: tuple[str, dict[str, Any]]) -> str:
    return f"{case[0]} {case[1]['name']}"


@pytest.mark.parametrize("version", VERSIONS)
def test_a_released_agent_is_answered_as_it_was(version, store, store_url):
    secrets = {role: asyncio.run(create_key(store, role, role)) for role in ("enroll", "read")}
    with TestClient(create_app(Config(database=store_url))) as http:
        for kept in exchanges(version):
            path, body = kept["path"], kept["body"]
            if path.endswith("/enroll"):
                secrets["host"] = body["secret"]
            role = "enroll" if path.endswith("/enroll") else "host" if body is not None else "read"
            headers = {"authorization": f"Bearer {secrets[role]}"}
            if body is None:
                answer = http.get(path, headers=headers)
            else:
                content, packed = compress(json.dumps(body).encode())
                answer = http.post(path, content=content, headers=headers | packed)
            assert answer.status_code == kept["status"], (kept["name"], answer.text)
            assert still(kept["answer"], answer.json()) == still(kept["answer"], kept["answer"]), kept["name"]


def still(kept: Any, told: Any) -> Any:
    """Of what is told now, all that was told then: a newer server may tell more."""
    if isinstance(kept, dict):
        same = {name: still(value, told[name]) for name, value in kept.items() if name not in MOVES}
        return same | ({"ended": told["ended_at"] is not None} if "ended_at" in kept else {})
    if isinstance(kept, list):
        return [len(told), *(still(one, other) for one, other in zip(kept, told, strict=False))]
    return told


def test_the_stories_hold_what_an_agent_may_say():
    for version in VERSIONS:
        said = [exchange["body"] for exchange in exchanges(version) if exchange["path"].endswith("/reports")]
        forms = {section["form"] for body in said for section in body["sections"].values()}
        assert forms == {"whole", "change", "failed", "sample"}
        assert len({body["boot_id"] for body in said}) == 2, "a reboot"
        assert any("dropped" in body for body in said)
        assert any("interval" not in body for body in said)
        assert any(section.get("blind") for body in said for section in body["sections"].values())
        changes = [section for body in said for section in body["sections"].values() if section["form"] == "change"]
        assert any(change.get("started") and change.get("ended") for change in changes)
        outcomes = {exchange["answer"].get("outcome") for exchange in exchanges(version)}
        assert outcomes >= {"applied", "repeat", "wanted"}


def test_this_version_is_kept():
    assert __version__ in VERSIONS, "run `python -m scripts.keep_reports`"


# --- the other side is newer: what it says beyond what is known here is passed over


def newer(value: Any) -> Any:
    """The same, with a field in every object that this version does not know."""
    if isinstance(value, dict):
        return {"told_by_a_newer_version": {"a": [1, None]}} | {name: newer(part) for name, part in value.items()}
    return [newer(part) for part in value] if isinstance(value, list) else value


@pytest.mark.parametrize("case", ALL, ids=called)
def test_an_agent_and_a_reader_understand_a_newer_server(case):
    _, kept = case
    name = kept["path"].partition("?")[0].rpartition("/")[2]
    answer, more = (json.dumps(told).encode() for told in (kept["answer"], newer(kept["answer"])))
    if name == "enroll":
        assert decode_enrolled(more) == decode_enrolled(answer)
    elif name == "reports":
        assert decode_receipt(more) == decode_receipt(answer)
    else:
        assert msgspec.json.decode(more, type=PAGES[name]) == msgspec.json.decode(answer, type=PAGES[name])


@pytest.mark.parametrize("case", SAID, ids=called)
def test_a_server_understands_a_newer_agent(case):
    _, kept = case
    decode: Any = decode_enrollment if kept["path"].endswith("/enroll") else decode_report
    told = decode(json.dumps(kept["body"]).encode())
    assert decode(json.dumps(newer(kept["body"])).encode()) == told
    assert decode(encode(told)) == told


def test_a_newer_kind_of_fact_is_passed_over():
    _, kept = next(case for case in SAID if case[1]["path"].endswith("/reports"))
    body = kept["body"] | {"sections": kept["body"]["sections"] | {"ports": {"form": "whole", "rows": [{"port": 22}]}}}
    assert decode_report(json.dumps(body).encode()) == decode_report(json.dumps(kept["body"]).encode())


def test_a_problem_of_a_newer_server_is_still_a_sentence():
    problem = {"type": "about:blank", "title": "Gone", "status": 410, "detail": "It went.", "help": "https://x"}
    assert msgspec.json.decode(json.dumps(problem), type=Problem).detail == "It went."
