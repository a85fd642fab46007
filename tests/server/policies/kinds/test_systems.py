from datetime import UTC, datetime

import pytest

from tests.server.policies.hosts import finding, rule, verdict
from tests.server.policies.strategies import NOON

SUPPORTED = rule(kind="os-supported")
DEBIAN_11 = {"name": "Debian GNU/Linux", "version": "11"}


def ms(year, month, day):
    return int(datetime(year, month, day, tzinfo=UTC).timestamp() * 1000)


def test_a_supported_release_passes_until_the_end_of_its_last_day():
    found = finding(SUPPORTED, os=DEBIAN_11)
    assert (found.holds, found.changes_at) == (True, ms(2026, 9, 1))
    assert "its free long-term support lasts until 2026-08-31" in found.observed
    assert "https://salsa.debian.org/debian/distro-info-data, as of 2026-04-25" in found.observed
    assert verdict(SUPPORTED, ms(2026, 9, 1) - 1, os=DEBIAN_11) is True
    assert verdict(SUPPORTED, ms(2026, 9, 1), os=DEBIAN_11) is False


def test_what_is_counted_is_said():
    regular = finding(rule(kind="os-supported", counting="regular"), os=DEBIAN_11)
    assert (regular.holds, regular.changes_at) == (False, None)
    assert regular.expected == "An operating system that gets security updates (from its maker, ordinary support)."
    assert verdict(rule(kind="os-supported", counting="paid"), ms(2030, 1, 1), os=DEBIAN_11) is True


def test_support_can_be_asked_for_ahead_of_time():
    asked = rule(kind="os-supported", ahead="90d")
    early, late = ms(2026, 6, 2) + 1, ms(2026, 6, 3)
    assert verdict(asked, early, os=DEBIAN_11) is True
    assert finding(asked, early, os=DEBIAN_11).changes_at == late
    assert verdict(asked, late, os=DEBIAN_11) is False


@pytest.mark.parametrize("system", [{"name": "Arch Linux"}, {"name": "Debian GNU/Linux", "version": "99"}])
def test_a_release_that_is_not_in_the_table_is_unknown(system):
    found = finding(SUPPORTED, os=system)
    assert found.holds is None
    assert "is not in the table of releases" in found.observed


def test_a_system_that_was_not_seen_is_unknown():
    for asked in (SUPPORTED, rule(kind="os", name="Ubuntu"), rule(kind="kernel", **{"at-least": "5"})):
        found = finding(asked)
        assert (found.holds, found.observed) == (
            None,
            "The operating system was not seen: not part of its reports.",
        )


def test_another_system_or_an_older_one_fails():
    asked = rule(kind="os", name=["Ubuntu", "Debian GNU/Linux"], **{"at-least": "12"})
    assert verdict(asked, os={"name": "Debian GNU/Linux", "version": "12"}) is True
    assert verdict(asked, os=DEBIAN_11) is False
    assert verdict(asked, os={"name": "Fedora Linux", "version": "43"}) is False
    assert verdict(asked, os={"name": "Ubuntu"}) is None
    assert finding(asked, os=DEBIAN_11).expected == ("The operating system is Ubuntu or Debian GNU/Linux 12 or newer.")


def test_the_running_kernel_is_compared():
    asked = rule(kind="kernel", **{"at-least": "6.1.0-20"})
    told = {"name": "Debian GNU/Linux"}
    assert verdict(asked, os={**told, "kernel": "6.1.0-21-amd64"}) is True
    assert verdict(asked, os={**told, "kernel": "6.1.0-9-amd64"}) is False
    assert verdict(asked, os=told) is None


def test_a_version_that_is_none_is_refused():
    with pytest.raises(ValueError, match="is no version in the order of generic"):
        rule(kind="kernel", **{"at-least": "newest"})


def test_the_verdict_of_a_past_moment_is_that_of_its_day():
    assert verdict(rule(kind="os-supported", counting="regular"), ms(2024, 8, 14), os=DEBIAN_11) is True
    assert verdict(rule(kind="os-supported", counting="regular"), NOON, os=DEBIAN_11) is False
