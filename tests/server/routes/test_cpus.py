from tests.server.queries.rows import HOUR, MINUTE, NOON, host_key
from tests.server.routes.reading import problem


def test_samples_are_answered_for_a_host_and_a_stretch_of_time(reader, rows):
    first, second = rows.host(host_key(1), "web-1"), rows.host(host_key(2), "web-2")
    for minutes in (90, 30, 0):
        rows.sample(first, NOON - minutes * MINUTE, float(minutes))
    rows.sample(second, NOON, 99.0)

    def percents(**filters):
        page = reader.get("/api/v1/cpu", params={"at": NOON, **filters}).json()
        return [item["percent"] for item in page["items"]]

    assert percents() == [30.0, 0.0, 99.0]
    assert percents(host="web-1", since=NOON - 2 * HOUR) == [90.0, 30.0, 0.0]
    assert percents(host="web-1", at="2026-03-03T11:30:00Z") == [30.0]


def test_a_host_that_nobody_is_gets_404(reader):
    assert "web-9" in problem(reader.get("/api/v1/cpu", params={"host": "web-9"}), 404)
