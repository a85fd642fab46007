import asyncio
import subprocess
import sys
from pathlib import Path

import pytest
from litestar.testing import TestClient

from compliance.server.app import create_app
from compliance.server.config import Config
from compliance.server.routes.health import Readiness
from compliance.server.storage.engine import open_store
from compliance.server.storage.migrate import migrate
from compliance.server.storage.migrations import MIGRATIONS
from tests.server.routes.reading import problem


@pytest.fixture
def http(database, store):
    with TestClient(create_app(Config(database=database))) as client:
        yield client


def test_a_server_that_runs_is_live_and_ready(http):
    assert http.get("/health/live").json() == {"status": "live"}
    assert http.get("/health/ready").json() == {"status": "ready"}


def test_ready_has_written(http, rows):
    http.get("/health/ready")
    (first,) = rows.ask("SELECT id, checked_at FROM health")
    rows.ask("SELECT 1")
    with rows.store.session() as db:
        db.execute("UPDATE health SET checked_at = '2020-01-01 00:00:00.000'")
    http.get("/health/ready")
    assert rows.ask("SELECT id FROM health") == [(first[0],)]
    assert rows.ask("SELECT checked_at FROM health")[0][0] >= first[1]


def test_neither_is_written_by_a_post(http):
    for path in ("/health/live", "/health/ready"):
        assert f"{path} does not take POST" in problem(http.post(path), 405)


def test_a_server_whose_database_is_down_is_live_and_not_ready(own_mariadb):
    url = own_mariadb.url("fleet")
    with TestClient(create_app(Config(database=url))) as http:
        assert http.get("/health/ready").status_code == 200
        own_mariadb.stop()
        answer = http.get("/health/ready")
        assert "Cannot reach the database" in problem(answer, 503)
        assert answer.headers["retry-after"] == "5"
        assert http.get("/health/live").status_code == 200
        own_mariadb.start()
        assert http.get("/health/ready").status_code == 200


def test_a_server_whose_database_takes_no_writes_is_not_ready(own_mariadb):
    root = open_store(own_mariadb.url("fleet"))
    migrate(root, MIGRATIONS)
    with root.session() as db:
        db.execute("CREATE USER app@'127.0.0.1' IDENTIFIED BY 'hunter2'")
        db.execute("GRANT ALL ON fleet.* TO app@'127.0.0.1'")
    url = f"mysql://app:hunter2@127.0.0.1:{own_mariadb.port}/fleet"
    with TestClient(create_app(Config(database=url))) as http:
        with root.session() as db:
            db.execute("SET GLOBAL read_only = 1")
        sentence = problem(http.get("/health/ready"), 503)
        assert "takes no writes now" in sentence
        with root.session() as db:
            db.execute("SET GLOBAL read_only = 0")
        assert http.get("/health/ready").status_code == 200
        with root.session() as db:
            db.execute("ALTER USER app@'127.0.0.1' IDENTIFIED BY 'other'")
            for (number,) in db.query("SELECT id FROM information_schema.processlist WHERE user = 'app'"):
                db.execute(f"KILL {number}")
        sentence = problem(http.get("/health/ready"), 503)
        assert "refused 'app'" in sentence
        assert "hunter2" not in sentence
    root.close()


FULL_DISK = """
import sys
from pathlib import Path
from litestar.testing import TestClient
from compliance.server.app import create_app
from compliance.server.config import Config

folder = Path(sys.argv[1])
with TestClient(create_app(Config(database=f"sqlite:///{folder}/compliance.db"))) as http:
    def ask():
        answer = http.get("/health/ready")
        print(answer.status_code, answer.json().get("detail"))
    ask()
    with (folder / "junk").open("wb", buffering=0) as junk:
        for size in (65536, 512, 1):
            try:
                while True:
                    junk.write(b"x" * size)
            except OSError:
                pass
    ask()
    (folder / "junk").unlink()
    ask()
"""


def test_a_server_whose_disk_is_full_is_not_ready_until_there_is_room(tmp_path):
    """A disk of its own, in a namespace of its own."""
    mount = 'mount -t tmpfs -o size=4m none "$1" && shift && exec "$@"'
    inside = ["unshare", "--mount", "--map-root-user", "sh", "-c", mount, "sh", str(tmp_path)]
    if subprocess.run([*inside, "true"], capture_output=True, check=False).returncode:
        pytest.skip("this machine lets nobody make a namespace")
    command = [*inside, sys.executable, "-c", FULL_DISK, str(tmp_path)]
    done = subprocess.run(command, capture_output=True, text=True, timeout=60, check=False)
    before, full, after = done.stdout.splitlines()
    assert (before, after) == ("200 None", "200 None")
    assert full.startswith("503 The disk that holds the database")
    assert "free some space" in full
    assert "Traceback" not in done.stderr


def test_a_database_file_that_was_moved_away_is_told_and_found_again_when_it_is_back(sqlite_url):
    path = Path(sqlite_url.removeprefix("sqlite:///"))
    with TestClient(create_app(Config(database=sqlite_url))) as http:
        assert http.get("/health/ready").status_code == 200
        away = path.rename(path.with_name("away"))
        assert "cannot be opened" in problem(http.get("/health/ready"), 503)
        away.rename(path)
        assert http.get("/health/ready").status_code == 200


class Slow:
    """A store whose looks are counted, and last until they may end."""

    def __init__(self):
        self.looks, self.may_end = 0, asyncio.Event()

    async def ready(self):
        self.looks += 1
        await self.may_end.wait()


class Writing:
    alive = True


def test_many_who_ask_at_once_are_one_write():
    async def main():
        store = Slow()
        readiness = Readiness(store, Writing())  # type: ignore[arg-type]
        asked = [asyncio.create_task(readiness.trouble()) for _ in range(20)]
        await asyncio.sleep(0)
        asked[0].cancel()
        await asyncio.sleep(0)
        store.may_end.set()
        answers = await asyncio.gather(*asked[1:])
        first = store.looks
        await readiness.trouble()
        return answers, first, store.looks

    assert asyncio.run(main()) == ([None] * 19, 1, 2)


def test_a_writer_that_does_not_run_is_told(database, store):
    app = create_app(Config(database=database))
    with TestClient(app) as http:
        assert http.get("/health/ready").status_code == 200
        with http.portal() as portal:
            portal.call(app.state.writer.stop)
        assert "The writer does not run" in problem(http.get("/health/ready"), 503)
        assert http.get("/health/live").status_code == 200
