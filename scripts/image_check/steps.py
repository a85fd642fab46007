"""What the compose file has to do, a step each."""

import json
import os
import socket
from pathlib import Path
from typing import Any

from scripts import write_env
from scripts.image_check.said import docker, expect, step, wait
from scripts.image_check.stack import Stack


def build_by_compose(stack: Stack) -> None:
    with step("`docker compose build` builds it too"):
        # As in the build before: its steps reach the package index by the machine's own network.
        by_host = stack.folder / "build.yml"
        by_host.write_text("services: {server: {build: {network: host}}}\n")
        stack.compose("-f", "docker-compose.yml", "-f", str(by_host), "build")


def bring_up(stack: Stack) -> None:
    with step("`docker compose up -d --wait`, with no .env, is healthy"):
        stack.up()


def look_for_openings(stack: Stack) -> None:
    with step("nothing is open but one port on loopback, and no password shows"):
        passwords = stack.compose("exec", "-T", "server", "sh", "-c", "cat /run/passwords/*").split()
        for service in ("mysql", "server"):
            found = stack.inspect(service)
            host = found["HostConfig"]
            expect(f"{service}'s root file system", host["ReadonlyRootfs"], True)
            expect(f"{service}'s capabilities", (host["CapDrop"], host["CapAdd"]), (["ALL"], None))
            expect(f"{service} is open at", addresses(found), {"127.0.0.1"} if service == "server" else set())
            shown = json.dumps(found) + docker("logs", found["Id"])
            expect(f"passwords of {service} that show", [word for word in passwords if word in shown], [])
            stack.compose("exec", "-T", service, "touch", "/x", code=1)


def addresses(found: Any) -> set[str]:
    ports = found["NetworkSettings"]["Ports"] or {}
    return {place["HostIp"] for places in ports.values() for place in places or ()}


def keep_passwords(stack: Stack) -> None:
    with step("passwords are made once, and an .env that came later replaces none"):
        said = stack.compose("run", "--rm", "-T", "passwords")
        expect("a second start", said, "The passwords are there already.\n")
        stack.compose("run", "--rm", "-T", "-e", "MYSQL_PASSWORD=another", "passwords", code=1)


def report_from_this_machine(stack: Stack) -> None:
    with step("an agent on this machine enrolls, and its report is read back") as notes:
        stack.command("agent", "enroll", "--key-file", "-", given=stack.key("enroll", "this machine"))
        stack.command("agent", "send", "--all")
        (host,) = stack.hosts()
        expect("the host's name", host["hostname"], socket.gethostname())
        notes.append(f"{len(see_this_process(stack, host['id']))} processes")


def see_this_process(stack: Stack, host_id: str) -> list[Any]:
    processes: list[Any] = stack.report("processes", "--host", host_id, "--all")["items"]
    mine = [(row["pid"], row["exe"]) for row in processes if row["pid"] == os.getpid()]
    expect("this very process", mine, [(os.getpid(), str(Path("/proc/self/exe").readlink()))])
    return processes


def report_from_a_container(stack: Stack) -> None:
    with step("an agent in a container tells of its host what the host tells of itself") as notes:
        known = {host["id"] for host in stack.hosts()}
        key = stack.key("enroll", "docker host")
        stack.compose("run", "--rm", "-T", "agent", "agent", "enroll", "--key-file", "-", given=key)
        stack.compose("--profile", "agent", "up", "-d")
        (new,) = {host["id"] for host in stack.hosts()} - known
        # Asks the one that stays to look now: by itself it takes its time, so that a fleet does not come at once.
        stack.compose("exec", "-T", "agent", "compliance", "agent", "send", "--all")
        wait("a report", 90, lambda: stack.report("host", new)["host"]["os_name"] is not None)
        (old,) = known
        for fact in ("os_name", "os_version", "hostname", "address"):
            expect(fact, *(stack.report("host", host)["host"][fact] for host in (new, old)))
        for fact in ("machine_id", "kernel", "boot_id"):
            expect(fact, *(stack.report("host", host)[fact] for host in (new, old)))
        notes.append(f"{len(see_this_process(stack, new))} processes")


def start_again(stack: Stack) -> None:
    with step("after a restart, and after `down` and `up`, all is there"):
        before = stack.hosts()
        stack.compose("restart")
        stack.up()
        expect("hosts", [host["id"] for host in stack.hosts()], [host["id"] for host in before])
        stack.compose("--profile", "*", "down")
        stack.up()
        expect("hosts", [host["id"] for host in stack.hosts()], [host["id"] for host in before])
        stack.command("agent", "send", "--all")


def bring_up_with_env(stack: Stack) -> None:
    with step("with the .env of `make env` it is healthy too, with those passwords"):
        stack.down()
        stack.env.unlink()
        write_env.write(stack.env)
        stack.up()
        kept = stack.compose("exec", "-T", "server", "cat", "/run/passwords/mysql.password")
        expect("the password of .env", f"\nMYSQL_PASSWORD={kept}\n" in stack.env.read_text(), True)
