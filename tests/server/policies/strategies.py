"""Random rules and random hosts, small enough that they meet."""

from typing import Any

from hypothesis import strategies as st

from compliance.server.policies.cases import AccountCase, CpuCase, PackageCase, PortCase, ReportCase
from compliance.server.policies.facts import Contact, Facts, Seen, Unseen
from compliance.server.policies.patterns import Pattern
from compliance.server.policies.rules import (
    AccountFilter,
    AccountRule,
    AgentRule,
    AllRule,
    AnyRule,
    ClockRule,
    CpuRule,
    FreshnessRule,
    KernelRule,
    NotRule,
    OsRule,
    OsSupportedRule,
    PackageFilter,
    PackageRule,
    PortFilter,
    PortRule,
    ProcessFilter,
    ProcessRule,
    SessionFilter,
    SessionRule,
)
from compliance.wire.facts import Host, OperatingSystem, Process, Session
from compliance.wire.messages import Blind

NOON = 1_780_315_200_000  # 2026-06-01 12:00 UTC
MINUTE, HOUR = 60_000, 3_600_000

NAMES = ("nc", "ncat", "sshd", "bash")
USERS = ("root", "ana")
PATHS = ("/bin/nc", "/tmp/x", "/usr/sbin/sshd")
LINES = ("nc -l 4444", "sshd -D", "bash -i", "x" * 4096)
ADDRESSES = ("10.0.0.5", "203.0.113.7", "fe80::1%eth0", "bastion.example.com", ":0")


def texts(words):
    word = st.sampled_from(words)
    pattern = st.builds(Pattern, glob=word.map(lambda one: f"{one[:2]}*")) | st.builds(
        Pattern, regex=word.map(lambda one: f"{one[:2]}.*"), any_case=st.booleans()
    )
    return word | pattern | st.lists(word | pattern, min_size=1, max_size=2).map(tuple)


def some(strategy):
    return st.none() | strategy


def filled(struct, **fields):
    """A filter with at least one field."""
    chosen = st.fixed_dictionaries({}, optional=fields).filter(bool)
    return chosen.map(lambda given: struct(**given))


SPANS = st.sampled_from(("1m", "2m", "1h", "2h"))
EXPECT = st.sampled_from(("present", "absent"))
NETWORKS = st.sampled_from((("10.0.0.0/8",), ("203.0.113.0/24", "fe80::/10")))

PROCESS = {"name": texts(NAMES), "path": texts(PATHS), "arguments": texts(LINES[:3]), "user": texts(USERS)}
SESSION = {
    "user": texts(USERS),
    "root": st.booleans(),
    "remote": st.booleans(),
    "origin": NETWORKS,
    "outside": NETWORKS,
    "older_than": SPANS,
}
PORT = {
    "port": st.sampled_from(("22", "20-25", ("22", "80"))),
    "protocol": st.sampled_from(("tcp", "udp")),
    "exposed": st.booleans(),
    "process": texts(NAMES),
    "user": texts(USERS),
}
PACKAGE = {"name": texts(NAMES), "manager": texts(("dpkg", "rpm")), "version": texts(("1.0", "2.0"))}
ACCOUNT = {
    "name": texts(USERS),
    "uid": st.sampled_from((0, 1000)),
    "below_uid": st.just(1000),
    "shell": texts(("/bin/bash", "/usr/sbin/nologin")),
    "login": st.booleans(),
    "password": st.sampled_from(("set", "none", "locked")),
}


def row_rules(rule, like, fields):
    """Rules of a kind: a filter of its own, an expectation, and sometimes what is not meant."""
    unless = st.lists(filled(like, **fields), max_size=1).map(tuple)
    own = st.fixed_dictionaries({}, optional=fields).filter(bool)
    return st.tuples(own, EXPECT, unless).map(lambda parts: rule(**parts[0], expect=parts[1], unless=parts[2]))


def package_rules() -> Any:
    plain = row_rules(PackageRule, PackageFilter, PACKAGE)
    versions = st.tuples(texts(NAMES), st.sampled_from(("1.0", "1.5")), st.sampled_from(("dpkg", "rpm", "generic")))
    names = ("name", "at_least", "scheme")
    newer = versions.map(lambda parts: PackageRule(expect="present", **dict(zip(names, parts, strict=True))))
    return plain | newer


ROW_RULES = st.one_of(
    row_rules(ProcessRule, ProcessFilter, PROCESS),
    row_rules(SessionRule, SessionFilter, SESSION),
    row_rules(PortRule, PortFilter, PORT),
    package_rules(),
    row_rules(AccountRule, AccountFilter, ACCOUNT),
)
LEAVES = st.one_of(
    ROW_RULES,
    st.builds(OsSupportedRule, counting=st.sampled_from(("regular", "free", "paid")), ahead=some(SPANS)),
    st.builds(OsRule, name=texts(("Ubuntu", "Debian GNU/Linux")), at_least=some(st.sampled_from(("11", "22.04")))),
    st.builds(KernelRule, at_least=st.sampled_from(("5.10", "6.1.0-20"))),
    st.builds(CpuRule, below=st.sampled_from((50.0, 90.0)), span=SPANS),
    st.builds(
        FreshnessRule,
        within=SPANS,
        of=st.lists(st.sampled_from(("processes", "packages")), unique=True, max_size=2).map(tuple),
    ),
    st.builds(ClockRule, within=st.sampled_from(("5s", "1m"))),
    st.builds(AgentRule, at_least=st.sampled_from(("0.1.0", "0.2.0"))),
)
RULES = st.recursive(
    LEAVES,
    lambda inner: st.one_of(
        st.lists(inner, min_size=1, max_size=3).map(lambda parts: AllRule(of=tuple(parts))),
        st.lists(inner, min_size=1, max_size=3).map(lambda parts: AnyRule(of=tuple(parts))),
        inner.map(lambda rule: NotRule(rule=rule)),
    ),
    max_leaves=4,
)

# A process of Linux: a kernel thread has neither file nor arguments, and only those are children of number 2.
PROCESSES = st.builds(
    Process,
    pid=st.integers(100, 110),
    ticks=st.just(1),
    ppid=st.sampled_from((1, 100)),
    user=some(st.sampled_from(USERS)),
    name=st.sampled_from(NAMES),
    exe=some(st.sampled_from(PATHS)),
    arguments=some(st.sampled_from(LINES)),
) | st.builds(
    Process,
    pid=st.integers(3, 5),
    ticks=st.just(1),
    ppid=st.just(2),
    user=st.just("root"),
    name=st.sampled_from((*NAMES, "kworker/0:1")),
)
SESSIONS = st.builds(
    Session,
    user=st.sampled_from(USERS),
    terminal=st.just("pts/0"),
    remote_host=some(st.sampled_from(ADDRESSES)),
    opened_at=some(st.integers(NOON - 3 * HOUR, NOON)),
)
PORTS = st.builds(
    PortCase,
    port=st.sampled_from((22, 23, 80)),
    protocol=st.sampled_from(("tcp", "udp")),
    address=st.sampled_from(("0.0.0.0", "127.0.0.1", "::1", "10.0.0.1")),
    process=some(st.sampled_from(NAMES)),
    user=some(st.sampled_from(USERS)),
)
PACKAGES = st.builds(
    PackageCase,
    name=st.sampled_from(NAMES),
    version=st.sampled_from(("1.0", "1.5~rc1", "2.0", "?")),
    manager=st.sampled_from(("dpkg", "rpm", "apk")),
)
ACCOUNTS = st.builds(
    AccountCase,
    name=st.sampled_from(USERS),
    uid=st.sampled_from((0, 999, 1000)),
    shell=some(st.sampled_from(("", "/bin/bash", "/usr/sbin/nologin"))),
    password=some(st.sampled_from(("set", "none", "locked"))),
)


def sights(rows):
    blind = st.builds(Blind, rows=st.integers(0, 1), fields=st.integers(0, 1), reason=st.just("no privilege"))
    seen = st.builds(Seen, st.lists(rows, max_size=4).map(tuple), some(blind))
    return st.one_of(seen, seen, seen, st.just(Unseen("no report since")))


SYSTEMS = st.builds(
    OperatingSystem,
    name=st.sampled_from(("Ubuntu", "Debian GNU/Linux", "Arch Linux", "Windows 11")),
    version=some(st.sampled_from(("11", "12", "22.04", "10.0.22631"))),
    kernel=some(st.sampled_from(("5.4.0-1-amd64", "6.1.0-21-amd64"))),
)
CONTACTS = st.builds(
    Contact,
    enrolled_at=st.integers(NOON - HOUR, NOON),
    seen_at=some(st.integers(NOON - HOUR, NOON)),
    interval_s=some(st.sampled_from((20, 60))),
    looked_at=st.dictionaries(st.sampled_from(("processes", "packages")), st.integers(NOON - HOUR, NOON)),
)
REPORTS = st.builds(
    ReportCase, agent=st.sampled_from(("0.1.0", "0.2.0rc1", "main")), skew=st.sampled_from(("0", "-3m", "7s"))
)


def one(rows):
    return rows.map(lambda row: Seen((row,))) | st.just(Unseen("the collector failed"))


SAMPLES = st.lists(
    st.builds(
        CpuCase, st.integers(0, 90).map(lambda back: NOON - back * MINUTE // 2), st.sampled_from((10.0, 70.0, 99.0))
    ),
    max_size=12,
).map(lambda rows: Seen(tuple(sorted(rows, key=lambda row: row.seen_at))))

FACTS = st.builds(
    Facts,
    host=one(st.builds(Host, hostname=st.sampled_from(("web-1", "db-1")))),
    os=one(SYSTEMS),
    processes=sights(PROCESSES),
    sessions=sights(SESSIONS),
    cpu=SAMPLES | st.just(Unseen("no report since")),
    ports=sights(PORTS),
    packages=sights(PACKAGES),
    accounts=sights(ACCOUNTS),
    report=one(REPORTS),
    contact=CONTACTS,
    labels=st.dictionaries(st.sampled_from(("role", "env")), st.sampled_from(("web", "prod"))),
)
