import asyncio
from hashlib import sha256

import pytest

from compliance.server.enrollment import create_key, enroll, retire, revoke_key
from compliance.server.gate import REMEMBERED_SECONDS, Gate, Memory, Token
from compliance.server.storage.clock import now_ms
from compliance.wire.messages import Enrollment

TOKEN = "cmt_" + "t" * 43
STRANGER = "cmt_" + "s" * 43


class Clock:
    now = 1000.0

    def __call__(self):
        return self.now


@pytest.fixture
def clock():
    return Clock()


class Counting:
    """The store, and how often it was asked."""

    def __init__(self, store):
        self._store, self.asked = store, 0

    def __getattr__(self, name):
        if name in ("rows", "raw"):
            self.asked += 1
        return getattr(self._store, name)


@pytest.fixture
def counting(store):
    return Counting(store)


async def key_of(gate, text):
    """For who knows that there is one."""
    return await gate.key(text)


def enrolled(store, secret=TOKEN):
    asyncio.run(enroll(store, Enrollment(id=sha256(secret.encode()).hexdigest()[:32], secret=secret, hostname="web-1")))
    with store.session() as db:
        return db.query("SELECT host_id FROM host_token WHERE hash = ?", [sha256(secret.encode()).digest()])[0][0]


def test_a_key_is_known_with_its_name_and_role(store):
    made = asyncio.run(create_key(store, "audit", "read"))
    key = asyncio.run(key_of(Gate(store), made))
    assert (key.name, key.role, key.objection()) == ("audit", "read", None)


def test_a_token_is_known_with_its_host(store):
    assert asyncio.run(Gate(store).token(TOKEN)) is None
    host_id = enrolled(store)
    assert asyncio.run(Gate(store).token(TOKEN)) == Token(host_id, revoked=False)


@pytest.mark.parametrize(
    "text", ["", "cmt_", TOKEN + "t", TOKEN[:-1], TOKEN + "\n", "cmk" + TOKEN[3:], TOKEN[:-1] + "é", "' OR 1=1 --" * 4]
)
def test_a_malformed_token_is_refused_without_a_query(text):
    nothing_to_ask = None
    assert asyncio.run(Gate(nothing_to_ask).token(text)) is None  # type: ignore[arg-type]


@pytest.mark.parametrize(
    "text", ["", "a" * 31, "a" * 129, f"cmk_{'a' * 42}", f"cmk_{'a' * 44}", f"cmt_{'a' * 43}", "a" * 40 + "é"]
)
def test_a_malformed_key_is_refused_without_a_query(text):
    nothing_to_ask = None
    assert asyncio.run(Gate(nothing_to_ask).key(text)) is None  # type: ignore[arg-type]


def test_a_token_and_a_key_are_read_once_in_ten_seconds(store, counting, clock):
    host_id = enrolled(store)
    made = asyncio.run(create_key(store, "audit", "read"))

    async def main():
        gate = Gate(counting, clock)
        for _ in range(5):
            assert await gate.token(TOKEN) == Token(host_id, revoked=False)
            assert (await key_of(gate, made)).role == "read"
        assert counting.asked == 2
        clock.now += REMEMBERED_SECONDS
        await gate.token(TOKEN)
        await gate.key(made)
        return counting.asked

    assert asyncio.run(main()) == 4


def test_an_unknown_secret_is_refused_once_and_remembered(counting, clock):
    async def main():
        gate = Gate(counting, clock)
        for _ in range(5):
            assert await gate.token(STRANGER) is None
            assert await gate.key("cmk_" + "s" * 43) is None
        return counting.asked

    assert asyncio.run(main()) == 2


def test_a_revoked_key_and_a_retired_hosts_token_open_nothing_ten_seconds_later(store, clock):
    host_id = enrolled(store)
    made = asyncio.run(create_key(store, "audit", "read"))

    async def main():
        gate = Gate(store, clock)
        await gate.key(made)
        await gate.token(TOKEN)
        await revoke_key(store, "audit")
        await retire(store, host_id)
        clock.now += REMEMBERED_SECONDS
        return (await key_of(gate, made)).objection(), await gate.token(TOKEN)

    objection, token = asyncio.run(main())
    assert "'audit' was revoked" in objection
    assert token == Token(host_id, revoked=True)


def test_no_more_than_ten_seconds_are_remembered():
    assert REMEMBERED_SECONDS <= 10


def test_a_key_that_expires_while_it_is_remembered_opens_nothing_from_then_on(store, clock, monkeypatch):
    ends = now_ms() + 3_600_000
    made = asyncio.run(create_key(store, "audit", "read", ends))

    async def main():
        gate = Gate(store, clock)
        before = (await key_of(gate, made)).objection()
        monkeypatch.setattr("compliance.server.gate.now_ms", lambda: ends)
        return before, (await key_of(gate, made)).objection()

    before, after = asyncio.run(main())
    assert before is None
    assert "'audit' expired" in after


def test_a_refused_token_that_was_enrolled_is_good_at_once(store, clock):
    async def refused_then_enrolled():
        gate = Gate(store, clock)
        assert await gate.token(TOKEN) is None
        await enroll(store, Enrollment(id="1" * 32, secret=TOKEN, hostname="web-1"))
        gate.forget_token(TOKEN)
        return await gate.token(TOKEN)

    assert asyncio.run(refused_then_enrolled()) is not None


def test_those_who_ask_at_once_share_a_statement(store, counting, clock):
    secrets = [f"cmt_{number:043d}" for number in range(20)]
    hosts = [enrolled(store, secret) for secret in secrets[:10]]

    async def main():
        gate = Gate(counting, clock)
        return await asyncio.gather(*(gate.token(secret) for secret in secrets * 2))

    found = asyncio.run(main())
    assert [token and token.host_id for token in found] == [*hosts, *[None] * 10] * 2
    assert counting.asked <= 2


def test_more_than_a_statement_holds_are_all_found(store, clock):
    host_id = enrolled(store)
    secrets = [f"cmt_{number:043d}" for number in range(1200)]

    async def main():
        gate = Gate(store, clock)
        return await asyncio.gather(*(gate.token(secret) for secret in [*secrets, TOKEN]))

    found = asyncio.run(main())
    assert found[-1] == Token(host_id, revoked=False)
    assert set(found[:-1]) == {None}


def test_a_request_that_goes_away_takes_nobody_elses_answer_with_it(store, clock):
    host_id = enrolled(store)

    async def main():
        gate = Gate(store, clock)
        gone, stays = (asyncio.create_task(gate.token(TOKEN)) for _ in range(2))
        await asyncio.sleep(0)
        gone.cancel()
        return await stays

    assert asyncio.run(main()) == Token(host_id, revoked=False)


class Failing:
    """A store that cannot be asked at first."""

    def __init__(self, store, times):
        self._store, self.times = store, times

    def __getattr__(self, name):
        return getattr(self._store, name)

    async def raw(self, sql, args):
        if self.times:
            self.times -= 1
            raise OSError("away")
        return await self._store.raw(sql, args)


def test_a_store_that_cannot_be_asked_is_no_refusal_and_is_not_remembered(store, clock):
    host_id = enrolled(store)

    async def main():
        gate = Gate(Failing(store, times=1), clock)  # type: ignore[arg-type]
        failures = await asyncio.gather(gate.token(TOKEN), gate.token(TOKEN), return_exceptions=True)
        return failures, await gate.token(TOKEN)

    failures, token = asyncio.run(main())
    assert [type(failure) for failure in failures] == [OSError, OSError]
    assert token == Token(host_id, revoked=False)


def test_the_memory_is_bounded_and_forgets_the_oldest(clock):
    memory: Memory[int] = Memory(clock, most=3)
    for number in range(5):
        memory.remember(bytes([number]), number)
    memory.remember(bytes([2]), 2)
    assert len(memory) == 3
    assert [memory.recall(bytes([number])) for number in range(5)] == [
        (False, None),
        (False, None),
        (True, 2),
        (True, 3),
        (True, 4),
    ]


def test_only_hashes_are_kept(store, clock):
    """Neither the tables nor the memory of the process hold a secret."""
    enrolled(store)
    made = asyncio.run(create_key(store, "audit", "read"))
    gate = Gate(store, clock)
    asyncio.run(gate.key(made))
    with store.session() as db:
        kept = repr([db.query(f"SELECT * FROM {table}") for table in ("api_key", "host_token", "host")])
        assert db.query("SELECT hash FROM api_key") == [(sha256(made.encode()).digest(),)]
        assert db.query("SELECT hash FROM host_token") == [(sha256(TOKEN.encode()).digest(),)]
    for secret in (made, TOKEN):
        assert secret not in kept
        assert secret not in repr(vars(gate._keys)) + repr(vars(gate._tokens))
