"""What a look says to somebody who knows what was said before, and back again."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from compliance.agent.changes import FACTS, LOST, Said, by_key, fold, made_whole, moved, section, sections
from compliance.agent.collectors import COLLECTORS, Look
from compliance.wire.codec import decode_report, digest, encode
from compliance.wire.facts import Cpu, Process
from compliance.wire.messages import Blind, Change, Failed, Report, Sample, Sections, Whole
from tests.agent.laidout import NOON, process, session


def report(**parts) -> Report:
    return Report(id="0" * 32, taken_at=NOON, sent_at=NOON, boot_id="boot", agent="0", sections=Sections(**parts))


def change(before: list[Process], after: list[Process]) -> Change:
    made = section("processes", Look(tuple(after)), by_key(before))
    assert isinstance(made, Change)
    return made


def test_the_first_look_is_whole():
    rows = (process(1), process(2))
    assert section("processes", Look(rows), None) == Whole(rows=rows, state=digest(rows))


def test_an_empty_look_is_whole_too_and_not_the_same_as_none():
    assert section("sessions", Look(()), None) == Whole(rows=(), state=digest(()))


def test_a_later_look_says_what_started_and_what_ended():
    made = change([process(1), process(2)], [process(2), process(3)])
    assert made.started == (process(3),)
    assert made.ended == ((1, 7),)
    assert made.base == digest([process(1), process(2)])
    assert made.state == digest([process(2), process(3)])


def test_a_row_that_changed_under_its_key_ends_and_starts_again():
    made = change([process(1, "sh")], [process(1, "vi")])
    assert (made.started, made.ended) == ((process(1, "vi"),), ((1, 7),))


def test_a_pid_used_again_is_another_process():
    made = change([process(1, ticks=7)], [process(1, ticks=8)])
    assert (made.started, made.ended) == ((process(1, ticks=8),), ((1, 7),))


def test_nothing_new_is_a_change_without_rows():
    made = change([process(1)], [process(1)])
    assert (made.started, made.ended, made.base) == ((), (), made.state)


def test_what_a_look_could_not_see_is_said_with_it():
    blind = Blind(fields=2, reason="No privilege.")
    look = Look((process(1),), blind)
    for said in (None, by_key([process(1)])):
        made = section("processes", look, said)
        assert isinstance(made, Whole | Change)
        assert made.blind == blind


def test_failed_absent_and_empty_are_three_things():
    made = sections(
        {"sessions": Failed(reason="No."), "processes": Look(()), "cpu": Look((Cpu(percent=1, cores=1),))}, {}
    )
    said = decode_report(encode(report(**{name: getattr(made, name) for name in made.__struct_fields__})))
    assert isinstance(said.sections.sessions, Failed)
    assert isinstance(said.sections.processes, Whole)
    assert isinstance(said.sections.cpu, Sample)
    assert not said.sections.host


def test_every_kind_but_the_sample_has_a_state():
    assert set(FACTS) | {"cpu"} == set(COLLECTORS)


def test_only_what_is_new_moves():
    quiet = change([process(1)], [process(1)])
    assert moved(report(processes=quiet, sessions=Failed(reason="No."), cpu=Sample(row=Cpu(percent=1, cores=1)))) == []
    rows = (session("ana"),)
    loud = report(processes=change([], [process(1)]), sessions=Whole(rows=rows, state=digest(rows)))
    assert moved(loud) == ["processes", "sessions"]


def test_a_failed_look_leaves_what_was_said():
    said = {"processes": by_key([process(1)])}
    assert fold(said, report(processes=Failed(reason="No."))) == said


def test_a_change_of_something_unknown_stays_unknown():
    assert fold({}, report(processes=change([process(1)], [process(2)]))) == {}


def test_made_whole_is_what_was_said_with_the_changes_in_it():
    before, after = [process(1), process(2)], [process(2, "vi"), process(3)]
    blind = Blind(rows=1, reason="Hidden.")
    made = section("processes", Look(tuple(after), blind), by_key(before))
    told = made_whole(report(processes=made), {"processes": by_key(before)}, {"processes", "sessions", "cpu"})
    assert told.sections.processes == Whole(rows=tuple(after), state=digest(after), blind=blind)
    assert not told.sections.sessions


def test_a_kind_that_is_not_wanted_stays_a_change():
    made = change([], [process(1)])
    assert made_whole(report(processes=made), {"processes": {}}, {"sessions"}).sections.processes == made


def test_what_cannot_be_made_whole_is_a_failed_look_and_never_a_guess():
    made = report(processes=change([process(1)], [process(1), process(2)]))
    for said in ({}, {"processes": by_key([process(9)])}):
        assert made_whole(made, said, {"processes"}).sections.processes == Failed(reason=LOST)


rows = st.dictionaries(st.tuples(st.integers(0, 4), st.integers(0, 2)), st.sampled_from(["sh", "vi"]), max_size=6).map(
    lambda found: [process(pid, name, ticks) for (pid, ticks), name in found.items()]
)


@given(st.lists(rows, min_size=1, max_size=6))
def test_folding_every_change_gives_the_last_look(looks):
    said: Said = {}
    for look in looks:
        told = report(processes=section("processes", Look(tuple(look)), said.get("processes")))
        whole = made_whole(told, said, {"processes"}).sections.processes
        assert isinstance(whole, Whole)
        assert by_key(whole.rows) == by_key(look)
        said = fold(said, told)
        assert said["processes"] == by_key(look)
        assert digest(said["processes"].values()) == told.sections.processes.state  # type: ignore[union-attr]
