from datetime import date, timedelta

import pytest

from compliance.server.policies.lifecycle import FRESH, Release, end, find, support
from compliance.server.policies.releases import RELEASES

DAY = date(2026, 6, 1)
AS_OF = date(2026, 1, 1)


def release(regular="2026-06-01", **days):
    given = {name: date.fromisoformat(day) for name, day in days.items()}
    return Release("x", "1", None if regular is None else date.fromisoformat(regular), "https://x", AS_OF, **given)


@pytest.mark.parametrize(
    ("name", "version", "found"),
    [
        ("Debian GNU/Linux", "12", ("debian", "12")),
        ("Ubuntu", "24.04", ("ubuntu", "24.04")),
        ("Red Hat Enterprise Linux", "9.4", ("rhel", "9")),
        ("Red Hat Enterprise Linux Server", "7.9", ("rhel", "7")),
        ("CentOS Stream", "9", ("centos-stream", "9")),
        ("CentOS Linux", "7", ("centos", "7")),
        ("Rocky Linux", "8.10", ("rocky", "8")),
        ("AlmaLinux", "10.0", ("alma", "10")),
        ("Oracle Linux Server", "7.9", ("oracle", "7")),
        ("Fedora Linux", "43", ("fedora", "43")),
        ("Amazon Linux", "2", ("amazon", "2")),
        ("Amazon Linux", "2023", ("amazon", "2023")),
        ("Amazon Linux AMI", "2018.03", ("amazon", "2018.03")),
        ("SLES", "15.6", ("sles", "15.6")),
        ("openSUSE Leap", "15.6", ("leap", "15.6")),
        ("Alpine Linux", "3.22.1", ("alpine", "3.22")),
        ("macOS", "14.5", ("macos", "14")),
        ("macOS", "10.15.7", ("macos", "10.15")),
        ("Windows 11", "10.0.22631", ("windows", "10.0.22631")),
        ("Windows 2022Server", "10.0.20348", ("windows-server", "10.0.20348")),
    ],
)
def test_a_host_is_found_by_what_it_says_of_itself(name, version, found):
    row = find(name, version, RELEASES)
    assert (None if row is None else (row.system, row.version)) == found


@pytest.mark.parametrize(
    ("name", "version"),
    [
        ("Debian GNU/Linux", None),
        ("Debian GNU/Linux", "120"),
        ("Debian GNU/Linux", "trixie/sid"),
        ("Arch Linux", None),
        ("Gentoo", "2.15"),
        ("Ubuntu", "24.044"),
        ("Windows 11", "10.0.99999"),
    ],
)
def test_a_release_that_nobody_wrote_down_is_not_found(name, version):
    assert find(name, version, RELEASES) is None


def test_the_last_day_of_support_is_still_supported():
    assert support(release(), DAY, "regular").lasts is True
    assert support(release(), DAY + timedelta(1), "regular").lasts is False


def test_what_is_counted_decides_which_day_is_the_last():
    row = release(free="2028-01-01", paid="2030-01-01")
    assert [str(end(row, counting)) for counting in ("regular", "free", "paid")] == [
        "2026-06-01",
        "2028-01-01",
        "2030-01-01",
    ]
    later = date(2029, 1, 1)
    assert [support(row, later, counting).lasts for counting in ("regular", "free", "paid")] == [False, False, True]
    assert support(row, date(2027, 1, 1), "free").sentence == "its free long-term support lasts until 2028-01-01"


def test_between_the_ends_of_two_editions_it_is_unknown():
    row = release(other_editions="2026-08-01")
    told = support(row, date(2026, 7, 1), "regular")
    assert (told.lasts, told.until) == (None, date(2026, 8, 1))
    assert "which it is was not seen" in told.sentence
    assert support(row, date(2026, 8, 2), "regular").lasts is False


def test_a_release_without_a_published_end_is_believed_for_a_year():
    row = release(regular=None)
    assert support(row, AS_OF + FRESH, "regular").lasts is True
    assert support(row, AS_OF + FRESH + timedelta(1), "regular").lasts is None


def test_every_row_names_its_source_and_its_day():
    for row in RELEASES.values():
        assert row.source.startswith("https://")
        assert date(2021, 1, 1) < row.as_of < date(2027, 1, 1)
        if row.regular is not None:
            assert (row.free or row.regular) >= row.regular
            assert (row.paid or row.regular) >= (row.free or row.regular)
            assert (row.other_editions or row.regular) >= row.regular


@pytest.mark.parametrize(
    ("system", "version", "regular"),
    [
        ("debian", "11", "2024-08-14"),
        ("ubuntu", "20.04", "2025-05-29"),
        ("rhel", "7", "2024-06-30"),
        ("centos", "8", "2021-12-31"),
        ("amazon", "2", "2026-06-30"),
        ("windows", "10.0.19045", "2025-10-14"),
    ],
)
def test_ends_that_everybody_remembers(system, version, regular):
    assert str(RELEASES[system, version].regular) == regular
