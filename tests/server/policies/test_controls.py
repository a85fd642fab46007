import pytest

from compliance.server.policies.controls import CIS_SAFEGUARDS, ISO_CONTROLS, SOC2_CRITERIA, Controls


def test_ids_of_every_framework_are_known():
    Controls(
        nist=("AC-6", "CM-7(2)", "SC-45(1)", "SR-3"),
        cis=("1.1", "4.8", "18.5"),
        soc2=("CC6.1", "A1.2"),
        iso=("A.5.37", "A.8.34"),
        pci=("1.2.1", "2.2.4", "8.3.10.1", "12.10.5"),
    )


@pytest.mark.parametrize(
    ("framework", "wrong"),
    [
        ("nist", "XX-1"),
        ("nist", "AC-6.1"),
        ("nist", "ac-6"),
        ("nist", "AC-0"),
        ("cis", "19.1"),
        ("cis", "4.13"),
        ("cis", "4"),
        ("soc2", "CC6.9"),
        ("soc2", "CC10.1"),
        ("iso", "A.8.35"),
        ("iso", "8.20"),
        ("iso", "A.9.1"),
        ("pci", "13.1"),
        ("pci", "Req 2"),
    ],
)
def test_an_id_that_does_not_exist_is_refused(framework, wrong):
    with pytest.raises(ValueError, match="is no control of"):
        Controls(**{framework: (wrong,)})


def test_the_frameworks_are_as_large_as_they_are():
    assert sum(CIS_SAFEGUARDS) == 153
    assert sum(ISO_CONTROLS.values()) == 93
    assert sum(one.startswith("CC") for one in SOC2_CRITERIA) == 33
