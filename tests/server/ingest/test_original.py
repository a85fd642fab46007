"""Writes of the original contract, below its routes; what they answer is tests/server/routes/test_original.py's."""

import threading

from compliance.server.ingest import original
from compliance.server.storage.clock import OPEN
from tests.server.ingest.reporting import Machine, process, whole

IP = "10.0.0.7"


def at_once(*works):
    failures, both = [], threading.Barrier(len(works))

    def run(work):
        both.wait()
        try:
            work()
        except Exception as error:
            failures.append(error)

    threads = [threading.Thread(target=run, args=(work,)) for work in works]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    return failures


def test_a_new_host_that_says_everything_at_once_is_one_host(store, rows):
    failures = at_once(
        lambda: original.write_system(store, IP, "Ubuntu", "22.04"),
        lambda: original.write_processes(store, IP, [(1, "root"), (2, None)]),
        lambda: original.write_users(store, IP, ["ada"]),
        lambda: original.write_cpu(store, IP, 5.0),
    )
    assert failures == []
    assert rows.ask("SELECT source, identity FROM host") == [("original", IP)]
    for table, number in (("host_contact", 1), ("host_os", 1), ("process", 2), ("session", 1), ("cpu_sample", 1)):
        assert rows.ask(f"SELECT COUNT(*) FROM {table}") == [(number,)], table


def test_looks_that_come_at_once_leave_what_one_of_them_saw(store, rows):
    looks = [[(1, "root"), (pid, "ada")] for pid in range(2, 6)]
    assert at_once(*(lambda look=look: original.write_processes(store, IP, look) for look in looks)) == []
    open_now = [pid for (pid,) in rows.ask("SELECT pid FROM process WHERE ended_at = ? ORDER BY pid", OPEN)]
    assert open_now in [[1, pid] for pid in range(2, 6)]
    assert rows.ask("SELECT COUNT(*) FROM process WHERE pid = 1") == [(1,)]


def test_the_same_look_again_writes_no_row(store, rows):
    original.write_processes(store, IP, [(1, "root")])
    original.write_users(store, IP, ["ada"])
    before = rows.ask("SELECT * FROM process"), rows.ask("SELECT * FROM session")
    original.write_processes(store, IP, [(1, "root")])
    original.write_users(store, IP, ["ada"])
    assert (rows.ask("SELECT * FROM process"), rows.ask("SELECT * FROM session")) == before


def test_a_pid_whose_user_changed_is_closed_and_opened(store, rows):
    original.write_processes(store, IP, [(1, "root")])
    original.write_processes(store, IP, [(1, "ada")])
    found = rows.ask(
        "SELECT a.name, p.ended_at = ? FROM process p JOIN account a ON a.id = p.account_id ORDER BY p.first_seen_at",
        OPEN,
    )
    assert found == [("root", 0), ("ada", 1)]


def test_an_enrolled_host_is_another_one_whatever_it_is_called(store, rows):
    machine = Machine(store)
    machine.say(processes=whole(process(1)))
    original.write_processes(store, machine.identity, [])
    assert rows.ask("SELECT COUNT(*) FROM process WHERE ended_at = ?", OPEN) == [(1,)]
