"""Who stands behind a secret: a key of a person or a program, or a host's token. Only SHA-256 of either is kept."""

from __future__ import annotations

import asyncio
import re
import time
from collections import OrderedDict
from collections.abc import Callable
from dataclasses import dataclass
from hashlib import sha256
from typing import Any, Generic, TypeVar

from compliance.server.storage.clock import now_ms, to_ms
from compliance.server.storage.engine import Store
from compliance.server.storage.tables import ApiKey

REMEMBERED_SECONDS = 10.0
REMEMBERED_SECRETS = 50_000

T = TypeVar("T")

# Ours, or one that was chosen elsewhere (a secret store's generator knows no prefix); never a host's token.
KEY = re.compile(r"cmk_[A-Za-z0-9_-]{43}|(?!cm[kt]_)[A-Za-z0-9_-]{32,128}")
TOKEN = re.compile(r"cmt_[A-Za-z0-9_-]{43}")


@dataclass(frozen=True, slots=True)
class Key:
    """A key that is known; whether it is good still depends on the time."""

    name: str
    role: str
    expires_ms: int | None
    revoked: bool

    def objection(self) -> str | None:
        """Why it opens nothing now."""
        if self.revoked:
            return f"The key {self.name!r} was revoked: ask for a new one."
        if self.expires_ms is not None and now_ms() >= self.expires_ms:
            return f"The key {self.name!r} expired: make a new one with `compliance server keys create`."
        return None


@dataclass(frozen=True, slots=True)
class Token:
    """A host's token that is known."""

    host_id: int
    revoked: bool


def hash_secret(secret: str) -> bytes:
    """A random secret needs no salt and no slow hash."""
    return sha256(secret.encode()).digest()


class Memory(Generic[T]):
    """What each secret, by its hash, was found to be: for 10 seconds, and of so many."""

    def __init__(self, clock: Callable[[], float], most: int = REMEMBERED_SECRETS) -> None:
        self._clock = clock
        self._most = most
        self._found: OrderedDict[bytes, tuple[float, T | None]] = OrderedDict()

    def __len__(self) -> int:
        return len(self._found)

    def recall(self, hashed: bytes) -> tuple[bool, T | None]:
        """Whether it is remembered, and as what; None is a refusal."""
        until, value = self._found.get(hashed, (float("-inf"), None))
        return until > self._clock(), value

    def remember(self, hashed: bytes, value: T | None) -> None:
        self._found[hashed] = (self._clock() + REMEMBERED_SECONDS, value)
        self._found.move_to_end(hashed)
        if len(self._found) > self._most:  # refusals too are bounded: guessing cannot fill the memory
            self._found.popitem(last=False)

    def forget(self, hashed: bytes) -> None:
        self._found.pop(hashed, None)


class Gate:
    """Answers who a secret belongs to. Malformed ones cost no query, others one indexed read in 10 seconds."""

    def __init__(self, store: Store, clock: Callable[[], float] = time.monotonic) -> None:
        self._store = store
        self._keys: Memory[Key] = Memory(clock)
        self._tokens: Memory[Token] = Memory(clock)
        self._asked: dict[bytes, asyncio.Future[Token | None]] = {}
        self._reading: asyncio.Task[None] | None = None

    async def key(self, text: str) -> Key | None:
        if not KEY.fullmatch(text):
            return None
        hashed = hash_secret(text)
        known, key = self._keys.recall(hashed)
        if not known:
            key = await self._read_key(hashed)
            self._keys.remember(hashed, key)
        return key

    async def token(self, text: str) -> Token | None:
        if not TOKEN.fullmatch(text):
            return None
        hashed = hash_secret(text)
        known, token = self._tokens.recall(hashed)
        return token if known else await self._ask(hashed)

    async def _ask(self, hashed: bytes) -> Token | None:
        """Those who ask while a read is under way share the next one: a busy fleet costs few statements."""
        if hashed not in self._asked:
            self._asked[hashed] = asyncio.get_running_loop().create_future()
        answer = self._asked[hashed]
        if self._reading is None or self._reading.done():
            self._reading = asyncio.create_task(self._read_asked())
        return await asyncio.shield(answer)

    async def _read_asked(self) -> None:
        while self._asked:
            asked, self._asked = self._asked, {}
            try:
                found = await self._read_tokens(list(asked))
            except BaseException as error:
                for answer in asked.values():
                    answer.set_exception(error)
                    answer.exception()  # seen, though whoever asked may have gone
                if not isinstance(error, Exception):
                    raise
                continue
            for hashed, answer in asked.items():
                self._tokens.remember(hashed, found.get(hashed))
                answer.set_result(found.get(hashed))

    def forget_token(self, text: str) -> None:
        """A refused token that has just been enrolled is good at once."""
        self._tokens.forget(hash_secret(text))

    async def _read_key(self, hashed: bytes) -> Key | None:
        rows = await self._store.rows(ApiKey.select().where(ApiKey.hash == hashed))
        return key_of(rows[0]) if rows else None

    async def _read_tokens(self, hashes: list[bytes]) -> dict[bytes, Token]:
        found: dict[bytes, Token] = {}
        for start in range(0, len(hashes), 500):
            part = hashes[start : start + 500]
            sql = f"SELECT hash, host_id, revoked_at FROM host_token WHERE hash IN ({','.join('?' * len(part))})"
            for row in await self._store.raw(sql, part):
                found[row["hash"]] = Token(row["host_id"], row["revoked_at"] is not None)
        return found


def key_of(row: dict[str, Any]) -> Key:
    expires = None if row["expires_at"] is None else to_ms(row["expires_at"])
    return Key(row["name"], row["role"], expires, row["revoked_at"] is not None)
