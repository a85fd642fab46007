import pytest

from compliance.server.ingest.intervals import INTERVALS, session_digest
from compliance.server.storage import tables
from compliance.wire.facts import Process, Session
from compliance.wire.messages import Sections
from tests.server.ingest.reporting import session

TABLES = {table._meta.tablename: table for table in vars(tables).values() if isinstance(table, type(tables.Host))}


def test_every_kind_that_has_rows_lies_somewhere():
    assert set(INTERVALS) == set(Sections.__struct_fields__) - {"cpu"}


@pytest.mark.parametrize("kind", INTERVALS)
def test_a_kinds_columns_are_those_of_its_table(kind):
    interval = INTERVALS[kind]
    columns = {column._meta.db_column_name for column in TABLES[interval.table]._meta.columns}
    assert columns == {"host_id", "first_seen_at", "ended_at", "last_seen_at", *interval.columns}


def test_what_does_not_outlive_a_start_of_the_machine_is_processes_and_sessions():
    assert [kind for kind, interval in INTERVALS.items() if interval.boot_bound] == ["processes", "sessions"]


def test_the_key_that_ends_a_row_is_the_one_that_the_row_has():
    one = Process(pid=7, ticks=9, name="sshd")
    assert INTERVALS["processes"].ended(one.key) == (one.pid,)
    several = (session("ada"), Session(user="ada"), session("ada", opened_at=1), session("ada", remote_host="pts/0"))
    assert len({session_digest(one.key) for one in several}) == len(several)
    assert INTERVALS["sessions"].ended(several[0].key) == (session_digest(several[0].key),)
