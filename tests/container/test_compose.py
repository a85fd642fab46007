"""docker-compose.yml, as the real Compose understands it."""

import json
import shlex
import shutil

import pytest

from tests.container import compose
from tests.test_docs import complaint


@pytest.fixture
def folder(tmp_path):
    return compose.copy(tmp_path)


def test_the_file_is_understood_as_it_is_without_an_env(folder):
    assert set(compose.services(folder)) >= {"passwords", "mysql", "server"}


def test_a_key_that_compose_does_not_know_would_be_found(folder):
    file = folder / "docker-compose.yml"
    file.write_text(file.read_text().replace("healthcheck:", "healthchek:", 1))
    done = compose.config(folder)
    assert done.returncode != 0
    assert "healthchek" in done.stderr


def test_nothing_is_published_but_the_server_and_that_on_loopback_only(folder):
    published = {name: service["ports"] for name, service in compose.services(folder).items() if "ports" in service}
    assert list(published) == ["server"]
    assert [(port["host_ip"], port["published"], port["target"]) for port in published["server"]] == [
        ("127.0.0.1", "8080", 8080)
    ]


def test_the_database_is_on_a_network_that_leads_nowhere(folder):
    assert list(compose.services(folder)["mysql"]["networks"]) == ["database"]
    assert "internal: true" in (folder / "docker-compose.yml").read_text()


@pytest.mark.parametrize("name", ["passwords", "mysql", "server", "agent"])
def test_a_service_can_write_to_its_volumes_only_and_gain_no_privilege(folder, name):
    service = compose.services(folder)[name]
    assert service["read_only"] is True
    assert service["cap_drop"] == ["ALL"]
    assert "no-new-privileges:true" in service["security_opt"]
    assert not service.get("privileged")
    assert "docker.sock" not in str(service.get("volumes"))


def test_only_the_agent_gets_a_capability_back_and_only_to_look(folder):
    given = {name: service["cap_add"] for name, service in compose.services(folder).items() if service.get("cap_add")}
    assert given == {"agent": ["SYS_PTRACE"]}


def test_the_agent_is_in_the_hosts_namespaces_and_reads_its_files_and_writes_none(folder):
    agent = compose.services(folder)["agent"]
    assert (agent["pid"], agent["uts"], agent["network_mode"]) == ("host", "host", "host")
    root = agent["environment"]["COMPLIANCE_HOST_ROOT"]
    mounted = {volume["source"]: volume for volume in agent["volumes"] if volume["type"] == "bind"}
    assert {source: volume["target"] for source, volume in mounted.items()} == {
        folder: f"{root}{folder}" for folder in ("/etc", "/usr/lib", "/run")
    }
    assert all(volume["read_only"] for volume in mounted.values())


def test_the_agent_starts_only_where_it_is_asked_for(folder):
    assert "agent" not in json.loads(compose.config(folder).stdout)["services"]


def test_the_agent_reports_to_the_server_beside_it_or_to_another(folder):
    assert compose.services(folder)["agent"]["environment"]["COMPLIANCE_SERVER"] == "http://127.0.0.1:8080"
    (folder / ".env").write_text("COMPLIANCE_PORT=9090\n")
    assert compose.services(folder)["agent"]["environment"]["COMPLIANCE_SERVER"] == "http://127.0.0.1:9090"
    (folder / ".env").write_text("COMPLIANCE_SERVER=https://compliance.example.com\n")
    assert compose.services(folder)["agent"]["environment"]["COMPLIANCE_SERVER"] == "https://compliance.example.com"


def test_passwords_of_an_env_are_seen_by_the_service_that_keeps_them_alone(folder):
    (folder / ".env").write_text("MYSQL_PASSWORD=first-secret\nMYSQL_ROOT_PASSWORD=second-secret\n")
    services = compose.services(folder)
    kept = services.pop("passwords")["environment"]
    assert kept == {"MYSQL_PASSWORD": "first-secret", "MYSQL_ROOT_PASSWORD": "second-secret"}
    assert "-secret" not in str(services)


def test_the_server_waits_for_the_database_and_the_database_for_its_passwords(folder):
    services = compose.services(folder)
    assert services["server"]["depends_on"]["mysql"]["condition"] == "service_healthy"
    assert services["mysql"]["depends_on"]["passwords"]["condition"] == "service_completed_successfully"


@pytest.mark.parametrize("name", ["server", "agent"])
def test_what_a_service_runs_is_a_command_of_ours(folder, name):
    assert complaint(shlex.join(["compliance", *compose.services(folder)[name]["command"]])) is None


def test_what_the_passwords_run_is_in_the_image(folder):
    _, script = compose.services(folder)["passwords"]["entrypoint"]
    assert script.startswith("/usr/local/lib/compliance/")
    assert (compose.ROOT / "container" / script.rpartition("/")[2]).is_file()


def test_one_service_builds_the_image_for_all(folder):
    services = compose.services(folder)
    assert [name for name, service in services.items() if "build" in service] == ["server"]
    assert len({service["image"] for name, service in services.items() if name != "mysql"}) == 1


def test_port_and_image_can_be_chosen(folder):
    (folder / ".env").write_text("COMPLIANCE_PORT=9090\nCOMPLIANCE_IMAGE=registry.example.com/compliance:1.2.3\n")
    services = compose.services(folder)
    assert services["server"]["ports"][0]["published"] == "9090"
    ours = {name for name, service in services.items() if service["image"].startswith("registry.example.com/")}
    assert ours == set(services) - {"mysql"}


def test_the_example_with_tls_publishes_the_server_with_a_certificate_only(folder):
    (folder / "examples").mkdir()
    shutil.copy(compose.ROOT / "examples" / "docker-compose.tls.yml", folder / "examples")
    server = compose.services(folder, "-f", "docker-compose.yml", "-f", "examples/docker-compose.tls.yml")["server"]
    assert [(port.get("host_ip"), port["published"], port["target"]) for port in server["ports"]] == [
        (None, "8443", 8080)
    ]
    assert "--tls-cert" in server["command"]
    assert "--insecure" not in server["command"]
    assert complaint(shlex.join(["compliance", *server["command"]])) is None
    mounted = next(volume for volume in server["volumes"] if volume["target"] == "/run/tls")
    assert (mounted["source"], mounted["read_only"]) == (str(folder / "tls"), True)
