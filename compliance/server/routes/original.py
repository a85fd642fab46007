"""The original contract, for agents that exist already: POST and GET at the root, `x-api-key`, all values strings."""

from __future__ import annotations

import asyncio
import ipaddress
import math
from typing import Annotated, Any

import msgspec
from litestar import Request, get, post
from litestar.di import NamedDependency
from litestar.params import QueryParameter

from compliance.server.ingest import original as writes
from compliance.server.queries import original as reads
from compliance.server.routes import body
from compliance.server.routes.guard import ORIGINAL, original_clients
from compliance.server.routes.problems import ProblemFound
from compliance.server.storage.engine import Store
from compliance.wire.messages import MAX_ROWS

Text = Annotated[str, msgspec.Meta(max_length=255)]
Ip = Annotated[str | None, QueryParameter(name="ip", required=False, description="The host's IP address.")]
Answer = dict[str, Any]


class HostSaid(msgspec.Struct):
    """POST /hosts."""

    ip: str
    so_name: Text | None = None
    so_version: Text | None = None


class ProcessSaid(msgspec.Struct):
    """One of `processes`."""

    pid: str
    user: Text


class ProcessesSaid(msgspec.Struct):
    """POST /processes."""

    host: str
    processes: Annotated[list[ProcessSaid], msgspec.Meta(max_length=MAX_ROWS)]


class UsersSaid(msgspec.Struct):
    """POST /users."""

    host: str
    users: Annotated[
        list[Annotated[str, msgspec.Meta(min_length=1, max_length=255)]], msgspec.Meta(max_length=MAX_ROWS)
    ]


class CpuSaid(msgspec.Struct):
    """POST /cpus."""

    host: str
    cpu_usage: str


async def _said(request: Request[Any, Any, Any], kind: type[Any]) -> Any:
    message, _ = await body.read(request, msgspec.json.Decoder(kind).decode)
    return message


def _ip(text: str | None, name: str) -> str:
    if not text:
        raise ProblemFound(400, f"{name}: say the host's IP address.")
    try:
        address = ipaddress.ip_address(text.strip())
    except ValueError:
        raise ProblemFound(400, f"{name}: {text[:60]!r} is no IP address.") from None
    if isinstance(address, ipaddress.IPv6Address):
        if address.scope_id is not None:
            raise ProblemFound(400, f"{name}: leave out the zone, which means something on that host only.")
        # One host, one name; Python versions also write this form differently.
        return str(address.ipv4_mapped or address)
    return str(address)


def _pid(text: str, place: int) -> int:
    if not text.isascii() or not text.isdecimal() or len(text) > 10 or int(text) >= 2**32:
        raise ProblemFound(400, f"processes[{place}].pid: {text[:20]!r} is no process id.")
    return int(text)


def _percent(text: str) -> float:
    try:
        value = float(text.strip().rstrip("%"))
    except ValueError:
        value = math.nan
    if not 0 <= value <= 100:
        raise ProblemFound(400, f"cpu_usage: {text[:20]!r} is no percentage from 0 to 100.")
    return value


async def _known(store: Store, ip: str | None) -> str:
    address = _ip(ip, "ip")
    if not await reads.hosts(store, address):
        raise ProblemFound(404, f"No host with the IP {address} has reported by this contract.")
    return address


@post(
    "/hosts",
    status_code=200,
    guards=[original_clients],
    security=[ORIGINAL],
    summary="A host and its system",
    tags=["original"],
)
async def post_host(request: Request[Any, Any, Any], store: NamedDependency[Store]) -> Answer:
    """`{ip, so_name?, so_version?}`; answers `{uuid, ip, so_name, so_version}`."""
    said = await _said(request, HostSaid)
    ip = _ip(said.ip, "ip")
    await asyncio.to_thread(writes.write_system, store, ip, said.so_name or None, said.so_version or None)
    (row,) = await reads.hosts(store, ip)
    return {name: row[name] for name in ("uuid", "ip", "so_name", "so_version")}


@post(
    "/processes",
    status_code=200,
    guards=[original_clients],
    security=[ORIGINAL],
    summary="A host's processes",
    tags=["original"],
)
async def post_processes(request: Request[Any, Any, Any], store: NamedDependency[Store]) -> Answer:
    """`{host, processes: [{pid, user}]}`: all that run; what is missing has ended."""
    said = await _said(request, ProcessesSaid)
    ip = _ip(said.host, "host")
    rows = {_pid(row.pid, place): row.user or None for place, row in enumerate(said.processes)}
    await asyncio.to_thread(writes.write_processes, store, ip, list(rows.items()))
    return _list("processes", await reads.processes(store, ip))


@post(
    "/users",
    status_code=200,
    guards=[original_clients],
    security=[ORIGINAL],
    summary="A host's users",
    tags=["original"],
)
async def post_users(request: Request[Any, Any, Any], store: NamedDependency[Store]) -> Answer:
    """`{host, users: [name]}`: all that are logged in; who is missing has left."""
    said = await _said(request, UsersSaid)
    ip = _ip(said.host, "host")
    await asyncio.to_thread(writes.write_users, store, ip, list(dict.fromkeys(said.users)))
    return _list("users", await reads.users(store, ip))


@post(
    "/cpus",
    status_code=200,
    guards=[original_clients],
    security=[ORIGINAL],
    summary="A host's CPU usage",
    tags=["original"],
)
async def post_cpu(request: Request[Any, Any, Any], store: NamedDependency[Store]) -> Answer:
    """`{host, cpu_usage}`, in percent."""
    said = await _said(request, CpuSaid)
    ip = _ip(said.host, "host")
    await asyncio.to_thread(writes.write_cpu, store, ip, _percent(said.cpu_usage))
    return _list("cpus", (await reads.cpus(store, ip, most=1))[0])


@get("/hosts", guards=[original_clients], security=[ORIGINAL], summary="Hosts of this contract", tags=["original"])
async def get_hosts(store: NamedDependency[Store]) -> Answer:
    """Every host that reported by this contract."""
    return _list("hosts", await reads.hosts(store))


@get("/processes", guards=[original_clients], security=[ORIGINAL], summary="What runs on a host", tags=["original"])
async def get_processes(store: NamedDependency[Store], ip: Ip = None) -> Answer:
    """What runs now."""
    return _list("processes", await reads.processes(store, await _known(store, ip)))


@get("/users", guards=[original_clients], security=[ORIGINAL], summary="Who is on a host", tags=["original"])
async def get_users(store: NamedDependency[Store], ip: Ip = None) -> Answer:
    """Who is logged in now."""
    return _list("users", await reads.users(store, await _known(store, ip)))


@get("/cpus", guards=[original_clients], security=[ORIGINAL], summary="CPU samples", tags=["original"])
async def get_cpus(store: NamedDependency[Store], ip: Ip = None) -> Answer:
    """The samples kept, of all hosts or of one."""
    address = None if ip is None else await _known(store, ip)
    rows, total = await reads.cpus(store, address)
    return {"cpus": rows, "total": total}


def _list(name: str, rows: reads.Rows) -> Answer:
    return {name: rows, "total": len(rows)}


HANDLERS = [
    post_host,
    post_processes,
    post_users,
    post_cpu,
    get_hosts,
    get_processes,
    get_users,
    get_cpus,
]
