"""Keys that were made here, and keys that a secret store made."""

import asyncio
import secrets

import pytest

from compliance.errors import Refused, WrongUsage
from compliance.server.enrollment import Gate, create_key, give_key, list_keys, revoke_key
from compliance.server.storage.clock import now_ms

GIVEN = "Zq3x8Lw0aVtR5nBk7YcMd2HsJf9GpXe4UiTo6Qr1Wb8K"


def given(store, key=GIVEN, name="gateway", role="ingest", **more):
    return asyncio.run(give_key(store, name, role, key, **more))


def opens(store, key):
    """What the key opens, as a server that has just started sees it."""
    known = asyncio.run(Gate(store).key(key))
    return known.role if known is not None and known.objection() is None else None


def names(store):
    return [(row["name"], row["role"], row["revoked_at"] is None) for row in asyncio.run(list_keys(store))]


def test_a_key_that_was_made_elsewhere_opens_what_its_role_opens(store):
    assert given(store) is True
    assert opens(store, GIVEN) == "ingest"


def test_the_same_key_again_changes_nothing(store):
    given(store)
    before = asyncio.run(list_keys(store))
    assert given(store) is False
    assert asyncio.run(list_keys(store)) == before


def test_two_servers_that_are_given_the_same_key_at_once_keep_one(store):
    async def both():
        return await asyncio.gather(*(give_key(store, "gateway", "ingest", GIVEN) for _ in range(2)))

    assert sorted(asyncio.run(both())) == [False, True]
    assert names(store) == [("gateway", "ingest", True)]


def test_a_new_key_takes_the_place_of_the_one_before_it(store):
    given(store)
    new = secrets.token_urlsafe(32)
    assert given(store, new) is True
    assert (opens(store, GIVEN), opens(store, new)) == (None, "ingest")
    assert names(store) == [("gateway", "ingest", False), ("gateway", "ingest", True)]


def test_another_keys_name_is_left_alone(store):
    made = asyncio.run(create_key(store, "gateway", "read"))
    with pytest.raises(WrongUsage, match="is in use"):
        given(store)
    assert (opens(store, made), opens(store, GIVEN)) == ("read", None)


def test_a_key_that_was_revoked_does_not_come_back(store):
    given(store)
    asyncio.run(revoke_key(store, "gateway"))
    with pytest.raises(Refused, match="was revoked"):
        given(store)
    assert opens(store, GIVEN) is None


def test_a_key_that_expired_does_not_come_back(store):
    given(store, expires_ms=now_ms() - 1)
    with pytest.raises(Refused, match="expired"):
        given(store)


def test_one_key_is_not_two(store):
    given(store)
    with pytest.raises(WrongUsage, match="'gateway' with the role ingest already"):
        given(store, name="rollout", role="enroll")


@pytest.mark.parametrize(
    "key",
    [
        "",
        "short",
        "a" * 31,
        "a" * 48,
        "0123456" * 6,
        "with spaces in it, and long enough for it",
        "x" + GIVEN * 3,
        f"cmk_{GIVEN}",
        f"cmt_{GIVEN[:43]}",
    ],
)
def test_what_could_be_guessed_or_is_none_is_not_taken(store, key):
    with pytest.raises(WrongUsage) as refused:
        given(store, key)
    assert len(key) < 8 or key not in str(refused.value)
    assert names(store) == []


@pytest.mark.parametrize(
    "text", ["", "a" * 31, "a" * 129, f"cmk_{'a' * 42}", f"cmk_{'a' * 44}", f"cmt_{'a' * 43}", GIVEN + "é"]
)
def test_a_malformed_key_is_refused_without_a_query(text):
    nothing_to_ask = None
    assert asyncio.run(Gate(nothing_to_ask).key(text)) is None  # type: ignore[arg-type]


def test_a_name_that_is_in_use_is_not_given_twice(store):
    asyncio.run(create_key(store, "audit", "read"))
    with pytest.raises(WrongUsage, match="is in use"):
        asyncio.run(create_key(store, "audit", "read"))


def test_a_role_that_is_none_is_refused(store):
    with pytest.raises(WrongUsage, match="no role 'owner'"):
        given(store, role="owner")
    assert names(store) == []
