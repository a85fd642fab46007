"""A process that replaces another: an exec, or its pid used anew. What it replaces has to be told to have ended."""

import secrets
from collections.abc import Iterator

import pytest

from compliance.agent.transport import Malformed, Transport
from compliance.server.storage.engine import Store
from compliance.wire.codec import digest
from compliance.wire.facts import Process
from compliance.wire.messages import Change, Enrollment, Report, Sections, Whole
from tests.server.routes.conftest import Http
from tests.server.routes.reading import client

TOKEN = "cmt_" + "t" * 43
SHELL = Process(pid=7, ticks=100, name="sh", user="root")
SERVER = Process(pid=7, ticks=100, name="nginx", user="www")


@pytest.fixture
def host(database: str, store: Store) -> Iterator[Transport]:
    with client(database, store, "enroll") as http:
        transport = Transport(http)
        key = http.headers["authorization"].removeprefix("Bearer ")
        transport.enroll(Enrollment(id="1" * 32, secret=TOKEN, hostname="web-1"), key)
        yield transport


def report(after: Report | None, processes: Whole | Change) -> Report:
    return Report(
        id=secrets.token_hex(16),
        after=None if after is None else after.id,
        taken_at=1_000,
        sent_at=1_000,
        boot_id="boot",
        agent="0.1.0",
        sections=Sections(processes=processes),
    )


def first(host: Transport) -> Report:
    said = report(None, Whole(rows=(SHELL,), state=digest([SHELL])))
    assert host.send(said, TOKEN).outcome == "applied"
    return said


def change(*ended: tuple[int, int]) -> Change:
    return Change(base=digest([SHELL]), state=digest([SERVER]), started=(SERVER,), ended=ended)


def test_what_an_exec_replaced_ends_when_the_new_row_begins(host: Transport, reader: Http) -> None:
    assert host.send(report(first(host), change(SHELL.key)), TOKEN).outcome == "applied"
    told = reader.get("/api/v1/processes", params={"since": "0"}).json()["items"]
    assert [(row["name"], row["user"]) for row in told] == [("sh", "root"), ("nginx", "www")]
    assert told[0]["ended_at"] == told[1]["first_seen_at"]
    assert told[1]["ended_at"] is None


def test_a_process_that_starts_where_one_has_not_ended_is_refused_and_nothing_of_it_is_kept(
    host: Transport, reader: Http
) -> None:
    said = first(host)
    with pytest.raises(Malformed, match="cannot keep this report"):
        host.send(report(said, change()), TOKEN)
    told = reader.get("/api/v1/processes", params={"since": "0"}).json()["items"]
    assert [(row["name"], row["ended_at"]) for row in told] == [("sh", None)]
    assert host.send(report(said, change(SHELL.key)), TOKEN).outcome == "applied"
