"""A private MariaDB for tests and benchmarks: its own folder, socket and loopback port, ended by its pid.

    with start_mariadb(folder) as server:
        store = open_store(server.url("compliance"))
        server.kill(); server.start()

`--innodb-flush-log-at-trx-commit=1` as in production: what is committed is on the disk.
"""

import os
import shutil
import signal
import socket
import subprocess
import time
from pathlib import Path
from types import TracebackType

import pymysql

MISSING = "these tests run a real MariaDB, which is not installed: apt-get install mariadb-server"
START_SECONDS = 60.0


class MariaDB:
    def __init__(self, folder: Path, options: tuple[str, ...] = ()) -> None:
        self.folder = folder
        self.options = options
        self.port = _free_port()
        self._process: subprocess.Popen[bytes] | None = None

    @property
    def pid(self) -> int:
        assert self._process is not None, "not started"
        return self._process.pid

    def url(self, name: str, query: str = "") -> str:
        return f"mysql://root@127.0.0.1:{self.port}/{name}{query}"

    def install(self) -> None:
        self.folder.mkdir(parents=True, exist_ok=True)
        installer = _program("mariadb-install-db", "mysql_install_db")
        command = [
            installer,
            "--no-defaults",
            f"--datadir={self.folder / 'data'}",
            f"--tmpdir={self._temporary()}",
            "--auth-root-authentication-method=normal",
            "--skip-test-db",
            "--skip-name-resolve",
            *_as_root(),
            # The system tables' files are written anew anyway when this is cut off: no need to wait for the disk.
            "--innodb-flush-log-at-trx-commit=0",
            "--innodb-flush-method=nosync",
            "--innodb-log-file-size=8M",
            "--innodb-buffer-pool-size=16M",
        ]
        done = subprocess.run(command, capture_output=True, text=True, timeout=120, check=False)
        assert done.returncode == 0, f"mariadb-install-db failed:\n{done.stdout}\n{done.stderr}"

    def start(self) -> None:
        """Returns once it answers."""
        command = [
            _program("mariadbd", "mysqld"),
            "--no-defaults",
            *_as_root(),
            f"--datadir={self.folder / 'data'}",
            f"--tmpdir={self._temporary()}",
            f"--socket={self._socket()}",
            f"--pid-file={self.folder / 'pid'}",
            "--bind-address=127.0.0.1",
            f"--port={self.port}",
            "--skip-name-resolve",
            "--innodb-flush-log-at-trx-commit=1",
            "--innodb-buffer-pool-size=64M",
            "--innodb-log-file-size=32M",
            "--performance-schema=OFF",
            "--max-connections=200",
            *self.options,
        ]
        with (self.folder / "log").open("ab") as log:
            self._process = subprocess.Popen(command, stdin=subprocess.DEVNULL, stdout=log, stderr=log)
        self._wait()

    def stop(self) -> None:
        """An orderly shutdown."""
        self._end(signal.SIGTERM)

    def kill(self) -> None:
        """As a power cut would end it."""
        self._end(signal.SIGKILL)

    def __enter__(self) -> "MariaDB":
        if not (self.folder / "data" / "mysql").is_dir():
            self.install()
        self.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.kill()

    def _temporary(self) -> Path:
        # Of its own: two servers that start at once in /tmp remove each other's temporary tables (seen).
        path = self.folder / "tmp"
        path.mkdir(exist_ok=True)
        return path

    def _socket(self) -> str:
        # A socket's path has at most 107 characters, and pytest's folders are long.
        return f"/tmp/compliance-test-{os.getpid()}-{self.port}.sock"

    def _end(self, number: int) -> None:
        if self._process is None:
            return
        self._process.send_signal(number)
        self._process.wait(timeout=60)
        self._process = None
        Path(self._socket()).unlink(missing_ok=True)

    def _wait(self) -> None:
        deadline = time.monotonic() + START_SECONDS
        while time.monotonic() < deadline:
            assert self._process is not None
            if self._process.poll() is not None:
                break
            try:
                pymysql.connect(host="127.0.0.1", port=self.port, user="root").close()
                return
            except pymysql.MySQLError:
                time.sleep(0.02)
        raise AssertionError(f"mariadbd did not start:\n{(self.folder / 'log').read_text(errors='replace')[-4000:]}")


def start_mariadb(folder: Path, *options: str) -> MariaDB:
    """A context manager; `options` are added to the server's command line."""
    return MariaDB(folder, options)


def _program(*names: str) -> str:
    for name in names:
        found = shutil.which(name, path=os.environ.get("PATH", "") + ":/usr/sbin:/usr/local/sbin")
        if found:
            return found
    raise AssertionError(MISSING)


def _as_root() -> list[str]:
    return ["--user=root"] if os.geteuid() == 0 else []


def _free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])
