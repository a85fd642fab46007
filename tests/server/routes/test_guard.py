"""Every path there is, asked with every key that does not open it."""

import asyncio

import pytest
from litestar.testing import TestClient

from compliance.server import gate as gates
from compliance.server.app import create_app
from compliance.server.config import Config
from compliance.server.enrollment import ROLES, create_key, retire, revoke_key
from compliance.server.storage.clock import now_ms
from tests.server.routes.reading import GUARDED, OPEN, asked, needed, operations, problem


@pytest.fixture
def keys(store):
    return {role: asyncio.run(create_key(store, f"{role}'s", role)) for role in ROLES}


@pytest.fixture
def http(database, store):
    with TestClient(create_app(Config(database=database))) as client:
        yield client


def test_there_are_operations_to_ask():
    assert len(GUARDED) >= 15
    assert {path for _, path in operations()} >= {*OPEN, "/api/v1/reports", "/api/v1/enroll", "/hosts"}


@pytest.mark.parametrize(("method", "path"), GUARDED)
def test_nothing_opens_without_a_key_or_with_one_that_is_none(http, method, path):
    assert problem(http.request(method, path), 401)
    for secret in ("", "nonsense", "cmk_" + "a" * 43, "x" * 60_000, "' OR 1=1 --"):
        assert problem(asked(http, method, path, secret), 401)


@pytest.mark.parametrize(("method", "path"), GUARDED)
def test_a_key_of_another_role_is_refused_with_both_roles(http, keys, method, path):
    for role in set(ROLES) - set(needed(method, path)):
        sentence = problem(asked(http, method, path, keys[role]), 403)
        assert f"the role {role}" in sentence
        assert " or ".join(needed(method, path)) or "a host's own token" in sentence
        assert keys[role] not in sentence


@pytest.mark.parametrize(("method", "path"), GUARDED)
def test_a_key_of_the_right_role_opens(http, keys, method, path):
    for role in needed(method, path):
        assert asked(http, method, path, keys[role]).status_code not in (401, 403)


@pytest.mark.parametrize(("method", "path"), [one for one in GUARDED if one[1] != "/api/v1/reports"])
def test_a_hosts_token_opens_nothing_but_its_reports(http, enrolled, method, path):
    sentence = problem(asked(http, method, path, enrolled.secret), 403)
    assert " or ".join(needed(method, path)) in sentence
    assert enrolled.secret not in sentence


@pytest.mark.parametrize("role", ROLES)
def test_an_expired_or_revoked_key_opens_nothing(store, http, role):
    expired = asyncio.run(create_key(store, "old", role, now_ms() - 1))
    revoked = asyncio.run(create_key(store, "gone", role))
    asyncio.run(revoke_key(store, "gone"))
    for method, path in GUARDED:
        if role in needed(method, path):
            assert "'old' expired" in problem(asked(http, method, path, expired), 401)
            assert "'gone' was revoked" in problem(asked(http, method, path, revoked), 401)


def test_a_key_and_a_token_that_are_revoked_while_they_are_used_open_nothing_soon(store, http, enrolled, monkeypatch):
    monkeypatch.setattr(gates, "REMEMBERED_SECONDS", -1.0)
    key = asyncio.run(create_key(store, "audit", "read"))
    assert asked(http, "GET", "/api/v1/hosts", key).status_code == 200
    assert problem(asked(http, "POST", "/api/v1/reports", enrolled.secret), 400)
    asyncio.run(revoke_key(store, "audit"))
    asyncio.run(retire(store, enrolled.host_id))
    assert "was revoked" in problem(asked(http, "GET", "/api/v1/hosts", key), 401)
    assert "enroll --anew" in problem(asked(http, "POST", "/api/v1/reports", enrolled.secret), 401)


@pytest.mark.parametrize("scheme", ["Basic", "bearer:", "Token", ""])
def test_another_scheme_is_told_the_right_one(http, keys, scheme):
    answer = http.get("/api/v1/hosts", headers={"authorization": f"{scheme} {keys['read']}"})
    assert "Authorization: Bearer" in problem(answer, 401)
    assert answer.headers["www-authenticate"].startswith("Bearer")


def test_the_scheme_is_read_in_any_case_and_spaces_are_left_aside(http, keys):
    for header in (f"bearer {keys['read']}", f"BEARER   {keys['read']}  "):
        assert http.get("/api/v1/hosts", headers={"authorization": header}).status_code == 200


def test_a_secret_of_any_bytes_is_refused_with_a_sentence(http):
    for header in (b"Bearer \xff\xfe", b"Bearer cmk_\x80" + b"a" * 42, b"\xff"):
        assert problem(http.get("/api/v1/hosts", headers={b"authorization": header}), 401)


def test_the_health_pages_are_open_and_the_description_too(http):
    for path in (*OPEN, "/schema", "/schema/openapi.json"):
        assert http.get(path).status_code == 200
