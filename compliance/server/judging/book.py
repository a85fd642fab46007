"""Which version of which policy stood when. A book is read whole, and again only when policies were applied since."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from functools import cached_property
from hashlib import blake2b

import msgspec
from msgspec import Struct

from compliance.errors import Refused
from compliance.server.policies.needs import Needs, needs
from compliance.server.policies.policy import Policy
from compliance.server.policies.rules import ClockRule, leaves
from compliance.server.storage.clock import OPEN, to_ms, to_text
from compliance.server.storage.engine import Store
from compliance.server.storage.pool import Session as Db

FOREVER = to_ms(OPEN)
COLUMNS = ("policy_id", "applied_at", "replaced_at", "version", "origin")


class Period(Struct, frozen=True, dict=True, eq=False):
    """From `since` until `until` (exclusive) a policy was this version."""

    policy_id: int
    version: int
    policy: Policy
    since: int
    until: int
    origin: str

    @cached_property
    def needs(self) -> Needs:
        return needs(self.policy)

    @cached_property
    def is_exact(self) -> bool:
        """Whether the moment of judging, or the host's clock, has a part in the verdict."""
        return self.needs.by_clock or any(isinstance(leaf, ClockRule) for leaf in leaves(self.policy.rule))


class Book(Struct, frozen=True):
    """`changes`: when policies were applied, by number; the last number says which book it is."""

    periods: tuple[Period, ...]
    changes: Mapping[int, int]

    @property
    def number(self) -> int:
        return max(self.changes, default=0)

    @property
    def begins(self) -> int | None:
        return min(self.changes.values(), default=None)

    def changed_after(self, number: int) -> int | None:
        """The earliest moment of which this book says something else than the one of that number."""
        return min((at for change, at in self.changes.items() if change > number), default=None)

    def standing(self, at: int) -> tuple[Period, ...]:
        return tuple(one for one in self.periods if one.since <= at < one.until)

    def since(self, at: int) -> tuple[Period, ...]:
        """All that stood at the moment or later."""
        return tuple(one for one in self.periods if one.until > at)


class Applied(Struct, frozen=True):
    """What applying changed: ids of policies."""

    added: tuple[str, ...] = ()
    changed: tuple[str, ...] = ()
    withdrawn: tuple[str, ...] = ()
    unchanged: tuple[str, ...] = ()
    left: tuple[str, ...] = ()
    """Shipped ones that a folder's policy of the same id replaces."""


def newest(db: Db) -> int:
    """The number of the book that is in the store now."""
    return int(db.query("SELECT COALESCE(MAX(id), 0) FROM policy_change")[0][0])


def read_book(db: Db, known: Book | None = None) -> Book:
    """Versions that `known` holds are not read again."""
    if known is not None and newest(db) == known.number:
        return known
    policies = {} if known is None else {(one.policy_id, one.version): one.policy for one in known.periods}
    changes = {number: to_ms(at) for number, at in db.query("SELECT id, applied_at FROM policy_change")}
    rows = db.query(
        f"SELECT {', '.join(COLUMNS)} FROM policy_period ORDER BY policy_id, applied_at",
    )
    missing = {(policy, version) for policy, _, _, version, _ in rows} - policies.keys()
    if missing:
        for policy, version, content in db.query("SELECT policy_id, version, content FROM policy_version"):
            if (policy, version) in missing:
                policies[policy, version] = msgspec.json.decode(content, type=Policy)
    periods = tuple(
        Period(policy, version, policies[policy, version], to_ms(since), to_ms(until), origin)
        for policy, since, until, version, origin in rows
    )
    return Book(periods, changes)


def apply(store: Store, policies: Iterable[Policy], origin: str, now: int) -> Applied:
    """From now on these are the policies of that origin; those it had besides are withdrawn."""
    asked = {policy.id: policy for policy in policies}
    with store.session() as db:
        db.begin()
        book = read_book(db)
        standing = {one.policy.id: one for one in book.standing(FOREVER - 1)}
        others = {name for name, one in standing.items() if one.origin != origin}
        left = tuple(sorted(others & asked.keys())) if origin == "builtin" else ()
        asked = {name: policy for name, policy in asked.items() if name not in left}
        own = {name: one for name, one in standing.items() if one.origin == origin or name in asked}
        unchanged = {name for name, one in own.items() if asked.get(name) == one.policy and one.origin == origin}
        applied = Applied(
            added=tuple(sorted(asked.keys() - own.keys())),
            changed=tuple(sorted((asked.keys() & own.keys()) - unchanged)),
            withdrawn=tuple(sorted(own.keys() - asked.keys())),
            unchanged=tuple(sorted(unchanged)),
            left=left,
        )
        if applied.added or applied.changed or applied.withdrawn:
            moment = to_text(max([now, *(at + 1 for at in book.changes.values())]))
            _close(db, [own[name] for name in (*applied.changed, *applied.withdrawn)], moment)
            _open(db, [asked[name] for name in (*applied.added, *applied.changed)], origin, moment)
            db.execute("INSERT INTO policy_change (applied_at, origin) VALUES (?, ?)", [moment, origin])
        db.commit()
    return applied


def _close(db: Db, periods: list[Period], moment: str) -> None:
    rows = [(one.policy_id, to_text(one.since), moment) for one in periods]
    key = ("policy_id", "applied_at")
    if rows and db.update_many("policy_period", key, ("replaced_at",), rows, where=f"replaced_at = '{OPEN}'") != len(
        rows
    ):
        raise Refused("Somebody else applied policies in this moment: look at `policies list`, then apply again.")


def _open(db: Db, policies: list[Policy], origin: str, moment: str) -> None:
    db.insert_missing("policy", ("name",), [(policy.id,) for policy in policies], key=("name",))
    ids = dict(db.query_in("SELECT name, id FROM policy WHERE name IN ({in})", [policy.id for policy in policies]))
    there = db.query_in(
        "SELECT policy_id, version, digest FROM policy_version WHERE policy_id IN ({in})", list(ids.values())
    )
    versions = {(policy, digest): version for policy, version, digest in there}
    periods = []
    for policy in policies:
        content = msgspec.json.encode(policy)
        key = ids[policy.id], blake2b(content, digest_size=16).digest()
        if key not in versions:
            versions[key] = 1 + max((known for (of, _), known in versions.items() if of == key[0]), default=0)
            row = (key[0], versions[key], key[1], content.decode(), moment)
            db.insert_new("policy_version", ("policy_id", "version", "digest", "content", "recorded_at"), [row])
        periods.append((ids[policy.id], moment, OPEN, versions[key], origin))
    db.insert_new("policy_period", COLUMNS, periods)
