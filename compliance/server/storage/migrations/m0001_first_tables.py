"""The tables a report goes into. What each one means stands in `storage/tables.py`, which a test compares with this."""

from compliance.server.storage.migration import Migration


def _interval(table: str, key: str, columns: str, constraints: str = "") -> str:
    """A table of intervals of one host: opened once, closed once."""
    names = ", ".join(["host_id", "first_seen_at", *(part.split()[0] for part in key.split(", ") if part)])
    parts = [
        "host_id {ref} NOT NULL",
        key,
        "first_seen_at {time} NOT NULL",
        "ended_at {time} NOT NULL",
        "last_seen_at {time}",
        columns,
        f"PRIMARY KEY ({names})",
        f"CONSTRAINT {table}_host FOREIGN KEY (host_id) REFERENCES host (id)",
        constraints,
    ]
    return f"CREATE TABLE IF NOT EXISTS {table} ({', '.join(part for part in parts if part)}) {{table_options}}"


FIRST_TABLES = Migration(
    1,
    "first tables",
    (
        "CREATE TABLE IF NOT EXISTS health (id {u8} NOT NULL, checked_at {time} NOT NULL, PRIMARY KEY (id))"
        " {table_options}",
        "CREATE TABLE IF NOT EXISTS horizon (id {u8} NOT NULL, kept_from {time} NOT NULL, PRIMARY KEY (id))"
        " {table_options}",
        "CREATE TABLE IF NOT EXISTS api_key (id {id}, name {text:255} NOT NULL, role {ascii:16} NOT NULL,"
        " hash {hash} NOT NULL, created_at {time} NOT NULL, expires_at {time}, revoked_at {time}) {table_options}",
        "{unique:api_key_hash ON api_key (hash)|a key by what was shown: enrollment}",
        "CREATE TABLE IF NOT EXISTS host (id {id}, source {ascii:16} NOT NULL, identity {ascii:64} NOT NULL,"
        " enrolled_at {time} NOT NULL, retired_at {time}) {table_options}",
        "{unique:host_identity ON host (source, identity)|a host by what its source calls it: enrollment, original}",
        "CREATE TABLE IF NOT EXISTS host_token (hash {hash} NOT NULL, host_id {ref} NOT NULL,"
        " created_at {time} NOT NULL, revoked_at {time}, PRIMARY KEY (hash),"
        " CONSTRAINT host_token_host FOREIGN KEY (host_id) REFERENCES host (id)) {table_options}",
        "{index:host_token_host ON host_token (host_id)|the tokens of a host: enrollment, hosts retire}",
        "CREATE TABLE IF NOT EXISTS host_contact (host_id {ref} NOT NULL, report_id {digest}, recent {ids} NOT NULL,"
        " boot_id {text:64}, boots {ids} NOT NULL, agent {text:64}, blind {digest},"
        " slowed {text:255}, seen_at {time}, received_at {time}, skew_ms {i64} NOT NULL,"
        " interval_s {u32}, revision {u64} NOT NULL, corrections {u64} NOT NULL,"
        " forks {u8} NOT NULL, forked_at {time}, forked_by {digest}, refused_at {time},"
        " host_state {digest}, os_state {digest}, addresses_state {digest}, processes_state {digest},"
        " sessions_state {digest}, host_looked_at {time}, os_looked_at {time}, addresses_looked_at {time},"
        " cpu_looked_at {time}, processes_looked_at {time}, sessions_looked_at {time}, PRIMARY KEY (host_id),"
        " CONSTRAINT host_contact_host FOREIGN KEY (host_id) REFERENCES host (id)) {table_options}",
        _interval("host_boot", "", "boot_id {text:64} NOT NULL, agent {text:64} NOT NULL"),
        _interval("host_fact", "", "hostname {text:255} NOT NULL, machine_id {text:64}, booted_at {time}"),
        "{index:host_fact_hostname ON host_fact (hostname, ended_at)|a host by its name: queries/fleet}",
        "CREATE TABLE IF NOT EXISTS operating_system (id {id}, digest {digest} NOT NULL, name {text:255} NOT NULL,"
        " version {text:255}, kernel {text:255}, architecture {text:64}) {table_options}",
        "{unique:operating_system_digest ON operating_system (digest)|an operating system by its text: ingest}",
        _interval(
            "host_os",
            "",
            "operating_system_id {ref} NOT NULL",
            "CONSTRAINT host_os_system FOREIGN KEY (operating_system_id) REFERENCES operating_system (id)",
        ),
        "{index:host_os_system ON host_os (operating_system_id, ended_at)|which hosts run a system: queries/fleet}",
        _interval("host_address", "address {ascii:45} NOT NULL", "interface {text:255} NOT NULL, is_primary {bool}"),
        "{index:host_address_address ON host_address (address, ended_at)|a host by its address: queries/fleet}",
        "CREATE TABLE IF NOT EXISTS account (id {id}, digest {digest} NOT NULL, name {text:255} NOT NULL)"
        " {table_options}",
        "{unique:account_digest ON account (digest)|an account by its text: ingest}",
        "CREATE TABLE IF NOT EXISTS program (id {id}, digest {digest} NOT NULL, name {text:255} NOT NULL,"
        " exe {text:4096}) {table_options}",
        "{unique:program_digest ON program (digest)|a program by its text: ingest}",
        "CREATE TABLE IF NOT EXISTS command (id {id}, digest {digest} NOT NULL, program_id {ref} NOT NULL,"
        " arguments {text:4096},"
        " CONSTRAINT command_program FOREIGN KEY (program_id) REFERENCES program (id)) {table_options}",
        "{unique:command_digest ON command (digest)|a command by its text: ingest}",
        "{index:command_program ON command (program_id)|the commands of a program: queries/processes}",
        _interval(
            "process",
            "pid {u32} NOT NULL",
            "ticks {u64} NOT NULL, ppid {u32}, started_at {time}, account_id {ref}, command_id {ref}",
            "CONSTRAINT process_account FOREIGN KEY (account_id) REFERENCES account (id),"
            " CONSTRAINT process_command FOREIGN KEY (command_id) REFERENCES command (id)",
        ),
        "{unique:process_ended ON process (host_id, ended_at, pid)|what ran on a host at a moment: queries, ingest; one"
        " open row a pid}",
        "{index:process_command ON process (command_id, ended_at)|where a program runs: queries/processes}",
        "{index:process_account ON process (account_id)|what an account runs: queries/processes}",
        _interval(
            "session",
            "digest {digest} NOT NULL",
            "account_id {ref} NOT NULL, terminal {text:255}, remote_host {text:255}, opened_at {time}",
            "CONSTRAINT session_account FOREIGN KEY (account_id) REFERENCES account (id)",
        ),
        "{index:session_ended ON session (host_id, ended_at)|who was on a host at a moment: queries, ingest}",
        "{index:session_account ON session (account_id, ended_at)|where an account is: queries/sessions}",
        "CREATE TABLE IF NOT EXISTS cpu_sample (host_id {ref} NOT NULL, seen_at {time} NOT NULL,"
        " percent {real} NOT NULL,"
        " cores {u32}, load_1 {real}, load_5 {real}, load_15 {real}, PRIMARY KEY (host_id, seen_at),"
        " CONSTRAINT cpu_sample_host FOREIGN KEY (host_id) REFERENCES host (id)) {table_options}",
        "CREATE TABLE IF NOT EXISTS cpu_hour (host_id {ref} NOT NULL, hour_at {time} NOT NULL, samples {u32} NOT NULL,"
        " percent_mean {real} NOT NULL, percent_max {real} NOT NULL, PRIMARY KEY (host_id, hour_at),"
        " CONSTRAINT cpu_hour_host FOREIGN KEY (host_id) REFERENCES host (id)) {table_options}",
        "CREATE TABLE IF NOT EXISTS gap (host_id {ref} NOT NULL, kind {ascii:16} NOT NULL, started_at {time} NOT NULL,"
        " ended_at {time} NOT NULL, reason {text:255} NOT NULL, PRIMARY KEY (host_id, kind, started_at),"
        " CONSTRAINT gap_host FOREIGN KEY (host_id) REFERENCES host (id)) {table_options}",
        _interval(
            "blind_spot",
            "kind {ascii:16} NOT NULL",
            "lacking_rows {u32} NOT NULL, lacking_fields {u32} NOT NULL, reason {text:255} NOT NULL",
        ),
    ),
)
