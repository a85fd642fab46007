from typing import Any

import pytest
from msgspec import UNSET

from compliance.server.ingest import decide as decisions
from compliance.server.ingest.contact import REMEMBERED, Contact
from compliance.server.ingest.decide import Apply, CloneFound
from compliance.server.storage.clock import to_ms, to_text
from compliance.wire.messages import Dropped, Receipt
from tests.server.ingest.reporting import (
    HOUR,
    MINUTE,
    NOON,
    change,
    failed,
    process,
    report,
    same,
    sample,
    session,
    whole,
)

ROWS = (process(1), process(2))
DAY = 24 * HOUR


def decide(contact, said, received):
    return decisions.decide(contact, said, received)


def follow(contact, said, received=NOON):
    """Decides, and moves the contact as a plan does when the report is applied."""
    decision = decide(contact, said, received)
    if isinstance(decision, Apply):
        if contact.boot_id != said.boot_id:
            contact.remember_boot(said.boot_id)
        contact.remember_report(bytes.fromhex(said.id))
        contact.seen_at = decision.seen
        contact.interval_s = None if said.interval is UNSET else said.interval
        for kind in ("processes", "sessions"):
            section = getattr(said.sections, kind)
            if section is not UNSET:
                setattr(contact, f"{kind}_state", bytes.fromhex(section.state))
    return decision


@pytest.fixture
def contact():
    """A host whose only report so far was `first`, of two processes."""
    made = Contact(7)
    follow(made, first)
    return made


first = report(id="f" * 32, processes=whole(*ROWS), sessions=whole(session()))


def test_the_first_report_is_applied():
    decision = decide(Contact(7), first, NOON)
    assert decision == Apply(to_text(NOON), rebooted=False)


def test_a_first_report_that_claims_another_before_it_is_wanted_without_one():
    receipt = decide(Contact(7), report("a" * 32, cpu=sample()), NOON)
    assert (receipt.outcome, receipt.last, receipt.wanted) == ("wanted", None, ())


def test_the_next_report_is_applied(contact):
    said = report(first.id, processes=change(ROWS, (process(2),)))
    assert isinstance(decide(contact, said, NOON + MINUTE), Apply)


def test_a_report_that_was_applied_is_a_repeat_and_names_the_last(contact):
    second = report(first.id, cpu=sample())
    follow(contact, second)
    for again in (first, second):
        receipt = decide(contact, again, NOON)
        assert (receipt.outcome, receipt.last) == ("repeat", second.id)
    assert contact.forks == 0


def test_only_so_many_reports_are_remembered(contact):
    last = first.id
    for _ in range(REMEMBERED):
        said = report(last, cpu=sample())
        assert isinstance(follow(contact, said), Apply)
        last = said.id
    assert decide(contact, first, NOON).outcome == "wanted"


def test_a_report_out_of_order_is_wanted_after_the_last_one(contact):
    late = report("c" * 32, processes=same(*ROWS))
    receipt = decide(contact, late, NOON)
    assert (receipt.outcome, receipt.last, receipt.wanted) == ("wanted", first.id, ())
    assert contact.forks == 0


def test_an_agent_that_forgot_everything_is_wanted_after_the_last_one(contact):
    receipt = decide(contact, report(None, processes=whole(*ROWS)), NOON)
    assert (receipt.outcome, receipt.last, receipt.wanted) == ("wanted", first.id, ())
    assert contact.forks == 0


def test_exactly_the_sections_whose_base_does_not_fit_are_wanted_whole(contact):
    said = report(
        first.id, processes=change((process(9),), ROWS), sessions=same(session()), addresses=same(), cpu=sample()
    )
    receipt = decide(contact, said, NOON)
    assert (receipt.outcome, receipt.last) == ("wanted", first.id)
    assert receipt.wanted == ("addresses", "processes")
    made_whole = report(first.id, id=said.id, processes=whole(*ROWS), sessions=same(session()), cpu=sample())
    assert isinstance(decide(contact, made_whole, NOON), Apply)


def test_after_a_start_of_the_machine_processes_and_sessions_have_to_be_whole(contact):
    said = report(first.id, boot="boot-2", processes=same(*ROWS), sessions=same(session()))
    assert decide(contact, said, NOON).wanted == ("processes", "sessions")
    made_whole = report(first.id, boot="boot-2", processes=whole(*ROWS), sessions=whole())
    assert decide(contact, made_whole, NOON) == Apply(to_text(NOON + 1), rebooted=True)


def test_a_failed_or_absent_section_always_fits(contact):
    assert isinstance(decide(contact, report(first.id, boot="boot-2", processes=failed()), NOON), Apply)


# Clones


def test_a_machine_set_back_to_an_older_disk_forks_once_and_goes_on(contact):
    follow(contact, report(first.id, cpu=sample()))
    rolled_back = report(first.id, processes=same(*ROWS))
    receipt = follow(contact, rolled_back)
    assert (receipt.outcome, contact.forks) == ("wanted", 0)
    assert isinstance(follow(contact, report(receipt.last, id=rolled_back.id, processes=same(*ROWS))), Apply)
    assert (contact.forks, contact.forked_at, contact.refused_at) == (1, to_text(NOON), None)


def test_the_same_fork_told_again_is_one_fork(contact):
    """Its answer was lost, or a proxy sent it twice."""
    follow(contact, report(first.id, cpu=sample()))
    rolled_back = report(first.id, cpu=sample())
    for _ in range(3):
        assert decide(contact, rolled_back, NOON).outcome == "wanted"
    receipt = decide(contact, rolled_back, NOON)
    assert isinstance(follow(contact, report(receipt.last, id=rolled_back.id, cpu=sample())), Apply)
    assert decide(contact, rolled_back, NOON).outcome == "repeat"
    assert (contact.forks, contact.refused_at) == (1, None)


def test_reports_that_arrive_when_their_agent_has_given_them_up_fork_nothing(contact):
    """Held up on the way until the spool, being full, had dropped them; nobody sends them again so that they follow."""
    follow(contact, report(first.id, cpu=sample()))
    for _ in range(3):
        assert decide(contact, report(first.id, cpu=sample()), NOON).outcome == "wanted"
    assert (contact.forks, contact.refused_at) == (0, None)


def test_a_host_that_dropped_reports_forks_nothing(contact):
    """One of them was taken, and the answer was lost: the next one follows the report before it."""
    for _ in range(3):
        before = contact.report_id.hex()
        follow(contact, report(before, cpu=sample()))
        dropped = Dropped(reports=1, reason="the spool was full")
        said = report(before, dropped=dropped, cpu=sample())
        receipt = decide(contact, said, NOON)
        assert (receipt.outcome, receipt.last) == ("wanted", contact.report_id.hex())
        assert isinstance(follow(contact, report(receipt.last, id=said.id, dropped=dropped, cpu=sample())), Apply)
    assert (contact.forks, contact.refused_at) == (0, None)


def fork(contact, received):
    """A second machine with the same token reports from the state that both had; the decision when it then follows."""
    said = report(first.id, received, cpu=sample())
    receipt = follow(contact, said, received)
    return follow(contact, report(receipt.last, received, id=said.id, cpu=sample()), received)


def test_a_chain_that_forks_twice_in_an_hour_is_a_clone(contact):
    follow(contact, report(first.id, cpu=sample()))
    assert isinstance(fork(contact, NOON), Apply)
    assert fork(contact, NOON + HOUR - 1) == CloneFound(to_text(NOON + HOUR - 1))
    assert (contact.forks, contact.refused_at) == (2, to_text(NOON + HOUR - 1))


def test_a_second_fork_an_hour_later_is_a_first_one_again(contact):
    follow(contact, report(first.id, cpu=sample()))
    fork(contact, NOON)
    assert isinstance(fork(contact, NOON + HOUR), Apply)
    assert (contact.forks, contact.refused_at) == (1, None)


def test_of_a_clone_nothing_is_taken_from_either_not_even_a_repeat(contact):
    contact.refused_at = to_text(NOON)
    for said in (first, report(first.id, cpu=sample()), report(None, processes=whole())):
        assert decide(contact, said, NOON + DAY) == CloneFound(to_text(NOON))


def take_turns(contact, pause):
    """Two machines of one image, each on its own boot and its own chain; the decisions on their reports."""
    last, said = {"boot-1": first.id, "boot-2": first.id}, []
    for turn in range(1, 6):
        boot, received = f"boot-{turn % 2 + 1}", NOON + turn * pause
        rows: dict[str, Any] = {"processes": whole(*ROWS), "sessions": whole()}
        interval = max(60, min(2 * pause // 1000, 86_400))
        told = report(last[boot], received, boot=boot, interval=interval, **rows)
        decision = follow(contact, told, received)
        if isinstance(decision, Receipt):
            again = report(decision.last, received, id=told.id, boot=boot, interval=interval, **rows)
            decision = follow(contact, again, received)
        said.append(decision)
        if isinstance(decision, CloneFound):
            break
        last[boot] = told.id
    return said


@pytest.mark.parametrize("pause", [30_000, HOUR, DAY // 2])
def test_two_boots_that_take_turns_are_a_clone_however_seldom_they_report(contact, pause):
    decisions = take_turns(contact, pause)
    assert isinstance(decisions[-1], CloneFound)
    assert len(decisions) <= 3


def test_a_machine_that_goes_on_from_a_snapshot_of_an_earlier_boot_is_no_clone(contact):
    second = report(first.id, boot="boot-2", processes=whole(*ROWS), sessions=whole())
    follow(contact, second)
    back = follow(contact, report(first.id, NOON + MINUTE, boot="boot-1", processes=same(*ROWS)), NOON + MINUTE)
    assert (back.last, back.wanted) == (second.id, ("processes",))
    for number in range(3):
        received = NOON + (2 + number) * MINUTE
        again = report(contact.report_id.hex(), received, boot="boot-1", processes=whole(*ROWS), sessions=whole())
        assert isinstance(follow(contact, again, received), Apply)
    assert (contact.forks, contact.refused_at) == (1, None)


def test_ordinary_starts_are_no_suspicion(contact):
    last = first.id
    for number in range(2, 12):
        said = report(last, boot=f"boot-{number}", processes=whole(*ROWS), sessions=whole())
        assert isinstance(follow(contact, said, NOON + number), Apply)
        last = said.id
    assert contact.forks == 0


# The fleet's time axis


def seen(contact, received, **moments):
    return to_ms(decide(contact, report(first.id, cpu=sample(), **moments), received).seen)


def test_a_report_is_seen_when_it_was_received_less_what_it_waited(contact):
    assert seen(contact, NOON + HOUR, taken=5 * MINUTE, sent=15 * MINUTE) == NOON + HOUR - 10 * MINUTE


@pytest.mark.parametrize("skew", [-400 * DAY, -HOUR, 0, HOUR, 400 * DAY])
def test_a_hosts_own_clock_does_not_matter(contact, skew):
    received = NOON + HOUR
    assert seen(contact, received, taken=received + skew - MINUTE, sent=received + skew) == received - MINUTE


def test_a_report_is_never_seen_in_the_future(contact):
    assert seen(contact, NOON + HOUR, taken=NOON + 2 * HOUR, sent=NOON) == NOON + HOUR


def test_a_moment_is_raised_above_the_hosts_previous_one(contact):
    assert seen(contact, NOON + MINUTE, taken=NOON - HOUR, sent=NOON) == NOON + 1
    assert seen(contact, NOON - HOUR, taken=NOON, sent=NOON) == NOON + 1


def test_a_report_that_claims_to_have_waited_for_decades_is_seen_in_1970_at_the_earliest():
    said = report(None, 0, sent=4_102_444_800_000, cpu=sample())
    assert decide(Contact(7), said, NOON) == Apply(to_text(0), rebooted=False)
