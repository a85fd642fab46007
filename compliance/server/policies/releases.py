"""The table of releases. Facts only: days on which support ends, where that is said, and when we read it there.

A row without a day we are sure of is left out. `as_of` is the day up to which the source is known to have said so.
"""

from __future__ import annotations

from datetime import date

from compliance.server.policies.lifecycle import Release

# Where the days were read; the makers' own pages are named where they say it themselves.
DISTRO_INFO = "https://salsa.debian.org/debian/distro-info-data"
EOL = "https://endoflife.date"
ROCKY = "https://wiki.rockylinux.org/rocky/version/"
AL2 = "https://aws.amazon.com/amazon-linux-2/faqs/"
AL2023 = "https://docs.aws.amazon.com/linux/al2023/ug/release-cadence.html"
SLES_15_6 = "https://www.suse.com/c/sles-15-sp6-ltss-2026-support-gap"
ORACLE_7 = "https://www.aspicon.de/news/ende-des-premier-supports-fuer-oracle-linux-7/"
MICROSOFT = "https://learn.microsoft.com/lifecycle/products/?terms=Windows"

# (version, regular, free, paid)
DEBIAN = (
    ("7", "2016-04-25", "2018-05-31", "2020-06-30"),
    ("8", "2018-06-17", "2020-06-30", "2025-06-30"),
    ("9", "2020-07-18", "2022-06-30", "2027-06-30"),
    ("10", "2022-09-10", "2024-06-30", "2029-06-30"),
    ("11", "2024-08-14", "2026-08-31", "2031-06-30"),
    ("12", "2026-07-11", "2028-06-30", "2033-06-30"),
    ("13", "2028-08-09", "2030-06-30", "2035-06-30"),
)
# (version, regular, paid)
UBUNTU = (
    ("16.04", "2021-04-30", "2028-04-25"),
    ("16.10", "2017-07-20", None),
    ("17.04", "2018-01-13", None),
    ("17.10", "2018-07-19", None),
    ("18.04", "2023-05-31", "2030-04-30"),
    ("18.10", "2019-07-18", None),
    ("19.04", "2020-01-23", None),
    ("19.10", "2020-07-17", None),
    ("20.04", "2025-05-29", "2032-04-27"),
    ("20.10", "2021-07-22", None),
    ("21.04", "2022-01-20", None),
    ("21.10", "2022-07-14", None),
    ("22.04", "2027-06-01", "2034-04-25"),
    ("22.10", "2023-07-20", None),
    ("23.04", "2024-01-25", None),
    ("23.10", "2024-07-11", None),
    ("24.04", "2029-05-31", "2036-04-29"),
    ("24.10", "2025-07-10", None),
    ("25.04", "2026-01-15", None),
    ("25.10", "2026-07-09", None),
    ("26.04", "2031-05-29", "2038-04-27"),
    ("26.10", "2027-07-15", None),
)
RHEL = (
    ("5", "2017-03-31", "2020-11-30"),
    ("6", "2020-11-30", "2024-06-30"),
    ("7", "2024-06-30", "2028-06-30"),
    ("8", "2029-05-31", "2032-05-31"),
    ("9", "2032-05-31", "2035-05-31"),
    ("10", "2035-05-31", "2038-05-31"),
)
SLES = (
    ("12.4", "2020-06-30", "2023-06-30"),
    ("12.5", "2024-10-31", "2027-10-31"),
    ("15", "2019-12-31", "2022-12-31"),
    ("15.1", "2021-01-31", "2024-01-31"),
    ("15.2", "2021-12-31", "2024-12-31"),
    ("15.3", "2022-12-31", "2025-12-31"),
    ("15.4", "2023-12-31", "2026-12-31"),
    ("15.5", "2024-12-31", "2027-12-31"),
)
# (version, regular)
CENTOS = (("5", "2017-03-31"), ("6", "2020-11-30"), ("7", "2024-06-30"), ("8", "2021-12-31"))
CENTOS_STREAM = (("8", "2024-05-31"), ("9", "2027-05-31"), ("10", "2030-01-01"))
ROCKY_LINUX = (("8", "2029-05-31"), ("9", "2032-05-31"), ("10", "2035-05-31"))
ALMA = (("8", "2029-03-01"), ("9", "2032-05-31"), ("10", "2035-05-31"))
FEDORA = (
    *(("33", "2021-11-30"), ("34", "2022-06-07"), ("35", "2022-12-13"), ("36", "2023-05-16"), ("37", "2023-12-05")),
    *(("38", "2024-05-21"), ("39", "2024-11-26"), ("40", "2025-05-13"), ("41", "2025-12-15"), ("42", "2026-05-13")),
    ("43", "2026-12-09"),
)
LEAP = (
    *(("42.3", "2019-07-01"), ("15.0", "2019-12-03"), ("15.1", "2021-02-02"), ("15.2", "2022-01-04")),
    *(("15.3", "2022-12-31"), ("15.4", "2023-12-07"), ("15.5", "2024-12-31"), ("15.6", "2026-04-30")),
    ("16.0", "2027-10-31"),
)
ALPINE = (
    *(("3.10", "2021-05-01"), ("3.11", "2021-11-01"), ("3.12", "2022-05-01"), ("3.13", "2022-11-01")),
    *(("3.14", "2023-05-01"), ("3.15", "2023-11-01"), ("3.16", "2024-05-23"), ("3.17", "2024-11-22")),
    *(("3.18", "2025-05-09"), ("3.19", "2025-11-01"), ("3.20", "2026-04-01"), ("3.21", "2026-11-01")),
    *(("3.22", "2027-05-01"), ("3.23", "2027-11-01")),
)
# Apple publishes no days: those are when updates stopped in fact.
MACOS = (
    *(("10.13", "2020-12-01"), ("10.14", "2021-10-25"), ("10.15", "2022-09-12"), ("11", "2023-09-26")),
    *(("12", "2024-09-16"), ("13", "2025-09-15"), ("14", None), ("15", None), ("26", None)),
)
# (build, Home and Pro, the last of the others: Enterprise, Education, and the long-term channels of the same build)
WINDOWS_EARLY = (
    ("10.0.18363", "2021-05-11", "2022-05-10"),
    ("10.0.19041", "2021-12-14", None),
    ("10.0.19042", "2022-05-10", "2023-05-09"),
    ("10.0.19043", "2022-12-13", None),
    ("10.0.22000", "2023-10-10", "2024-10-08"),
)
WINDOWS = (
    ("10.0.17763", "2020-11-10", "2029-01-09"),
    ("10.0.19044", "2023-06-13", "2032-01-13"),
    ("10.0.22621", "2024-10-08", "2025-10-14"),
    ("10.0.22631", "2025-11-11", "2026-11-10"),
    ("10.0.26100", "2026-10-13", "2034-10-10"),
    ("10.0.26200", "2027-10-12", "2028-10-10"),
)
# (build, regular, paid). The short-lived channels of the same builds are not told apart; they ended in 2022.
WINDOWS_SERVER = (
    ("6.1.7601", "2020-01-14", "2023-01-10"),
    ("6.2.9200", "2023-10-10", "2026-10-13"),
    ("6.3.9600", "2023-10-10", "2026-10-13"),
    ("10.0.14393", "2027-01-12", "2030-01-12"),
    ("10.0.17763", "2029-01-09", None),
    ("10.0.20348", "2031-10-14", None),
    ("10.0.26100", "2034-10-10", None),
)


def _day(text: str | None) -> date | None:
    return None if text is None else date.fromisoformat(text)


def _rows() -> list[Release]:
    def row(system: str, version: str, regular: str | None, source: str, as_of: str, **more: str | None) -> Release:
        days = {name: _day(text) for name, text in more.items()}
        return Release(system, version, _day(regular), source, date.fromisoformat(as_of), **days)

    plain = (
        ("centos", CENTOS, f"{EOL}/centos", "2023-12-08"),
        ("centos-stream", CENTOS_STREAM, f"{EOL}/centos-stream", "2024-12-12"),
        ("rocky", ROCKY_LINUX, ROCKY, "2025-11-25"),
        ("alma", ALMA, f"{EOL}/almalinux", "2025-05-27"),
        ("fedora", FEDORA, f"{EOL}/fedora", "2025-10-28"),
        ("leap", LEAP, f"{EOL}/opensuse", "2025-10-01"),
        ("alpine", ALPINE, f"{EOL}/alpine-linux", "2026-01-27"),
        ("macos", MACOS, f"{EOL}/macos", "2026-03-04"),
    )
    return [
        *(row("debian", v, r, DISTRO_INFO, "2026-04-25", free=f, paid=p) for v, r, f, p in DEBIAN),
        *(row("ubuntu", v, r, DISTRO_INFO, "2026-04-25", paid=p) for v, r, p in UBUNTU),
        *(row("rhel", v, r, f"{EOL}/rhel", "2025-05-20", paid=p) for v, r, p in RHEL),
        *(row("sles", v, r, f"{EOL}/sles", "2024-06-26", paid=p) for v, r, p in SLES),
        row("sles", "15.6", "2025-12-31", SLES_15_6, "2026-01-01", paid="2028-12-31"),
        *(row(system, v, r, source, as_of) for system, days, source, as_of in plain for v, r in days),
        row("oracle", "7", "2024-12-31", ORACLE_7, "2024-12-31", paid="2028-06-30"),
        row("oracle", "8", "2029-07-01", f"{EOL}/oracle-linux", "2023-11-21"),
        row("oracle", "9", "2032-06-30", f"{EOL}/oracle-linux", "2023-11-21"),
        row("amazon", "2018.03", "2023-12-31", f"{EOL}/amazon-linux", "2023-08-07"),
        row("amazon", "2", "2026-06-30", AL2, "2026-08-13"),
        row("amazon", "2023", "2029-06-30", AL2023, "2026-08-07"),
        *(row("windows", v, r, f"{EOL}/windows", "2021-11-16", other_editions=e) for v, r, e in WINDOWS_EARLY),
        *(row("windows", v, r, MICROSOFT, "2025-10-14", other_editions=e) for v, r, e in WINDOWS),
        row("windows", "10.0.19045", "2025-10-14", MICROSOFT, "2025-10-14", paid="2028-10-10"),
        *(row("windows-server", v, r, f"{EOL}/windows-server", "2024-11-01", paid=p) for v, r, p in WINDOWS_SERVER),
    ]


RELEASES: dict[tuple[str, str], Release] = {(row.system, row.version): row for row in _rows()}
"""By our name of the system and the release."""
