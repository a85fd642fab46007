from tests.server.queries.rows import HOUR, MINUTE, NOON, host_key
from tests.server.routes.reading import problem


def users(reader, **filters):
    page = reader.get("/api/v1/sessions", params={"at": NOON, **filters}).json()
    return [item["user"] for item in page["items"]]


def test_sessions_are_filtered_by_host_user_and_time(reader, rows):
    first, second = rows.host(host_key(1), "web-1"), rows.host(host_key(2), "web-2")
    rows.session(first, "ada", NOON - HOUR)
    rows.session(first, "bob", NOON - HOUR + 1, NOON - MINUTE)
    rows.session(second, "ada", NOON - HOUR)
    assert users(reader) == ["ada", "ada"]
    assert users(reader, host="web-2", user="ada") == ["ada"]
    assert users(reader, user="bob") == []
    assert users(reader, host="web-1", since="2026-03-03T11:58:00Z") == ["ada", "bob"]


def test_sessions_are_paged(reader, rows):
    number = rows.host(host_key(1), "web-1")
    for place, user in enumerate(("cid", "ada", "bob")):
        rows.session(number, user, NOON - HOUR + place)
    first = reader.get("/api/v1/sessions", params={"at": NOON, "limit": 2}).json()
    assert [item["user"] for item in first["items"]] == ["cid", "ada"]
    assert users(reader, cursor=first["next"]) == ["bob"]


def test_a_host_that_nobody_is_gets_404(reader):
    assert "web-9" in problem(reader.get("/api/v1/sessions", params={"host": "web-9"}), 404)
