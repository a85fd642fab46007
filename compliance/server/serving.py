"""Runs the application under uvicorn, on a socket that we bound: a taken port is a sentence, not a log line."""

from __future__ import annotations

import errno
import multiprocessing
import os
import signal
import socket
import ssl
import threading
from dataclasses import dataclass
from pathlib import Path
from types import FrameType

import uvicorn
from uvicorn.config import STARTUP_FAILURE
from uvicorn.supervisors import Multiprocess

from compliance.errors import Broken, WrongUsage
from compliance.server.connection import BoundedConnection
from compliance.settings import is_loopback

APP = "compliance.server.app:from_environment"
NOT_STARTED = "The server did not start: what stands above says why."
BACKLOG = 2048
"""Connections that may wait to be taken, as uvicorn has it."""


@dataclass(frozen=True)
class Listening:
    """Where the server is reached, and how."""

    host: str = "127.0.0.1"
    port: int = 8080
    workers: int = 1
    tls_cert: Path | None = None
    tls_key: Path | None = None


def check(listening: Listening, insecure: bool) -> None:
    """WrongUsage where keys would cross a network in the clear, or half a certificate was given."""
    if listening.workers < 1:
        raise WrongUsage(f"{listening.workers} workers would take no report: --workers is at least 1.")
    if (listening.tls_cert is None) != (listening.tls_key is None):
        raise WrongUsage("TLS takes both --tls-cert and --tls-key.")
    for path in (listening.tls_cert, listening.tls_key):
        if path is not None and not path.is_file():
            raise WrongUsage(f"There is no file {path}: --tls-cert and --tls-key name PEM files.")
    if listening.tls_cert is not None:
        _check_pair(listening.tls_cert, listening.tls_key)
    if not is_loopback(listening.host) and listening.tls_cert is None and not insecure:
        raise WrongUsage(
            f"On {listening.host} others could read the keys on their way: give --tls-cert and --tls-key, or, behind a"
            " proxy that speaks TLS, --insecure (COMPLIANCE_INSECURE=1)."
        )


def _check_pair(cert: Path, key: Path | None) -> None:
    try:
        # A key with a passphrase would be asked for on a terminal that a service does not have.
        ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER).load_cert_chain(cert, key, password=lambda: "")
    except (OSError, ssl.SSLError) as error:
        raise WrongUsage(
            f"{cert} and {key} are no certificate and its private key ({error}): --tls-cert and --tls-key name PEM"
            " files that belong together, the key without a passphrase."
        ) from error


def bind(listening: Listening) -> socket.socket:
    """The socket, listening: two that only bind may share a port. Broken with what to do about one that is taken."""
    if not 0 <= listening.port <= 65535:
        raise WrongUsage(f"There is no port {listening.port}: --port is a number up to 65535; 0 takes any free one.")
    family = socket.AF_INET6 if ":" in listening.host else socket.AF_INET
    sock = socket.socket(family, socket.SOCK_STREAM)
    sock.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    try:
        sock.bind((listening.host, listening.port))
        sock.listen(BACKLOG)
    except OSError as error:
        sock.close()
        raise Broken(_why(error, listening)) from error
    sock.set_inheritable(True)
    return sock


def _why(error: OSError, listening: Listening) -> str:
    place = f"{listening.host}:{listening.port}"
    if error.errno == errno.EADDRINUSE:
        return f"{place} is taken: end what listens there, or choose another --port."
    if error.errno == errno.EACCES:
        return f"{place} needs a privilege: choose a --port from 1024 on."
    return f"Cannot listen on {place} ({error}): --host is an address of this machine."


def url(sock: socket.socket, listening: Listening) -> str:
    """How the server is reached."""
    host, port = sock.getsockname()[:2]
    scheme = "http" if listening.tls_cert is None else "https"
    return f"{scheme}://{f'[{host}]' if ':' in host else host}:{port}"


def make_server(listening: Listening, database: str) -> uvicorn.Server:
    """A server that has not started. Each worker process reads the database's URL from the environment."""
    os.environ["COMPLIANCE_DATABASE"] = database
    return uvicorn.Server(
        uvicorn.Config(
            APP,
            factory=True,
            http=BoundedConnection,
            ws="none",
            workers=listening.workers,
            ssl_certfile=listening.tls_cert,
            ssl_keyfile=listening.tls_key,
            log_level="warning",
            access_log=False,
            server_header=False,
            lifespan="on",
            timeout_graceful_shutdown=20,
        )
    )


def end_on_signals(server: uvicorn.Server) -> None:
    """Being told to end is a server's usual end: it stops when it can, with exit code 0.

    uvicorn takes SIGINT and SIGTERM while it serves, and raises them again when it is done. A flag, and no exception:
    Python drops one that a handler raises in the wrong moment (a weak reference's callback: seen).
    """

    def end(number: int, frame: FrameType | None) -> None:
        server.should_exit = True

    for number in (signal.SIGINT, signal.SIGTERM):
        signal.signal(number, end)


class Workers(Multiprocess):
    """uvicorn's worker processes. Ctrl-C waits for one that is still importing until it can end in order."""

    def init_processes(self) -> None:
        if not hasattr(signal, "pthread_sigmask"):
            super().init_processes()
            return
        # A blocked signal stays blocked in the process that is started, and is kept for it.
        signal.pthread_sigmask(signal.SIG_BLOCK, {signal.SIGINT})
        try:
            super().init_processes()
        finally:
            hear_ctrl_c()


def hear_ctrl_c() -> None:
    """From here on this process, or one that was started while it did not, hears SIGINT; one that waited comes now."""
    if hasattr(signal, "pthread_sigmask"):
        signal.pthread_sigmask(signal.SIG_UNBLOCK, {signal.SIGINT})


def end_with_the_supervisor() -> None:
    """A worker whose supervisor was killed would go on alone, on a port that the next start needs: it ends as well."""
    supervisor = multiprocessing.parent_process()
    if supervisor is not None:

        def wait() -> None:
            supervisor.join()
            os.kill(os.getpid(), signal.SIGTERM)

        threading.Thread(target=wait, name="supervisor", daemon=True).start()


def serve(server: uvicorn.Server, sock: socket.socket) -> None:
    """Until SIGINT or SIGTERM."""
    if server.config.workers == 1:
        _run_alone(server, sock)
        return
    workers = Workers(server.config, sockets=[sock])
    if server.should_exit:
        return
    workers.run()
    if any(worker.exitcode == STARTUP_FAILURE for worker in workers.processes):
        raise Broken(NOT_STARTED)


def _run_alone(server: uvicorn.Server, sock: socket.socket) -> None:
    try:
        server.run(sockets=[sock])
    except SystemExit as leaving:
        if leaving.code != STARTUP_FAILURE:
            raise
        raise Broken(NOT_STARTED) from None
