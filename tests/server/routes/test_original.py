import time
from datetime import datetime, timedelta
from uuid import UUID

import pytest

from tests.server.queries.rows import NOON, host_key
from tests.server.routes.reading import problem


class OldAgent:
    """An agent written from the contract's listing alone: it knows nothing of the rest."""

    def __init__(self, http, ip):
        self.http, self.ip = http, ip

    def post(self, path, body):
        answer = self.http.post(path, json=body)
        assert answer.is_success, answer.text
        return answer.json()

    def get(self, path, **parameters):
        answer = self.http.get(path, params=parameters)
        assert answer.is_success, answer.text
        return answer.json()

    def so(self, name, version):
        return self.post("/hosts", {"ip": self.ip, "so_name": name, "so_version": version})

    def ps(self, *rows):
        return self.post(
            "/processes", {"host": self.ip, "processes": [{"pid": pid, "user": user} for pid, user in rows]}
        )

    def users(self, *names):
        return self.post("/users", {"host": self.ip, "users": list(names)})

    def cpu(self, usage):
        return self.post("/cpus", {"host": self.ip, "cpu_usage": usage})


@pytest.fixture
def agent(old_agent):
    return OldAgent(old_agent, "10.0.0.7")


def everything(answer):
    """Every value of a list's rows."""
    (name,) = set(answer) - {"total"}
    assert answer["total"] == len(answer[name])
    return [value for row in answer[name] for value in row.values()]


def test_an_agent_of_the_old_contract_works_as_it_always_did(agent):
    told = agent.so("Ubuntu", "22.04")
    assert {**told, "uuid": ""} == {"uuid": "", "ip": "10.0.0.7", "so_name": "Ubuntu", "so_version": "22.04"}
    stored = agent.ps(("1", "root"), ("42", "www-data"))
    users = agent.users("ada", "bob")
    cpus = agent.cpu("12.5")
    assert [(row["pid"], row["user"], row["host"]) for row in stored["processes"]] == [
        ("1", "root", "10.0.0.7"),
        ("42", "www-data", "10.0.0.7"),
    ]
    assert [(row["name"], row["host"]) for row in users["users"]] == [("ada", "10.0.0.7"), ("bob", "10.0.0.7")]
    assert [(row["cpu_usage"], row["host"]) for row in cpus["cpus"]] == [("12.5", "10.0.0.7")]
    assert agent.get("/processes", ip="10.0.0.7") == stored
    assert agent.get("/users", ip="10.0.0.7") == users
    assert agent.get("/cpus") == cpus
    hosts = agent.get("/hosts")
    assert [{name: row[name] for name in told} for row in hosts["hosts"]] == [told]
    for answer in (stored, users, cpus, hosts):
        assert all(isinstance(value, str) for value in everything(answer))


def test_every_row_has_a_uuid_and_the_moment_of_its_first_sight(agent):
    agent.so("Ubuntu", "22.04")
    answers = {
        "processes": agent.ps(("1", "root")),
        "users": agent.users("ada"),
        "cpus": agent.cpu("1"),
        "hosts": agent.get("/hosts"),
    }
    rows = [row for name, answer in answers.items() for row in answer[name]]
    assert len({UUID(row["uuid"]) for row in rows}) == 4
    for row in rows:
        made = datetime.fromisoformat(row["created_at"])
        assert abs(datetime.now(made.tzinfo) - made) < timedelta(minutes=1)


def test_a_post_of_processes_is_a_whole_look(agent):
    first = agent.ps(("1", "root"), ("2", "ada"), ("3", "bob"))["processes"]
    time.sleep(0.002)
    second = agent.ps(("1", "root"), ("2", "eve"), ("4", "bob"))["processes"]
    assert [(row["pid"], row["user"]) for row in second] == [("1", "root"), ("2", "eve"), ("4", "bob")]
    assert second[0] == first[0]
    assert second[1]["created_at"] > first[1]["created_at"]
    assert second[1]["uuid"] != first[1]["uuid"]
    assert agent.ps()["processes"] == []


def test_a_post_of_users_is_a_whole_look(agent):
    (first,) = agent.users("ada", "ada")["users"]
    again = agent.users("Ada", "ada")["users"]
    assert [row["name"] for row in again] == ["Ada", "ada"]
    assert again[1] == first
    assert agent.users()["users"] == []


def test_cpu_samples_are_all_kept(agent, old_agent):
    other = OldAgent(old_agent, "10.0.0.8")
    for usage in ("0", "12.5", "100"):
        assert [row["cpu_usage"] for row in agent.cpu(usage)["cpus"]] == [usage]
    other.cpu("7")
    answer = agent.get("/cpus")
    assert sorted(row["cpu_usage"] for row in answer["cpus"]) == ["0", "100", "12.5", "7"]
    assert answer["total"] == 4
    assert [row["cpu_usage"] for row in agent.get("/cpus", ip="10.0.0.8")["cpus"]] == ["7"]


@pytest.mark.parametrize("first", ["so", "ps", "users", "cpu"])
def test_an_unknown_ip_makes_the_host_whatever_is_said_first(agent, first):
    words = {"so": ("Ubuntu", "22.04"), "ps": (("1", "root"),), "users": ("ada",), "cpu": ("5",)}
    getattr(agent, first)(*words[first])
    (host,) = agent.get("/hosts")["hosts"]
    uuid = host["uuid"]
    for name, said in words.items():
        getattr(agent, name)(*said)
    (host,) = agent.get("/hosts")["hosts"]
    assert (host["uuid"], host["ip"], host["so_name"]) == (uuid, "10.0.0.7", "Ubuntu")


def test_a_host_that_says_only_its_ip_keeps_the_system_it_told_before(agent):
    assert agent.post("/hosts", {"ip": "10.0.0.7"})["so_name"] == ""
    agent.so("Ubuntu", "22.04")
    assert agent.post("/hosts", {"ip": "10.0.0.7"})["so_name"] == "Ubuntu"
    assert agent.so("Ubuntu", "24.04")["so_version"] == "24.04"


def test_one_address_in_two_spellings_is_one_host(agent):
    for ip in ("FD00::0:1", "fd00::1"):
        assert agent.post("/hosts", {"ip": ip})["ip"] == "fd00::1"
    assert agent.post("/hosts", {"ip": "::ffff:10.0.0.7"})["ip"] == "10.0.0.7"
    assert agent.get("/hosts")["total"] == 2


@pytest.mark.parametrize("path", ["/processes", "/users"])
def test_an_ip_that_nobody_has_is_404_and_a_missing_one_400(old_agent, path):
    assert "10.9.9.9" in problem(old_agent.get(path, params={"ip": "10.9.9.9"}), 404)
    assert "ip" in problem(old_agent.get(path), 400)
    assert "no IP address" in problem(old_agent.get(path, params={"ip": "web-1"}), 400)


@pytest.mark.parametrize(
    ("path", "body", "sentence"),
    [
        ("/hosts", {}, "ip"),
        ("/hosts", {"ip": ""}, "say the host's IP"),
        ("/hosts", {"ip": "300.1.1.1"}, "no IP address"),
        ("/hosts", {"ip": "fe80::1%é"}, "zone"),
        ("/hosts", {"ip": 7}, "ip"),
        ("/hosts", {"ip": "10.0.0.1", "so_name": "x" * 256}, "so_name"),
        ("/processes", {"host": "10.0.0.1"}, "processes"),
        ("/processes", {"host": "10.0.0.1", "processes": [{"pid": 1, "user": "a"}]}, "processes[0].pid"),
        (
            "/processes",
            {"host": "10.0.0.1", "processes": [{"pid": "1", "user": "a"}, {"pid": "x", "user": "a"}]},
            "[1].pid",
        ),
        ("/processes", {"host": "10.0.0.1", "processes": [{"pid": "4294967296", "user": "a"}]}, "no process id"),
        ("/processes", {"host": "10.0.0.1", "processes": [{"pid": "9" * 5000, "user": "a"}]}, "no process id"),
        ("/processes", {"host": "10.0.0.1", "processes": [{"pid": "²", "user": "a"}]}, "no process id"),
        ("/users", {"host": "10.0.0.1", "users": [""]}, "users[0]"),
        ("/users", {"users": []}, "host"),
        ("/cpus", {"host": "10.0.0.1", "cpu_usage": "many"}, "cpu_usage"),
        ("/cpus", {"host": "10.0.0.1", "cpu_usage": "nan"}, "cpu_usage"),
        ("/cpus", {"host": "10.0.0.1", "cpu_usage": "100.1"}, "cpu_usage"),
        ("/cpus", [], "object"),
    ],
)
def test_what_cannot_be_stored_is_refused_with_its_place_and_makes_no_host(old_agent, path, body, sentence):
    assert sentence in problem(old_agent.post(path, json=body), 400)
    assert old_agent.get("/hosts").json() == {"hosts": [], "total": 0}


@pytest.mark.parametrize(
    "body", [b"", b"{", b"\xff", b'{"host": "10.0.0.1", "users": ["\\ud800"]}', b'{"more":' + b"[" * 200_000]
)
def test_a_body_that_is_no_json_is_refused(old_agent, body):
    assert problem(old_agent.post("/users", content=body), 400)


@pytest.mark.parametrize("path", ["/hosts", "/processes", "/users", "/cpus"])
def test_without_an_ingest_key_nothing_is_read_or_written(old_agent, reader, path):
    reading = reader.headers["authorization"].removeprefix("Bearer ")
    for key, status in (("", 401), ("nonsense", 401), (f"cmk_{'a' * 43}", 401), (reading, 403)):
        assert problem(old_agent.get(path, headers={"x-api-key": key}), status)
        assert problem(old_agent.post(path, headers={"x-api-key": key}, json={"ip": "10.0.0.1"}), status)
    assert old_agent.get("/hosts").json()["total"] == 0


def test_an_enrolled_host_with_the_same_address_is_never_touched(agent, rows):
    number = rows.host(host_key(1), "web-1")
    rows.interval("host_address", number, NOON, address=agent.ip, interface="eth0", is_primary=1)
    rows.process(number, 1, NOON)
    before = rows.ask("SELECT * FROM host_contact"), rows.ask("SELECT * FROM process")
    assert problem(agent.http.get("/processes", params={"ip": agent.ip}), 404)
    agent.ps(("1", "ada"))
    agent.ps()
    agent.cpu("5")
    assert rows.ask("SELECT * FROM host_contact WHERE host_id = ?", number) == before[0]
    assert rows.ask("SELECT * FROM process WHERE host_id = ?", number) == before[1]
    assert [row["ip"] for row in agent.get("/hosts")["hosts"]] == [agent.ip]


def test_the_fleet_lists_these_hosts_too(agent, reader):
    agent.so("Ubuntu", "22.04")
    agent.ps(("1", "root"), ("2", "ada"))
    agent.cpu("12.5")
    (line,) = reader.get("/api/v1/hosts").json()["items"]
    assert (line["id"], line["address"], line["state"]) == ("original:10.0.0.7", "10.0.0.7", "once")
    assert (line["os_name"], line["os_version"], line["cpu_percent"]) == ("Ubuntu", "22.04", 12.5)
    assert (line["processes"], line["sessions"]) == (2, None)
    page = reader.get("/api/v1/processes", params={"host": "10.0.0.7", "user": "ada"}).json()
    assert [(row["pid"], row["name"], row["started_at"]) for row in page["items"]] == [(2, None, None)]
    told = reader.get("/api/v1/sessions", params={"host": "10.0.0.7"}).json()["unknown"]
    assert [row["reason"] for row in told] == ["not part of its reports"]


def test_what_was_said_of_later_is_unknown_before(agent, reader, rows):
    agent.cpu("1")
    between = reader.get("/api/v1/hosts").json()["items"][0]["seen_at"]
    time.sleep(0.005)
    agent.users("ada")
    told = reader.get("/api/v1/sessions", params={"at": between + 1, "host": "10.0.0.7"}).json()
    assert (told["items"], [row["since"] for row in told["unknown"]]) == ([], [None])


def test_every_write_moves_the_revision(agent, rows):
    def revision():
        return rows.ask("SELECT revision FROM host_contact")[0][0]

    agent.so("Ubuntu", "22.04")
    seen = [revision()]
    for said in (lambda: agent.ps(("1", "a")), lambda: agent.users("a"), lambda: agent.cpu("1")):
        said()
        seen.append(revision())
    assert seen == [seen[0], seen[0] + 1, seen[0] + 2, seen[0] + 3]
