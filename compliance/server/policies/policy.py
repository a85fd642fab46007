"""A policy: what a file of ours says, field by field, and nothing that a machine does with it."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import date
from typing import Annotated, Literal

from msgspec import Meta, Struct, field

from compliance.server.policies.cases import Case
from compliance.server.policies.controls import Controls
from compliance.server.policies.rules import Rule

Slug = Annotated[
    str, Meta(pattern=r"^[a-z0-9]+(-[a-z0-9]+)*$", max_length=64, description="Small letters, digits, hyphens.")
]
Line = Annotated[str, Meta(min_length=1, max_length=120)]
Text = Annotated[str, Meta(min_length=1, max_length=2000)]
Glob = Annotated[str, Meta(min_length=1, max_length=255)]
Globs = Annotated[tuple[Glob, ...], Meta(min_length=1, max_length=500)]
Severity = Literal["low", "medium", "high", "critical"]


class Part(Struct, frozen=True, kw_only=True, omit_defaults=True, forbid_unknown_fields=True):
    """A field that nobody knows is a mistake in the file, and is told."""


class Scope(Part, frozen=True, kw_only=True):
    """The hosts that are meant: all that is given has to match. Globs, in any case of letters."""

    labels: Annotated[Mapping[str, Glob], Meta(description="Labels and their values: role: web, env: prod*.")] = {}
    os: Annotated[
        Globs | None, Meta(description="Operating systems, with their version or without: Debian*, Ubuntu 22.04.")
    ] = None
    names: Annotated[Globs | None, Meta(description="Host names: web-*.")] = None
    unless: Annotated[Scope | None, Meta(description="Hosts that are not meant after all.")] = None


class Exemption(Part, frozen=True, kw_only=True):
    """Hosts that may fail for a while. The verdict stays what it is; the exception stands beside it in every report."""

    hosts: Annotated[Scope, Meta(description="Which hosts.")]
    owner: Annotated[Line, Meta(description="Who answers for it.")]
    reason: Annotated[Text, Meta(description="Why it is accepted.")]
    since: Annotated[date | None, Meta(description="Its first day, in UTC.")] = None
    until: Annotated[date, Meta(description="Its last day, in UTC.")]

    def __post_init__(self) -> None:
        if self.since is not None and self.since > self.until:
            raise ValueError("an exception ends after it begins")


class Policy(Part, frozen=True, kw_only=True):
    """What hosts have to be like, and why."""

    id: Slug
    """It never changes: verdicts, exceptions and reports name it."""
    title: Annotated[Line, Meta(description="What has to be so, in a sentence.")]
    why: Annotated[Text, Meta(description="What happens where it is not so.")]
    severity: Severity
    remedy: Annotated[Text, Meta(description="How to mend a host that fails.")]
    pack: Annotated[Slug | None, Meta(description="The policies that it belongs to.")] = None
    controls: Annotated[Controls, Meta(description="The controls that it is evidence for: our own reading.")] = field(
        default_factory=Controls
    )
    scope: Annotated[Scope, Meta(description="The hosts that it is about; all, where it is left out.")] = field(
        default_factory=Scope
    )
    rule: Rule
    exceptions: Annotated[tuple[Exemption, ...], Meta(description="Hosts that may fail for a while.")] = ()
    cases: Annotated[tuple[Case, ...], Meta(description="Its own tests.")] = ()
