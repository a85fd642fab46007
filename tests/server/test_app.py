import asyncio

import pytest
from litestar.testing import TestClient

from compliance.errors import Broken, Refused
from compliance.server.app import create_app, from_environment
from compliance.server.config import Config
from compliance.server.storage.clock import OPEN
from compliance.server.storage.engine import open_store
from compliance.server.storage.migrate import migrate, pending
from compliance.server.storage.migration import Migration
from compliance.server.storage.migrations import MIGRATIONS
from compliance.wire.codec import encode
from tests.server.ingest.reporting import Machine, process, report, sample, whole


def refusal(url):
    """Why it does not start."""
    with pytest.raises(ExceptionGroup) as group, TestClient(create_app(Config(database=url))):
        pytest.fail("it started")
    (error,) = group.value.exceptions
    return error


def test_it_makes_its_tables_when_it_starts(database_url):
    with TestClient(create_app(Config(database=database_url))) as http:
        assert http.get("/health/ready").status_code == 200
    store = open_store(database_url)
    assert pending(store, MIGRATIONS) == []
    store.close()


def test_it_does_not_start_on_tables_that_are_newer_than_it_knows(database_url):
    store = open_store(database_url)
    newer = Migration(MIGRATIONS[-1].number + 1, "from the future", ("CREATE TABLE future (id {u8} NOT NULL)",))
    migrate(store, [*MIGRATIONS, newer])
    assert isinstance(refusal(database_url), Refused)
    assert "newer compliance" in str(refusal(database_url))
    store.close()


def test_it_does_not_start_without_its_database(tmp_path):
    (tmp_path / "file").write_text("")
    assert isinstance(refusal(f"sqlite:///{tmp_path}/file/it.db"), Broken)


def test_two_applications_live_side_by_side(tmp_path):
    """Nothing of one is global: its store, its keys' memory and its writer are its own."""
    urls = [f"sqlite:///{tmp_path}/{name}.db" for name in ("one", "two")]
    with (
        TestClient(create_app(Config(database=urls[0]))) as one,
        TestClient(create_app(Config(database=urls[1]))) as two,
    ):
        store = open_store(urls[0])
        machine = Machine(store)
        headers = {"authorization": f"Bearer {machine.secret}"}
        body = encode(report(cpu=sample()))
        assert one.post("/api/v1/reports", content=body, headers=headers).status_code == 200
        assert two.post("/api/v1/reports", content=body, headers=headers).status_code == 401
        store.close()


def test_two_workers_of_one_database_go_on_from_what_the_other_wrote(database, store):
    """Each has a writer, and remembers keys and texts by itself."""
    machines = [Machine(store, number) for number in range(1, 4)]
    apps = [create_app(Config(database=database)) for _ in range(2)]
    with TestClient(apps[0]) as one, TestClient(apps[1]) as two:
        for step in range(6):
            for machine in machines:
                rows = (process(step + 1, name=f"job {step % 2}", user=f"user {step % 3}"), process(100))
                said = report(machine.last, processes=whole(*rows), cpu=sample(float(step)))
                headers = {"authorization": f"Bearer {machine.secret}"}
                answer = (one, two)[step % 2].post("/api/v1/reports", content=encode(said), headers=headers)
                assert answer.json()["outcome"] == "applied"
                machine.last = said.id
    with store.session() as db:
        for machine in machines:
            mine = "SELECT pid FROM process WHERE host_id = ?"
            assert db.query(f"{mine} AND ended_at = ? ORDER BY pid", [machine.host_id, OPEN]) == [(6,), (100,)]
            assert len(db.query(mine, [machine.host_id])) == 7
            samples = db.query("SELECT percent FROM cpu_sample WHERE host_id = ? ORDER BY seen_at", [machine.host_id])
            assert samples == [(float(step),) for step in range(6)]
        assert db.query("SELECT COUNT(*) FROM program") == [(3,)]
        assert db.query("SELECT MAX(corrections), MAX(forks) FROM host_contact") == [(0, 0)]


def test_it_writes_what_waits_before_it_ends(database, store):
    machines = [Machine(store, number) for number in range(1, 4)]
    app = create_app(Config(database=database))

    async def main():
        async with app.lifespan():
            arrivals = [machine.arrival(cpu=sample()) for machine in machines]
            asked = [asyncio.create_task(app.state.writer.write(arrival, 1000)) for arrival in arrivals]
            await asyncio.sleep(0)
        return [task.result().outcome for task in asked], app.state.writer.alive

    assert asyncio.run(main()) == (["applied"] * 3, False)
    with store.session() as db:
        assert db.query("SELECT COUNT(*) FROM cpu_sample") == [(3,)]


def test_a_worker_reads_its_database_from_the_environment(sqlite_url, monkeypatch):
    monkeypatch.setenv("COMPLIANCE_DATABASE", sqlite_url)
    with TestClient(from_environment()) as http:
        assert http.get("/health/ready").status_code == 200


def lifespan(app):
    """What the application answers to being told to start."""
    said = []

    async def receive():
        return {"type": "lifespan.startup"}

    async def send(message):
        said.append(message)

    async def main():
        scope = {"type": "lifespan", "state": {}, "asgi": {"version": "3.0", "spec_version": "2.0"}}
        await app(scope, receive, send)

    with pytest.raises(ExceptionGroup):
        asyncio.run(main())
    return said[-1]


def test_a_start_that_fails_says_the_sentence_and_what_nobody_expected_the_traceback(tmp_path, monkeypatch):
    (tmp_path / "file").write_text("")
    monkeypatch.setenv("COMPLIANCE_DATABASE", f"sqlite:///{tmp_path}/file/it.db")
    told = lifespan(from_environment())
    assert told["type"] == "lifespan.startup.failed"
    assert told["message"].startswith(f"The database {tmp_path}/file/it.db cannot be made or opened")
    monkeypatch.setattr("compliance.server.app.open_store", lambda url: 1 / 0)
    assert "ZeroDivisionError" in lifespan(from_environment())["message"]
