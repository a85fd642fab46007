"""The frameworks that policies are evidence for. Ids only: the texts belong to others, and which policy is evidence for
which control is our own reading.
"""

from __future__ import annotations

import re
from typing import Annotated

from msgspec import Meta, Struct, field

READING = "Which policy is evidence for which control is our own reading, not that of the framework's publisher."

NIST_FAMILIES = {
    *("AC", "AT", "AU", "CA", "CM", "CP", "IA", "IR", "MA", "MP"),
    *("PE", "PL", "PM", "PS", "PT", "RA", "SA", "SC", "SI", "SR"),
}
CIS_SAFEGUARDS = (5, 7, 14, 12, 6, 8, 7, 12, 7, 7, 5, 8, 11, 9, 7, 14, 9, 5)
"""How many safeguards each of the 18 controls of version 8 has."""
ISO_CONTROLS = {5: 37, 6: 8, 7: 14, 8: 34}
"""How many controls each theme of Annex A has in the edition of 2022."""
SOC2_CRITERIA = {
    *(f"CC1.{n}" for n in range(1, 6)),
    *(f"CC2.{n}" for n in range(1, 4)),
    *(f"CC3.{n}" for n in range(1, 5)),
    *(f"CC4.{n}" for n in range(1, 3)),
    *(f"CC5.{n}" for n in range(1, 4)),
    *(f"CC6.{n}" for n in range(1, 9)),
    *(f"CC7.{n}" for n in range(1, 6)),
    "CC8.1",
    *(f"CC9.{n}" for n in range(1, 3)),
    *(f"A1.{n}" for n in range(1, 4)),
    *(f"C1.{n}" for n in range(1, 3)),
    *(f"PI1.{n}" for n in range(1, 6)),
}
PCI_REQUIREMENT = re.compile(r"(1[0-2]|[1-9])\.\d{1,2}(\.\d{1,2}){0,2}")

Ids = Annotated[tuple[Annotated[str, Meta(max_length=20)], ...], Meta(max_length=20)]


class Controls(Struct, frozen=True, kw_only=True, omit_defaults=True, forbid_unknown_fields=True):
    """Control ids by framework."""

    nist: Annotated[Ids, Meta(description="NIST SP 800-53 revision 5: AC-6, CM-7(2).")] = field(
        default=(), name="nist-800-53"
    )
    cis: Annotated[Ids, Meta(description="CIS Controls version 8, safeguards: 4.8.")] = field(default=(), name="cis-v8")
    soc2: Annotated[Ids, Meta(description="SOC 2, trust services criteria: CC6.1.")] = ()
    iso: Annotated[Ids, Meta(description="ISO/IEC 27001:2022, Annex A: A.8.20.")] = field(default=(), name="iso-27001")
    pci: Annotated[Ids, Meta(description="PCI DSS 4.0, requirements: 2.2.4.")] = field(default=(), name="pci-dss")

    def __post_init__(self) -> None:
        for name, (_, exists) in FRAMEWORKS.items():
            for one in getattr(self, name):
                if not exists(one):
                    raise ValueError(f"{one!r} is no control of {FRAMEWORKS[name][0]}")


def _is_nist(text: str) -> bool:
    found = re.fullmatch(r"([A-Z]{2})-([1-9]\d?)(\([1-9]\d?\))?", text)
    return found is not None and found[1] in NIST_FAMILIES


def _is_cis(text: str) -> bool:
    found = re.fullmatch(r"([1-9]\d?)\.([1-9]\d?)", text)
    return found is not None and int(found[1]) <= 18 and int(found[2]) <= CIS_SAFEGUARDS[int(found[1]) - 1]


def _is_iso(text: str) -> bool:
    found = re.fullmatch(r"A\.([5-8])\.([1-9]\d?)", text)
    return found is not None and int(found[2]) <= ISO_CONTROLS[int(found[1])]


FRAMEWORKS = {
    "nist": ("NIST SP 800-53 revision 5", _is_nist),
    "cis": ("CIS Controls version 8", _is_cis),
    "soc2": ("SOC 2", SOC2_CRITERIA.__contains__),
    "iso": ("ISO/IEC 27001:2022", _is_iso),
    "pci": ("PCI DSS 4.0", lambda text: PCI_REQUIREMENT.fullmatch(text) is not None),
}
"""By field: what it is called, and whether an id is one of its own."""
