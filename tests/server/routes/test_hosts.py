import pytest
from litestar.testing import TestClient

from compliance.server.app import create_app
from compliance.server.config import Config
from tests.server.queries.rows import HOUR, NOON, host_key
from tests.server.routes.reading import problem

PATHS = ("/api/v1/hosts", f"/api/v1/hosts/{host_key(1)}", "/api/v1/processes", "/api/v1/sessions", "/api/v1/cpu")


@pytest.mark.parametrize("path", PATHS)
def test_nothing_is_readable_without_a_key_that_may_read(reader, old_agent, path):
    other = old_agent.headers["x-api-key"]
    for wrong in ("", "Bearer ", "Basic abc", "Bearer nonsense", f"Bearer cmk_{'a' * 43}"):
        answer = reader.get(path, headers={"authorization": wrong})
        assert problem(answer, 401)
        assert answer.headers["www-authenticate"].startswith("Bearer")
    refused = problem(reader.get(path, headers={"authorization": f"Bearer {other}"}), 403)
    assert "has the role ingest; this needs read or admin" in refused


def test_an_empty_fleet_is_an_empty_page(reader):
    answer = reader.get("/api/v1/hosts")
    assert answer.status_code == 200
    assert {**answer.json(), "at": 0} == {"at": 0, "items": [], "next": None, "unknown": []}


def test_the_fleet_is_listed_at_a_moment_in_either_spelling(reader, rows):
    rows.host(host_key(1), "web-1")
    rows.host(host_key(2), "web-2", since=NOON - HOUR)
    for at in (str(NOON - 2 * HOUR), "2026-03-03T10:00:00Z", "2026-03-03T11:00:00+01:00", "2026-03-03T10:00:00"):
        page = reader.get("/api/v1/hosts", params={"at": at}).json()
        assert (page["at"], [item["hostname"] for item in page["items"]]) == (NOON - 2 * HOUR, ["web-1"])


def test_hosts_are_filtered_by_name_and_by_state_and_paged(reader, rows):
    for number in range(3):
        rows.host(host_key(number), f"web-{number}", seen=NOON if number else NOON - HOUR)

    def names(**filters):
        page = reader.get("/api/v1/hosts", params={"at": NOON, **filters}).json()
        return [item["hostname"] for item in page["items"]], page["next"]

    assert names(host="web-1") == (["web-1"], None)
    assert names(state="silent") == (["web-0"], None)
    first, following = names(limit=2)
    assert (first, names(limit=2, cursor=following)) == (["web-0", "web-1"], (["web-2"], None))


@pytest.mark.parametrize(
    ("parameters", "sentence"),
    [
        ({"at": "yesterday"}, "'yesterday' is no moment"),
        ({"at": "2026-13-01T00:00:00Z"}, "no moment"),
        ({"at": "9" * 30}, "1970 to 2100"),
        ({"cursor": "nonsense"}, "cursor"),
        ({"limit": "0"}, "limit"),
        ({"limit": "1001"}, "limit"),
        ({"limit": "many"}, "limit"),
        ({"state": "asleep"}, "choose one of"),
    ],
)
def test_a_parameter_that_cannot_be_read_is_refused_with_a_sentence(reader, parameters, sentence):
    assert sentence in problem(reader.get("/api/v1/hosts", params=parameters), 400)


def test_one_host_is_shown_by_its_id_or_its_name(reader, rows):
    rows.host(host_key(1), "web-1")
    by_id = reader.get(f"/api/v1/hosts/{host_key(1)}", params={"at": NOON}).json()
    by_name = reader.get("/api/v1/hosts/web-1", params={"at": NOON}).json()
    assert by_id == by_name
    assert (by_id["host"]["hostname"], by_id["host"]["state"], by_id["unknown"]) == ("web-1", "reporting", [])


def test_a_host_that_nobody_is_gets_404_and_one_of_several_gets_400(reader, rows):
    rows.host(host_key(1), "twin")
    rows.host(host_key(2), "twin")
    assert "No host answered to 'web-9'" in problem(reader.get("/api/v1/hosts/web-9"), 404)
    assert host_key(2) in problem(reader.get("/api/v1/hosts/twin"), 400)


def test_every_reading_path_is_in_the_description_with_a_summary(database):
    with TestClient(create_app(Config(database=database))) as http:
        paths = http.get("/schema/openapi.json").json()["paths"]
    described = [paths[path]["get"] for path in ("/api/v1/hosts", "/api/v1/hosts/{name}", *PATHS[2:])]
    assert all(one["summary"] and one["description"] for one in described)
    assert {one["name"] for one in paths["/api/v1/processes"]["get"]["parameters"]} == {
        "host",
        "name",
        "user",
        "at",
        "since",
        "cursor",
        "limit",
    }
