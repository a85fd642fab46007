"""The kinds of rule there are: data, as a policy's file has them. What they mean is in the modules that judge them.

A rule about rows (`process`, `session`, `port`, `package`, `account`) says which rows it speaks of, and whether such a
row has to be `present` or `absent`. Fields that are given have to match all; a row that matches one of `unless` is left
out.
"""

from __future__ import annotations

from typing import Annotated, Literal

from msgspec import Meta, Struct, field

from compliance.server.policies.lifecycle import Counting
from compliance.server.policies.networks import Networks, parsed
from compliance.server.policies.patterns import Texts
from compliance.server.policies.ports import Ports, Ranges, ranges
from compliance.server.policies.spans import Span
from compliance.server.policies.versions import Scheme, is_version
from compliance.wire.facts import Percent

Expect = Annotated[Literal["present", "absent"], Meta(description="Whether there has to be one, or must not be one.")]
Version = Annotated[str, Meta(min_length=1, max_length=100, description="The oldest version that will do.")]
Number = Annotated[int, Meta(ge=0, lt=2**32)]
FreshKind = Literal["host", "os", "addresses", "cpu", "processes", "sessions", "ports", "packages", "accounts"]


class Filter(Struct, frozen=True, kw_only=True, omit_defaults=True, forbid_unknown_fields=True):
    """Which rows are meant."""

    def __post_init__(self) -> None:
        if all(getattr(self, name) is None for name in self.__struct_fields__ if name not in ("expect", "unless")):
            raise ValueError("it says of no field what is meant: every row would be")


class ProcessFilter(Filter, frozen=True, kw_only=True):
    """Which processes are meant."""

    name: Annotated[Texts | None, Meta(description="The program's name: sshd, nginx.")] = None
    path: Annotated[Texts | None, Meta(description="The program's file: /usr/sbin/sshd.")] = None
    arguments: Annotated[Texts | None, Meta(description="The whole command line, secrets taken out.")] = None
    user: Annotated[Texts | None, Meta(description="Who owns it.")] = None


class ProcessRule(ProcessFilter, frozen=True, kw_only=True, tag_field="kind", tag="process"):
    """Processes that have to run, or must not."""

    expect: Expect
    unless: Annotated[tuple[ProcessFilter, ...], Meta(description="Processes that are not meant.")] = ()


class SessionFilter(Filter, frozen=True, kw_only=True):
    """Which sessions are meant."""

    user: Annotated[Texts | None, Meta(description="Who is logged in.")] = None
    root: Annotated[bool | None, Meta(description="Whether it is root, Administrator or SYSTEM.")] = None
    remote: Annotated[bool | None, Meta(description="Whether it came over the network.")] = None
    origin: Annotated[Networks | None, Meta(description="It came from one of these networks.")] = field(
        default=None, name="from"
    )
    outside: Annotated[Networks | None, Meta(description="It came from none of these networks, but from some.")] = (
        field(default=None, name="not-from")
    )
    older_than: Annotated[Span | None, Meta(description="It was opened longer ago.")] = field(
        default=None, name="older-than"
    )

    def __post_init__(self) -> None:
        super().__post_init__()
        parsed((self.origin or ()) + (self.outside or ()))


class SessionRule(SessionFilter, frozen=True, kw_only=True, tag_field="kind", tag="session"):
    """Sessions that there have to be, or must not be."""

    expect: Expect
    unless: Annotated[tuple[SessionFilter, ...], Meta(description="Sessions that are not meant.")] = ()


class PortFilter(Filter, frozen=True, kw_only=True):
    """Which listening sockets are meant."""

    port: Annotated[Ports | None, Meta(description="Ports and ranges: 22, 8000-8099, or a list.")] = None
    protocol: Annotated[Literal["tcp", "udp"] | None, Meta(description="Both, where it is left out.")] = None
    exposed: Annotated[bool | None, Meta(description="Whether others than this machine can reach it.")] = None
    process: Annotated[Texts | None, Meta(description="The name of the program that listens.")] = None
    user: Annotated[Texts | None, Meta(description="Who owns it.")] = None

    def __post_init__(self) -> None:
        super().__post_init__()
        self.ranges()

    def ranges(self) -> Ranges:
        """First and last port of each range; none where any port is meant."""
        return () if self.port is None else ranges(self.port)


class PortRule(PortFilter, frozen=True, kw_only=True, tag_field="kind", tag="port"):
    """Sockets that have to listen, or must not."""

    expect: Expect
    unless: Annotated[tuple[PortFilter, ...], Meta(description="Sockets that are not meant.")] = ()


class PackageFilter(Filter, frozen=True, kw_only=True):
    """Which installed packages are meant."""

    name: Annotated[Texts | None, Meta(description="The package's name.")] = None
    manager: Annotated[Texts | None, Meta(description="dpkg, rpm, apk: who installed it.")] = None
    version: Annotated[Texts | None, Meta(description="The version's text; to compare it, say at-least.")] = None


class PackageRule(PackageFilter, frozen=True, kw_only=True, tag_field="kind", tag="package"):
    """Packages that have to be installed, must not be, or must not be older."""

    expect: Expect
    at_least: Annotated[
        Version | None, Meta(description="Every one that is installed is this version or newer; needs a scheme.")
    ] = field(default=None, name="at-least")
    scheme: Annotated[Scheme | None, Meta(description="Whose order of versions: dpkg, rpm, generic.")] = None
    unless: Annotated[tuple[PackageFilter, ...], Meta(description="Packages that are not meant.")] = ()

    def __post_init__(self) -> None:
        super().__post_init__()
        if (self.at_least is None) != (self.scheme is None):
            raise ValueError("at-least and scheme (dpkg, rpm or generic) belong together")
        if self.at_least is not None and self.expect == "absent":
            raise ValueError(
                "at-least is said of a package that has to be present; for 'where it is installed' say any"
            )
        _check_version(self.scheme, self.at_least)


class AccountFilter(Filter, frozen=True, kw_only=True):
    """Which local accounts are meant."""

    name: Annotated[Texts | None, Meta(description="The account's name.")] = None
    uid: Annotated[Number | None, Meta(description="Its number.")] = None
    below_uid: Annotated[Number | None, Meta(description="Its number is lower than this.")] = field(
        default=None, name="below-uid"
    )
    shell: Annotated[Texts | None, Meta(description="What is started at login.")] = None
    login: Annotated[bool | None, Meta(description="Whether its shell lets somebody in.")] = None
    password: Annotated[Literal["set", "none", "locked"] | None, Meta(description="What is kept as its password.")] = (
        None
    )


class AccountRule(AccountFilter, frozen=True, kw_only=True, tag_field="kind", tag="account"):
    """Local accounts that have to exist, or must not."""

    expect: Expect
    unless: Annotated[tuple[AccountFilter, ...], Meta(description="Accounts that are not meant.")] = ()


class Fixed(Struct, frozen=True, kw_only=True, omit_defaults=True, forbid_unknown_fields=True):
    """A rule about a single thing."""


class OsSupportedRule(Fixed, frozen=True, kw_only=True, tag_field="kind", tag="os-supported"):
    """The operating system's release gets security updates, by our own dated table."""

    counting: Annotated[
        Counting, Meta(description="regular: the maker's own; free: Debian LTS too; paid: what can be bought too.")
    ] = "free"
    ahead: Annotated[Span | None, Meta(description="It will still be supported after this time.")] = None


class OsRule(Fixed, frozen=True, kw_only=True, tag_field="kind", tag="os"):
    """The operating system is this one, or one of these, and not older."""

    name: Annotated[Texts, Meta(description="As the host tells it: Debian GNU/Linux, Ubuntu, macOS.")]
    at_least: Annotated[Version | None, Meta(description="This version or newer, in the generic order.")] = field(
        default=None, name="at-least"
    )

    def __post_init__(self) -> None:
        _check_version("generic", self.at_least)


class KernelRule(Fixed, frozen=True, kw_only=True, tag_field="kind", tag="kernel"):
    """The running kernel is this one or newer, in the generic order (`uname -r`)."""

    at_least: Version = field(name="at-least")

    def __post_init__(self) -> None:
        _check_version("generic", self.at_least)


class CpuRule(Fixed, frozen=True, kw_only=True, tag_field="kind", tag="cpu"):
    """The processors are not busy without a pause: in that time at least one look saw less."""

    below: Annotated[Percent, Meta(description="Percent of all cores together.")]
    span: Span = field(name="for")


class FreshnessRule(Fixed, frozen=True, kw_only=True, tag_field="kind", tag="freshness"):
    """The host reported, or was looked at, not longer ago than this."""

    within: Span
    of: Annotated[
        tuple[FreshKind, ...], Meta(description="Kinds that were all looked at; none: any report will do.")
    ] = ()


class ClockRule(Fixed, frozen=True, kw_only=True, tag_field="kind", tag="clock"):
    """The host's clock is not further from the server's than this."""

    within: Span


class AgentRule(Fixed, frozen=True, kw_only=True, tag_field="kind", tag="agent"):
    """The agent is this version or newer, in the generic order."""

    at_least: Version = field(name="at-least")

    def __post_init__(self) -> None:
        _check_version("generic", self.at_least)


Several = Annotated[tuple["Rule", ...], Meta(min_length=1, max_length=50)]


class AllRule(Fixed, frozen=True, kw_only=True, tag_field="kind", tag="all"):
    """Every one of these rules holds."""

    of: Several


class AnyRule(Fixed, frozen=True, kw_only=True, tag_field="kind", tag="any"):
    """At least one of these rules holds."""

    of: Several


class NotRule(Fixed, frozen=True, kw_only=True, tag_field="kind", tag="not"):
    """This rule does not hold. What is unknown stays unknown."""

    rule: Rule


RowRule = ProcessRule | SessionRule | PortRule | PackageRule | AccountRule
Leaf = RowRule | OsSupportedRule | OsRule | KernelRule | CpuRule | FreshnessRule | ClockRule | AgentRule
Rule = Leaf | AllRule | AnyRule | NotRule


def leaves(rule: Rule) -> list[Leaf]:
    """The rules that it is put together from, left to right."""
    if isinstance(rule, NotRule):
        return leaves(rule.rule)
    if isinstance(rule, AllRule | AnyRule):
        return [leaf for part in rule.of for leaf in leaves(part)]
    return [rule]


def _check_version(scheme: Scheme | None, version: str | None) -> None:
    if scheme is not None and version is not None and not is_version(scheme, version):
        raise ValueError(f"{version!r} is no version in the order of {scheme}")
