from tests.server.queries.rows import HOUR, MINUTE, NOON, host_key
from tests.server.routes.reading import problem


def pids(reader, **filters):
    page = reader.get("/api/v1/processes", params={"at": NOON, **filters}).json()
    return [item["pid"] for item in page["items"]]


def test_processes_are_filtered_by_host_name_user_and_time(reader, rows):
    first, second = rows.host(host_key(1), "web-1"), rows.host(host_key(2), "web-2")
    rows.process(first, 1, NOON - HOUR, name="nginx", user="www")
    rows.process(first, 2, NOON - HOUR, NOON - MINUTE, name="sshd")
    rows.process(second, 3, NOON - HOUR, name="nginx")
    assert pids(reader) == [1, 3]
    assert pids(reader, host="web-1") == [1]
    assert pids(reader, name="nginx", user="root") == [3]
    assert pids(reader, since="2026-03-03T11:58:00Z") == [1, 2, 3]
    assert pids(reader, at=NOON - 2 * MINUTE) == [1, 2, 3]


def test_processes_are_paged_in_a_stable_order(reader, rows):
    number = rows.host(host_key(1), "web-1")
    for pid in (3, 1, 2):
        rows.process(number, pid, NOON - HOUR)
    first = reader.get("/api/v1/processes", params={"at": NOON, "limit": 2}).json()
    assert [item["pid"] for item in first["items"]] == [1, 2]
    assert pids(reader, cursor=first["next"]) == [3]


def test_an_empty_list_of_a_silent_host_says_that_it_is_unknown(reader, rows):
    rows.host(host_key(1), "web-1", seen=NOON - HOUR)
    page = reader.get("/api/v1/processes", params={"at": NOON, "host": "web-1"}).json()
    assert page["items"] == []
    (told,) = page["unknown"]
    assert (told["host"], told["kind"], told["since"], told["reason"]) == (
        host_key(1),
        "processes",
        NOON - HOUR,
        "no report since",
    )


def test_a_host_that_nobody_is_gets_404(reader):
    assert "web-9" in problem(reader.get("/api/v1/processes", params={"host": "web-9"}), 404)


def test_a_cursor_of_another_list_is_refused(reader, rows):
    for number in range(2):
        rows.host(host_key(number), f"web-{number}")
    other = reader.get("/api/v1/hosts", params={"limit": 1}).json()["next"]
    assert "cursor" in problem(reader.get("/api/v1/processes", params={"cursor": other}), 400)
