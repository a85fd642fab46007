"""Runs the application under uvicorn, on a socket that we bound: a taken port is a sentence, not a log line."""

from __future__ import annotations

import errno
import os
import socket
from dataclasses import dataclass
from pathlib import Path

import uvicorn
from uvicorn.supervisors import Multiprocess

from compliance.errors import Broken, WrongUsage
from compliance.settings import is_loopback

APP = "compliance.server.app:from_environment"


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
    if (listening.tls_cert is None) != (listening.tls_key is None):
        raise WrongUsage("TLS takes both --tls-cert and --tls-key.")
    for path in (listening.tls_cert, listening.tls_key):
        if path is not None and not path.is_file():
            raise WrongUsage(f"There is no file {path}: --tls-cert and --tls-key name PEM files.")
    if not is_loopback(listening.host) and listening.tls_cert is None and not insecure:
        raise WrongUsage(
            f"On {listening.host} others could read the keys on their way: give --tls-cert and --tls-key, or, behind a"
            " proxy that speaks TLS, --insecure (COMPLIANCE_INSECURE=1)."
        )


def bind(listening: Listening) -> socket.socket:
    """The socket, bound. Broken with what to do about a port that is taken."""
    family = socket.AF_INET6 if ":" in listening.host else socket.AF_INET
    sock = socket.socket(family, socket.SOCK_STREAM)
    sock.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    try:
        sock.bind((listening.host, listening.port))
    except (OSError, OverflowError) as error:
        sock.close()
        raise Broken(_why(error, listening)) from error
    sock.set_inheritable(True)
    return sock


def _why(error: Exception, listening: Listening) -> str:
    place = f"{listening.host}:{listening.port}"
    number = error.errno if isinstance(error, OSError) else None
    if number == errno.EADDRINUSE:
        return f"{place} is taken: end what listens there, or choose another --port."
    if number == errno.EACCES:
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


def serve(sock: socket.socket, listening: Listening, database: str) -> None:
    """Until SIGINT or SIGTERM."""
    server = make_server(listening, database)
    if listening.workers > 1:
        Multiprocess(server.config, sockets=[sock]).run()
    else:
        server.run(sockets=[sock])
