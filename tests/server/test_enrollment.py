"""Keys that were made here, keys that a secret store made, and hosts that come, are two, or are gone."""

import asyncio
import secrets

import pytest

from compliance.errors import ComplianceError, Refused, WrongUsage
from compliance.server.enrollment import (
    ROLES,
    Taken,
    create_key,
    enroll,
    give_key,
    list_keys,
    release,
    retire,
    revoke_key,
)
from compliance.server.gate import Gate
from compliance.server.storage.clock import now_ms, to_text
from compliance.wire.messages import Enrollment

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


def test_a_name_that_is_in_use_is_not_given_twice(store):
    asyncio.run(create_key(store, "audit", "read"))
    with pytest.raises(WrongUsage, match="is in use"):
        asyncio.run(create_key(store, "audit", "read"))


def test_a_role_that_is_none_is_refused(store):
    with pytest.raises(WrongUsage, match="no role 'owner'"):
        given(store, role="owner")
    assert names(store) == []


@pytest.mark.parametrize("role", ROLES)
def test_a_key_that_was_made_here_has_our_prefix_and_opens_its_role(store, role):
    made = asyncio.run(create_key(store, "one", role))
    assert made.startswith("cmk_")
    assert len(made) == 47
    assert opens(store, made) == role


def test_no_two_keys_are_alike(store):
    made = {asyncio.run(create_key(store, f"key {number}", "read")) for number in range(20)}
    assert len(made) == 20


@pytest.mark.parametrize("name", ["", "  ", "x" * 256])
def test_a_name_that_cannot_be_kept_is_refused(store, name):
    with pytest.raises(WrongUsage, match="1 to 255"):
        asyncio.run(create_key(store, name, "read"))
    asyncio.run(create_key(store, "é" * 255, "read"))


def test_a_key_is_good_until_it_expires_and_its_name_is_free_then(store):
    asyncio.run(create_key(store, "audit", "read", now_ms() - 1))
    later = asyncio.run(create_key(store, "audit", "read", now_ms() + 60_000))
    assert opens(store, later) == "read"


def test_the_list_of_keys_holds_no_hash(store):
    asyncio.run(create_key(store, "audit", "read", now_ms() + 60_000))
    (row,) = asyncio.run(list_keys(store))
    assert set(row) == {"id", "name", "role", "created_at", "expires_at", "revoked_at"}


def test_a_key_is_revoked_by_its_name_or_its_number(store):
    keys = [asyncio.run(create_key(store, name, "read")) for name in ("audit", "wall")]
    numbers = {row["name"]: row["id"] for row in asyncio.run(list_keys(store))}
    asyncio.run(revoke_key(store, "audit"))
    asyncio.run(revoke_key(store, str(numbers["wall"])))
    assert [opens(store, key) for key in keys] == [None, None]


@pytest.mark.parametrize("name", ["nobody", "0", "9" * 18, "9" * 19, "9" * 5000, "²", "' OR 1=1 --"])
def test_a_key_that_is_none_cannot_be_revoked(store, name):
    made = asyncio.run(create_key(store, "audit", "read"))
    with pytest.raises(ComplianceError, match="keys list"):
        asyncio.run(revoke_key(store, name))
    assert opens(store, made) == "read"


# Hosts

TOKEN = "cmt_" + "t" * 43


def enrollment(identity="a" * 32, secret=TOKEN, hostname="web-1"):
    return Enrollment(id=identity, secret=secret, hostname=hostname)


def hosts(store):
    with store.session() as db:
        return db.query(
            "SELECT h.source, h.identity, h.retired_at IS NULL, t.revoked_at IS NULL, c.report_id FROM host h"
            " LEFT JOIN host_token t ON t.host_id = h.id LEFT JOIN host_contact c ON c.host_id = h.id ORDER BY h.id"
        )


def host_id(store, identity="a" * 32):
    with store.session() as db:
        return db.query("SELECT id FROM host WHERE identity = ?", [identity])[0][0]


def test_a_host_enrolls_with_a_token_and_a_contact(store):
    told = asyncio.run(enroll(store, enrollment()))
    assert (told.id, told.name) == ("a" * 32, "web-1")
    assert hosts(store) == [("agent", "a" * 32, 1, 1, None)]


def test_saying_the_same_again_changes_nothing(store):
    for _ in range(3):
        asyncio.run(enroll(store, enrollment()))
    asyncio.run(enroll(store, enrollment(hostname="renamed")))
    assert hosts(store) == [("agent", "a" * 32, 1, 1, None)]


def test_saying_it_many_times_at_once_is_one_host(store):
    async def main():
        return await asyncio.gather(*(enroll(store, enrollment()) for _ in range(6)))

    assert {told.id for told in asyncio.run(main())} == {"a" * 32}
    assert hosts(store) == [("agent", "a" * 32, 1, 1, None)]


def test_hosts_that_enroll_at_once_are_all_kept(store):
    async def main():
        several = (enrollment(f"{n:032x}", f"cmt_{n:043d}") for n in range(8))
        return await asyncio.gather(*(enroll(store, one) for one in several))

    assert len(asyncio.run(main())) == 8
    assert len(hosts(store)) == 8


def test_a_known_host_with_another_secret_is_taken(store):
    asyncio.run(enroll(store, enrollment()))
    with pytest.raises(Taken, match="another secret.*--anew"):
        asyncio.run(enroll(store, enrollment(secret="cmt_" + "u" * 43)))
    assert len(hosts(store)) == 1


def test_a_secret_of_another_host_is_taken(store):
    asyncio.run(enroll(store, enrollment()))
    for _ in range(2):
        with pytest.raises(Taken, match="belongs to another host"):
            asyncio.run(enroll(store, enrollment(identity="b" * 32)))
    asyncio.run(enroll(store, enrollment("b" * 32, "cmt_" + "u" * 43)))
    with pytest.raises(Taken, match="another secret"):
        asyncio.run(enroll(store, enrollment(identity="b" * 32)))


def test_a_revoked_identity_is_taken_for_good(store):
    asyncio.run(enroll(store, enrollment()))
    asyncio.run(retire(store, host_id(store)))
    with pytest.raises(Taken, match="revoked.*--anew"):
        asyncio.run(enroll(store, enrollment()))
    assert hosts(store) == [("agent", "a" * 32, 0, 0, None)]


def test_a_host_of_the_original_contract_with_the_same_name_is_another(store):
    with store.session() as db:
        row = ("original", "a" * 32, to_text(now_ms()))
        db.insert_new("host", ("source", "identity", "enrolled_at"), [row])
    asyncio.run(enroll(store, enrollment()))
    assert [row[:4] for row in hosts(store)] == [("original", "a" * 32, 1, 1), ("agent", "a" * 32, 1, 1)]


def test_retiring_twice_keeps_the_first_moment(store):
    asyncio.run(enroll(store, enrollment()))

    def retired_at():
        with store.session() as db:
            return db.query("SELECT h.retired_at, t.revoked_at FROM host h JOIN host_token t ON t.host_id = h.id")

    asyncio.run(retire(store, host_id(store)))
    first = retired_at()
    asyncio.run(retire(store, host_id(store)))
    assert retired_at() == first


def test_a_host_that_is_not_refused_cannot_be_released_and_stays_as_it_is(store):
    asyncio.run(enroll(store, enrollment()))
    with pytest.raises(Refused, match="nothing to release"):
        asyncio.run(release(store, host_id(store)))
    assert hosts(store) == [("agent", "a" * 32, 1, 1, None)]


def test_releasing_ends_the_refusal_and_the_shared_identity_at_once(store):
    asyncio.run(enroll(store, enrollment()))
    with store.session() as db:
        refused = to_text(now_ms())
        db.execute("UPDATE host_contact SET refused_at = ?, forks = 2 WHERE host_id = ?", [refused, host_id(store)])
    asyncio.run(release(store, host_id(store)))
    assert hosts(store) == [("agent", "a" * 32, 0, 0, None)]
    with store.session() as db:
        # Since when it was refused stays known: what was not taken of it is unknown for good.
        assert db.query("SELECT refused_at FROM host_contact") == [(refused,)]
    with pytest.raises(Refused, match="nothing to release"):
        asyncio.run(release(store, host_id(store)))
    with pytest.raises(Taken, match="revoked"):
        asyncio.run(enroll(store, enrollment()))
    asyncio.run(enroll(store, enrollment("b" * 32, "cmt_" + "u" * 43)))
