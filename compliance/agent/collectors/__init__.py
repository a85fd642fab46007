"""What the agent can see of a host: one file a subject, impure reads beside pure rows."""

from __future__ import annotations

from compliance.agent.collectors import addresses, cpu, host, osinfo, processes, sessions
from compliance.agent.collectors.look import CannotSee, Collector, Look, Memory
from compliance.wire.messages import Kind

__all__ = ["BRIEF_NAMES", "COLLECTORS", "CannotSee", "Collector", "Look", "Memory"]

COLLECTORS: dict[Kind, Collector] = {
    "host": host.collect,
    "os": osinfo.collect,
    "addresses": addresses.collect,
    "cpu": cpu.collect,
    "processes": processes.collect,
    "sessions": sessions.collect,
}

BRIEF_NAMES: dict[str, Kind] = {
    "so-name": "os",
    "so-version": "os",
    "ps": "processes",
    "users": "sessions",
    "cpu": "cpu",
}
"""The names that the first description of this product used."""
