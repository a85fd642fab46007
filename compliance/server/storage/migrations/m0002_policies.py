"""The tables of policies, labels and verdicts. What each one means stands in `storage/tables.py`."""

from compliance.server.storage.migration import Migration

_HOST = "FOREIGN KEY (host_id) REFERENCES host (id)"
_POLICY = "FOREIGN KEY (policy_id) REFERENCES policy (id)"
_VERSION = "FOREIGN KEY (policy_id, version) REFERENCES policy_version (policy_id, version)"

POLICIES = Migration(
    2,
    "policies, labels and verdicts",
    (
        "CREATE TABLE IF NOT EXISTS policy (id {id}, name {ascii:64} NOT NULL) {table_options}",
        "{unique:policy_name ON policy (name)|a policy by the id in its file: judging}",
        "CREATE TABLE IF NOT EXISTS policy_version (policy_id {ref} NOT NULL, version {u32} NOT NULL,"
        " digest {digest} NOT NULL, content {longtext} NOT NULL, recorded_at {time} NOT NULL,"
        f" PRIMARY KEY (policy_id, version), CONSTRAINT policy_version_policy {_POLICY}) {{table_options}}",
        "{unique:policy_version_digest ON policy_version (policy_id, digest)|a version by its content: judging}",
        "CREATE TABLE IF NOT EXISTS policy_period (policy_id {ref} NOT NULL, applied_at {time} NOT NULL,"
        " replaced_at {time} NOT NULL, version {u32} NOT NULL, origin {ascii:16} NOT NULL,"
        f" PRIMARY KEY (policy_id, applied_at), CONSTRAINT policy_period_version {_VERSION}) {{table_options}}",
        "{index:policy_period_version ON policy_period (policy_id, version)|when a version stood: its foreign key}",
        "CREATE TABLE IF NOT EXISTS policy_change (id {id}, applied_at {time} NOT NULL, origin {ascii:16} NOT NULL)"
        " {table_options}",
        "CREATE TABLE IF NOT EXISTS host_label (host_id {ref} NOT NULL, name {text:64} NOT NULL,"
        " source {ascii:16} NOT NULL, first_seen_at {time} NOT NULL, ended_at {time} NOT NULL,"
        " value {text:255} NOT NULL, PRIMARY KEY (host_id, name, source, first_seen_at),"
        f" CONSTRAINT host_label_host {_HOST}) {{table_options}}",
        "CREATE TABLE IF NOT EXISTS finding (id {id}, digest {digest} NOT NULL, observed {text:4096} NOT NULL,"
        " expected {text:4096} NOT NULL) {table_options}",
        "{unique:finding_digest ON finding (digest)|a finding by its text: judging}",
        "CREATE TABLE IF NOT EXISTS verdict (host_id {ref} NOT NULL, policy_id {ref} NOT NULL,"
        " first_seen_at {time} NOT NULL, recorded_at {time} NOT NULL, ended_at {time} NOT NULL, closed_at {time},"
        " superseded_at {time} NOT NULL, version {u32} NOT NULL, outcome {ascii:8} NOT NULL, finding_id {ref} NOT NULL,"
        " exemption {u32}, PRIMARY KEY (host_id, policy_id, first_seen_at, recorded_at),"
        f" CONSTRAINT verdict_host {_HOST}, CONSTRAINT verdict_version {_VERSION},"
        " CONSTRAINT verdict_finding FOREIGN KEY (finding_id) REFERENCES finding (id)) {table_options}",
        "{index:verdict_ended ON verdict (host_id, ended_at)|what was said of a host at a moment: judging, queries}",
        "{index:verdict_version ON verdict (policy_id, version, ended_at)|what a policy said of the fleet: queries}",
        "{index:verdict_finding ON verdict (finding_id)|whether a finding is still used: prune}",
        "CREATE TABLE IF NOT EXISTS judged (host_id {ref} NOT NULL, turn {u64} NOT NULL, revision {u64} NOT NULL,"
        " policies {u32} NOT NULL, facts_until {time}, judged_until {time} NOT NULL, due_at {time} NOT NULL,"
        f" is_watched {{bool}} NOT NULL, PRIMARY KEY (host_id), CONSTRAINT judged_host {_HOST}) {{table_options}}",
    ),
)
