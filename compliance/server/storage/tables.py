"""Every table there is, for Piccolo. The columns are made by the migrations; a test holds the two together.

An interval table says what was so from `first_seen_at` until `ended_at` (exclusive; `clock.OPEN` while it lasts), on
the fleet's one time axis. A row is opened once and closed once, and is not touched while nothing happens; a closed one
keeps in `last_seen_at` the look that saw it last. Times are `clock` texts. Natural keys span several columns, of which
Piccolo is told the first only.
"""

from piccolo.columns import BigInt, Boolean, Bytea, DoublePrecision, ForeignKey, Integer, Serial, Text, Varchar
from piccolo.table import Table

from compliance.server.storage.engine import ENGINE

TIME = 23


class Health(Table, tablename="health", db=ENGINE):
    """One row, written to see whether the store takes writes."""

    id = Integer(primary_key=True)
    checked_at = Varchar(TIME)


class Horizon(Table, tablename="horizon", db=ENGINE):
    """One row: what ended before this moment may have been pruned, so that before it the past is unknown, not empty."""

    id = Integer(primary_key=True)
    kept_from = Varchar(TIME)


class ApiKey(Table, tablename="api_key", db=ENGINE):
    """A key that a person or a program was given; only its SHA-256 is kept."""

    id = Serial(primary_key=True)
    name = Varchar(255)
    role = Varchar(16)
    hash = Bytea()
    created_at = Varchar(TIME)
    expires_at = Varchar(TIME, null=True, default=None)
    revoked_at = Varchar(TIME, null=True, default=None)


class Host(Table, tablename="host", db=ENGINE):
    """Identity and nothing else: `source` (agent, original) and what that source calls the host."""

    id = Serial(primary_key=True)
    source = Varchar(16)
    identity = Varchar(64)
    enrolled_at = Varchar(TIME)
    retired_at = Varchar(TIME, null=True, default=None)


class HostToken(Table, tablename="host_token", db=ENGINE):
    """The secret by which a host reports, as its SHA-256."""

    hash = Bytea(primary_key=True)
    host_id = ForeignKey(Host, db_column_name="host_id")
    created_at = Varchar(TIME)
    revoked_at = Varchar(TIME, null=True, default=None)


class HostContact(Table, tablename="host_contact", db=ENGINE):
    """Narrow and hot: where a host's chain of reports stands. Locked first by whoever writes the host's facts.

    `recent` holds the last report ids and `boots` digests of the last boot ids, 16 bytes each, newest first. `*_state`
    is the digest of the rows kept, NULL when the next section has to be whole. `*_looked_at` is the last look that saw.
    `forked_by` is a report that followed one which another had followed already: it forks the chain when it joins it.
    `agent` and `blind` (a digest of what was not seen) let an unchanged report be told without reading `host_boot`,
    `blind_spot` and `gap`.
    """

    host_id = ForeignKey(Host, primary_key=True, db_column_name="host_id")
    report_id = Bytea(null=True, default=None)
    recent = Bytea()
    boot_id = Varchar(64, null=True, default=None)
    boots = Bytea()
    agent = Varchar(64, null=True, default=None)
    blind = Bytea(null=True, default=None)
    slowed = Varchar(255, null=True, default=None)
    seen_at = Varchar(TIME, null=True, default=None)
    received_at = Varchar(TIME, null=True, default=None)
    skew_ms = BigInt()
    interval_s = Integer(null=True, default=None)
    revision = BigInt()
    corrections = BigInt()
    forks = Integer()
    forked_at = Varchar(TIME, null=True, default=None)
    forked_by = Bytea(null=True, default=None)
    refused_at = Varchar(TIME, null=True, default=None)
    host_state = Bytea(null=True, default=None)
    os_state = Bytea(null=True, default=None)
    addresses_state = Bytea(null=True, default=None)
    processes_state = Bytea(null=True, default=None)
    sessions_state = Bytea(null=True, default=None)
    host_looked_at = Varchar(TIME, null=True, default=None)
    os_looked_at = Varchar(TIME, null=True, default=None)
    addresses_looked_at = Varchar(TIME, null=True, default=None)
    cpu_looked_at = Varchar(TIME, null=True, default=None)
    processes_looked_at = Varchar(TIME, null=True, default=None)
    sessions_looked_at = Varchar(TIME, null=True, default=None)


class HostBoot(Table, tablename="host_boot", db=ENGINE):
    """Interval: which start of the machine, and which agent told of it."""

    host_id = ForeignKey(Host, primary_key=True, db_column_name="host_id")
    first_seen_at = Varchar(TIME)
    ended_at = Varchar(TIME)
    last_seen_at = Varchar(TIME, null=True, default=None)
    boot_id = Varchar(64)
    agent = Varchar(64)


class HostFact(Table, tablename="host_fact", db=ENGINE):
    """Interval: what the machine calls itself."""

    host_id = ForeignKey(Host, primary_key=True, db_column_name="host_id")
    first_seen_at = Varchar(TIME)
    ended_at = Varchar(TIME)
    last_seen_at = Varchar(TIME, null=True, default=None)
    hostname = Varchar(255)
    machine_id = Varchar(64, null=True, default=None)
    booted_at = Varchar(TIME, null=True, default=None)


class OperatingSystem(Table, tablename="operating_system", db=ENGINE):
    """Dictionary: found by its digest only, as the other dictionaries are."""

    id = Serial(primary_key=True)
    digest = Bytea()
    name = Varchar(255)
    version = Varchar(255, null=True, default=None)
    kernel = Varchar(255, null=True, default=None)
    architecture = Varchar(64, null=True, default=None)


class HostOs(Table, tablename="host_os", db=ENGINE):
    """Interval: what a host runs."""

    host_id = ForeignKey(Host, primary_key=True, db_column_name="host_id")
    first_seen_at = Varchar(TIME)
    ended_at = Varchar(TIME)
    last_seen_at = Varchar(TIME, null=True, default=None)
    operating_system_id = ForeignKey(OperatingSystem, db_column_name="operating_system_id")


class HostAddress(Table, tablename="host_address", db=ENGINE):
    """Interval: an address of a host."""

    host_id = ForeignKey(Host, primary_key=True, db_column_name="host_id")
    address = Varchar(45)
    first_seen_at = Varchar(TIME)
    ended_at = Varchar(TIME)
    last_seen_at = Varchar(TIME, null=True, default=None)
    interface = Varchar(255)
    is_primary = Boolean()


class Account(Table, tablename="account", db=ENGINE):
    """Dictionary: a user name."""

    id = Serial(primary_key=True)
    digest = Bytea()
    name = Varchar(255)


class Program(Table, tablename="program", db=ENGINE):
    """Dictionary: a process's name and its file."""

    id = Serial(primary_key=True)
    digest = Bytea()
    name = Varchar(255)
    exe = Varchar(4096, null=True, default=None)


class Command(Table, tablename="command", db=ENGINE):
    """Dictionary: a program with its arguments, cut at 4,096 characters; the digest is of the whole."""

    id = Serial(primary_key=True)
    digest = Bytea()
    program_id = ForeignKey(Program, db_column_name="program_id")
    arguments = Varchar(4096, null=True, default=None)


class Process(Table, tablename="process", db=ENGINE):
    """Interval: a process. Its pid is used once at a time; `ticks` tells a reused one. NULL: not seen."""

    host_id = ForeignKey(Host, primary_key=True, db_column_name="host_id")
    pid = BigInt()
    first_seen_at = Varchar(TIME)
    ended_at = Varchar(TIME)
    last_seen_at = Varchar(TIME, null=True, default=None)
    ticks = BigInt()
    ppid = BigInt(null=True, default=None)
    started_at = Varchar(TIME, null=True, default=None)
    account_id = ForeignKey(Account, null=True, default=None, db_column_name="account_id")
    command_id = ForeignKey(Command, null=True, default=None, db_column_name="command_id")


class Session(Table, tablename="session", db=ENGINE):
    """Interval: a user on a host; `digest` is of the whole row."""

    host_id = ForeignKey(Host, primary_key=True, db_column_name="host_id")
    digest = Bytea()
    first_seen_at = Varchar(TIME)
    ended_at = Varchar(TIME)
    last_seen_at = Varchar(TIME, null=True, default=None)
    account_id = ForeignKey(Account, db_column_name="account_id")
    terminal = Varchar(255, null=True, default=None)
    remote_host = Varchar(255, null=True, default=None)
    opened_at = Varchar(TIME, null=True, default=None)


class CpuSample(Table, tablename="cpu_sample", db=ENGINE):
    """How busy a host was, one row a look."""

    host_id = ForeignKey(Host, primary_key=True, db_column_name="host_id")
    seen_at = Varchar(TIME)
    percent = DoublePrecision()
    cores = Integer(null=True, default=None)
    load_1 = DoublePrecision(null=True, default=None)
    load_5 = DoublePrecision(null=True, default=None)
    load_15 = DoublePrecision(null=True, default=None)


class CpuHour(Table, tablename="cpu_hour", db=ENGINE):
    """What pruning leaves of an hour's samples."""

    host_id = ForeignKey(Host, primary_key=True, db_column_name="host_id")
    hour_at = Varchar(TIME)
    samples = Integer()
    percent_mean = DoublePrecision()
    percent_max = DoublePrecision()


class Gap(Table, tablename="gap", db=ENGINE):
    """When a kind of fact was not seen, and why: what lies strictly after the start and before the end is unknown."""

    host_id = ForeignKey(Host, primary_key=True, db_column_name="host_id")
    kind = Varchar(16)
    started_at = Varchar(TIME)
    ended_at = Varchar(TIME)
    reason = Varchar(255)


class BlindSpot(Table, tablename="blind_spot", db=ENGINE):
    """Interval: part of a kind was seen, part was not."""

    host_id = ForeignKey(Host, primary_key=True, db_column_name="host_id")
    kind = Varchar(16)
    first_seen_at = Varchar(TIME)
    ended_at = Varchar(TIME)
    last_seen_at = Varchar(TIME, null=True, default=None)
    lacking_rows = BigInt()
    lacking_fields = BigInt()
    reason = Varchar(255)


class Policy(Table, tablename="policy", db=ENGINE):
    """A policy's identity: `name` is the id that its file gives it."""

    id = Serial(primary_key=True)
    name = Varchar(64)


class PolicyVersion(Table, tablename="policy_version", db=ENGINE):
    """A policy as it was applied once, its exceptions with it: JSON, numbered within its policy, kept for ever."""

    policy_id = ForeignKey(Policy, primary_key=True, db_column_name="policy_id")
    version = Integer()
    digest = Bytea()
    content = Text()
    recorded_at = Varchar(TIME)


class PolicyPeriod(Table, tablename="policy_period", db=ENGINE):
    """Interval: which version a policy was from `applied_at` until `replaced_at`; `origin` is folder or builtin."""

    policy_id = ForeignKey(Policy, primary_key=True, db_column_name="policy_id")
    applied_at = Varchar(TIME)
    replaced_at = Varchar(TIME)
    version = Integer()
    origin = Varchar(16)


class PolicyChange(Table, tablename="policy_change", db=ENGINE):
    """Each time that policies were applied and changed: the last id tells what a host was judged by."""

    id = Serial(primary_key=True)
    applied_at = Varchar(TIME)
    origin = Varchar(16)


class HostLabel(Table, tablename="host_label", db=ENGINE):
    """Interval: what a host is called by an administrator or by its agent's file (`source`: admin, agent)."""

    host_id = ForeignKey(Host, primary_key=True, db_column_name="host_id")
    name = Varchar(64)
    source = Varchar(16)
    first_seen_at = Varchar(TIME)
    ended_at = Varchar(TIME)
    value = Varchar(255)


class Finding(Table, tablename="finding", db=ENGINE):
    """Dictionary: what was observed and what was expected, each a sentence, cut at 4,096 characters."""

    id = Serial(primary_key=True)
    digest = Bytea()
    observed = Varchar(4096)
    expected = Varchar(4096)


class Verdict(Table, tablename="verdict", db=ENGINE):
    """Interval: what a version of a policy says of a host (`outcome`: pass, fail, unknown).

    `recorded_at` and `closed_at` are when its beginning and its end were written, by the server's clock. What later
    knowledge contradicts is not edited: it gets `superseded_at` (OPEN while it stands), and new rows say it better.
    `exemption` is the place, from 0, of the exception that stands among those of the version. A host that a policy is
    not about has no row. Gaps are laid over verdicts when they are read.
    """

    host_id = ForeignKey(Host, primary_key=True, db_column_name="host_id")
    policy_id = ForeignKey(Policy, db_column_name="policy_id")
    first_seen_at = Varchar(TIME)
    recorded_at = Varchar(TIME)
    ended_at = Varchar(TIME)
    closed_at = Varchar(TIME, null=True, default=None)
    superseded_at = Varchar(TIME)
    version = Integer()
    outcome = Varchar(8)
    finding_id = ForeignKey(Finding, db_column_name="finding_id")
    exemption = Integer(null=True, default=None)


class Judged(Table, tablename="judged", db=ENGINE):
    """Up to where a host was judged; moved, with its verdicts, only by who finds `turn` as it was read.

    `revision` is that of its contact, `policies` the last policy_change, `facts_until` the report known then.
    `due_at` is when time alone may change a verdict (OPEN: never), `is_watched` whether any next report may.
    """

    host_id = ForeignKey(Host, primary_key=True, db_column_name="host_id")
    turn = BigInt()
    revision = BigInt()
    policies = Integer()
    facts_until = Varchar(TIME, null=True, default=None)
    judged_until = Varchar(TIME)
    due_at = Varchar(TIME)
    is_watched = Boolean()
