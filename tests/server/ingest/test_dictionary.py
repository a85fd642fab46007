import threading

import pytest

from compliance.server.ingest.dictionary import ARGUMENTS_KEPT, Dictionary, Texts
from compliance.server.storage.engine import open_store
from tests.server.ingest.reporting import failed, process, report, same, session, system, whole

ROWS = tuple(process(pid, name=f"job {pid}", user=f"user {pid}", arguments=f"--number {pid}") for pid in range(1, 6))


def texts(*reports):
    made = Texts()
    for one in reports:
        made.add(one)
    return made


def learned(store, dictionary, said):
    with store.session() as db:
        return dictionary.learn(db, said), db.statements


def test_every_text_of_a_batch_gets_an_id(store, rows):
    said = report(processes=whole(*ROWS), sessions=whole(session("ada")), os=whole(system()))
    known, _ = learned(store, Dictionary(), texts(said))
    for row in ROWS:
        name, arguments = rows.ask(
            "SELECT g.name, c.arguments FROM command c JOIN program g ON g.id = c.program_id WHERE c.id = ?",
            known.command(row),
        )[0]
        assert (name, arguments) == (row.name, row.arguments)
        assert rows.ask("SELECT name FROM account WHERE id = ?", known.account(row.user)) == [(row.user,)]
    assert rows.ask("SELECT name FROM account WHERE id = ?", known.account("ada")) == [("ada",)]
    assert rows.ask("SELECT version FROM operating_system WHERE id = ?", known.system(system())) == [("12",)]


def test_what_is_known_takes_no_statement(store):
    dictionary, said = Dictionary(), report(processes=whole(*ROWS))
    first, _ = learned(store, dictionary, texts(said))
    again, statements = learned(store, dictionary, texts(said))
    assert statements == 0
    assert [again.command(row) for row in ROWS] == [first.command(row) for row in ROWS]


def test_a_report_that_tells_no_text_takes_no_statement(store):
    said = texts(report(processes=same(*ROWS), sessions=failed()))
    assert learned(store, Dictionary(), said)[1] == 0


def test_what_another_process_stored_is_found_and_not_stored_twice(store, rows):
    said = report(processes=whole(*ROWS))
    first, _ = learned(store, Dictionary(), texts(said))
    second, _ = learned(store, Dictionary(), texts(said))
    assert [second.command(row) for row in ROWS] == [first.command(row) for row in ROWS]
    assert rows.ask("SELECT COUNT(*) FROM command") == [(5,)]


def test_a_batch_larger_than_the_cache_gets_all_its_ids(store, rows):
    dictionary = Dictionary(cached=2)
    for _ in range(2):
        known, _ = learned(store, dictionary, texts(report(processes=whole(*ROWS))))
        assert len({known.command(row) for row in ROWS}) == 5
    assert len(dictionary._ids) == 2
    assert rows.ask("SELECT COUNT(*) FROM command") == [(5,)]


def test_a_dictionary_that_forgot_asks_again(store):
    dictionary, said = Dictionary(), report(processes=whole(*ROWS))
    learned(store, dictionary, texts(said))
    dictionary.forget()
    assert learned(store, dictionary, texts(said))[1] > 0


@pytest.mark.parametrize(
    ("one", "other"),
    [
        (process(name="a", exe="b"), process(name="ab", exe="")),
        (process(name="a", exe=None), process(name="a", exe="")),
        (process(name="a", arguments=None), process(name="a", arguments="")),
        (process(name="a", exe="null"), process(name="a", exe=None)),
        (process(arguments="x" * ARGUMENTS_KEPT), process(arguments="x" * ARGUMENTS_KEPT + "y")),
        (process(name='a","b'), process(name="a", exe="b")),
    ],
)
def test_commands_that_only_look_alike_are_two(store, one, other):
    known, _ = learned(store, Dictionary(), texts(report(processes=whole(one)), report(processes=whole(other))))
    assert known.command(one) != known.command(other)


def test_arguments_are_cut_only_where_they_are_stored(store, rows):
    learned(store, Dictionary(), texts(report(processes=whole(process(arguments="é" * (ARGUMENTS_KEPT + 9))))))
    assert rows.ask("SELECT arguments FROM command") == [("é" * ARGUMENTS_KEPT,)]


def test_writers_that_learn_the_same_texts_at_once_agree(store, database, rows):
    said = [report(processes=whole(*ROWS[::step])) for step in (1, -1, 1, -1)]
    both = threading.Barrier(4)
    found: list[list[int]] = []

    def learn(one):
        own = open_store(database, pool_size=1)
        with own.session() as db:
            both.wait()
            known = Dictionary().learn(db, texts(one))
            found.append([known.command(row) for row in sorted(one.sections.processes.rows, key=lambda row: row.pid)])
        own.close()

    threads = [threading.Thread(target=learn, args=(one,)) for one in said]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len(found) == 4
    assert all(ids == found[0] for ids in found)
    assert rows.ask("SELECT COUNT(*) FROM command") == [(5,)]
