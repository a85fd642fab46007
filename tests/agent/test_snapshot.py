"""A moment of the host: what one collector does never touches the others."""

import typing

import pytest

from compliance.agent.collectors import BRIEF_NAMES, COLLECTORS, CannotSee, Collector, Look, Memory
from compliance.agent.snapshot import take
from compliance.wire.facts import OperatingSystem
from compliance.wire.messages import Failed, Kind

GOOD = Look((OperatingSystem(name="x"),))


def failing(error: Exception) -> Collector:
    def collect(memory: Memory) -> Look:
        raise error

    return collect


def test_this_host_is_seen_whole() -> None:
    snapshot = take(COLLECTORS, Memory(), now=lambda: 5)
    assert snapshot.taken_at == 5
    assert snapshot.boot_id
    assert list(snapshot.looks) == list(snapshot.seconds) == list(COLLECTORS)
    failed = {kind for kind, look in snapshot.looks.items() if isinstance(look, Failed)}
    assert failed <= {"sessions"}  # a container has none to show
    assert all(took >= 0 for took in snapshot.seconds.values())


def test_only_what_was_asked_for_is_looked_at_in_the_registrys_order() -> None:
    asked: list[Kind] = ["addresses", "os", "os"]
    assert list(take(asked, Memory()).looks) == ["os", "addresses"]
    assert take([], Memory()).looks == {}


def test_a_collector_that_cannot_see_says_why_and_the_others_stand() -> None:
    collectors: dict[Kind, Collector] = {"sessions": failing(CannotSee("Not here.")), "os": lambda memory: GOOD}
    assert take(collectors, Memory(), collectors=collectors).looks == {
        "sessions": Failed(reason="Not here."),
        "os": GOOD,
    }


@pytest.mark.parametrize(
    ("error", "reason"),
    [
        (ValueError("line one\nline two"), "Looking at cpu failed: ValueError line one line two."),
        (KeyError(), "Looking at cpu failed: KeyError."),
        (
            PermissionError(13, "Permission denied", "/x"),
            "Looking at cpu failed: PermissionError [Errno 13] Permission denied: '/x'.",
        ),
        (RecursionError("x" * 500), "Looking at cpu failed: RecursionError " + "x" * 216 + "…"),
        (CannotSee(""), "The cpu cannot be seen here."),
    ],
)
def test_whatever_a_collector_raises_is_one_sentence(error: Exception, reason: str) -> None:
    collectors: dict[Kind, Collector] = {"cpu": failing(error), "os": lambda memory: GOOD}
    looks = take(collectors, Memory(), collectors=collectors).looks
    assert looks == {"cpu": Failed(reason=reason), "os": GOOD}


def test_a_host_that_tells_no_boot_id_is_looked_at_all_the_same(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("pathlib.Path.read_text", lambda *_, **__: (_ for _ in ()).throw(OSError("no /proc")))
    collectors: dict[Kind, Collector] = {"os": lambda memory: GOOD}
    snapshot = take(["os"], Memory(), collectors=collectors)
    assert snapshot.looks == {"os": GOOD}
    assert snapshot.boot_id.startswith("boot-")


def test_every_kind_that_can_be_said_has_a_collector() -> None:
    assert list(COLLECTORS) == list(typing.get_args(Kind))


def test_the_names_of_the_brief_are_kinds() -> None:
    assert BRIEF_NAMES == {"so-name": "os", "so-version": "os", "ps": "processes", "users": "sessions", "cpu": "cpu"}
    assert set(BRIEF_NAMES.values()) <= set(COLLECTORS)
