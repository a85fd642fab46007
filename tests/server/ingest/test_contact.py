from compliance.server.ingest.contact import KINDS, REMEMBERED, Contact
from compliance.server.storage.clock import to_text
from compliance.wire.messages import Sections
from tests.server.ingest.reporting import NOON


def ids(number):
    return [bytes([n]) * 16 for n in range(number)]


def test_the_last_reports_are_known_and_older_ones_forgotten():
    contact = Contact(1)
    for report_id in ids(REMEMBERED + 2):
        contact.remember_report(report_id)
    known = [contact.knows_report(report_id) for report_id in ids(REMEMBERED + 2)]
    assert known == [False, False, *[True] * REMEMBERED]
    assert contact.report_id == ids(REMEMBERED + 2)[-1]
    assert len(contact.recent) <= 160  # what the column holds


def test_a_report_that_is_half_of_two_others_is_not_known():
    contact = Contact(1)
    contact.remember_report(b"a" * 8 + b"b" * 8)
    contact.remember_report(b"c" * 8 + b"a" * 8)
    assert not contact.knows_report(b"a" * 16)


def test_a_boot_was_left_when_another_one_came_after_it():
    contact = Contact(1)
    for boot in ("one", "two"):
        contact.remember_boot(boot)
    assert contact.left_boot("one")
    assert not contact.left_boot("two")
    assert not contact.left_boot("three")
    contact.remember_boot("one")
    assert (contact.left_boot("one"), contact.left_boot("two")) == (False, True)


def test_many_boots_fit_and_the_oldest_are_forgotten():
    contact = Contact(1)
    for number in range(REMEMBERED + 1):
        contact.remember_boot(f"boot {number}")
    assert not contact.left_boot("boot 0")
    assert contact.left_boot("boot 1")
    assert len(contact.boots) <= 160


def test_a_host_that_never_reported_was_seen_before_everything():
    assert Contact(1).seen_ms == -1
    assert Contact(1, seen_at=to_text(NOON)).seen_ms == NOON


def test_every_section_of_the_wire_is_a_kind():
    assert Sections.__struct_fields__ == KINDS
