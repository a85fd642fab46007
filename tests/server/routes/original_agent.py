"""An agent of the original brief, written from its listing alone: standard library, commands of the operating system.

    export URL_API=http://127.0.0.1:8080 TOKEN=...
    python3 original_agent.py so-name | so-version | ps | users | cpu      what it sends, and what comes back
    python3 original_agent.py show hosts | cpus | processes | users        what the API has

It imports nothing of this project, and no other agent of ours is to be taken for a hint of how it should speak.
"""

import json
import os
import socket
import subprocess
import sys
import urllib.request
from collections.abc import Callable
from pathlib import Path


def call(path: str, body: object = None) -> object:
    data = None if body is None else json.dumps(body).encode()
    headers = {"x-api-key": os.environ["TOKEN"], "Content-Type": "application/json"}
    request = urllib.request.Request(os.environ["URL_API"] + path, data, headers)
    with urllib.request.urlopen(request, timeout=30) as answer:
        return json.load(answer)


def lines(*command: str) -> list[list[str]]:
    done = subprocess.run(command, capture_output=True, text=True, check=True)
    return [line.split() for line in done.stdout.splitlines() if line.strip()]


def ip() -> str:
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as probe:
        try:
            probe.connect(("192.0.2.1", 9))  # sends nothing: the kernel says which address it would use
        except OSError:
            return "127.0.0.1"
        return str(probe.getsockname()[0])


def release(name: str) -> str:
    text = Path("/etc/os-release").read_text(encoding="utf-8")
    told = dict(line.split("=", 1) for line in text.splitlines() if "=" in line)
    return told.get(name, "").strip('"')


def so_name() -> object:
    return call("/hosts", {"ip": ip(), "so_name": release("NAME")})


def so_version() -> object:
    return call("/hosts", {"ip": ip(), "so_name": release("NAME"), "so_version": release("VERSION_ID")})


def ps() -> object:
    rows = [{"pid": pid, "user": user} for pid, user in lines("ps", "-eo", "pid=,user=")]
    return call("/processes", {"host": ip(), "processes": rows})


def users() -> object:
    return call("/users", {"host": ip(), "users": [words[0] for words in lines("who")]})


def cpu() -> object:
    one_minute = os.getloadavg()[0] / (os.cpu_count() or 1)
    return call("/cpus", {"host": ip(), "cpu_usage": f"{min(100.0, 100 * one_minute):.1f}"})


def show(what: str) -> object:
    return call(f"/{what}" if what in ("hosts", "cpus") else f"/{what}?ip={ip()}")


COMMANDS: dict[str, Callable[..., object]] = {
    "so-name": so_name,
    "so-version": so_version,
    "ps": ps,
    "users": users,
    "cpu": cpu,
    "show": show,
}

if __name__ == "__main__":
    print(json.dumps(COMMANDS[sys.argv[1]](*sys.argv[2:])))
