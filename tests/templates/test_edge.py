"""API Gateway: what asks for a key, what is deployed, and that one value opens both doors."""

import hashlib
import json

from tests.templates.reading import template

EDGE = template("edge")["Resources"]
PARTS = ("AWS::ApiGateway::Resource", "AWS::ApiGateway::Method")


def test_everything_but_its_health_asks_for_an_api_key():
    methods = {name: one["Properties"] for name, one in EDGE.items() if one["Type"] == "AWS::ApiGateway::Method"}
    open_ones = {name for name, method in methods.items() if method["ApiKeyRequired"] is not True}
    assert {methods[name]["Integration"]["Uri"].partition(":8080")[2] for name in open_ones} == {
        "/health/ready",
        "/health/live",
    }
    assert {methods[name]["HttpMethod"] for name in open_ones} == {"GET"}


def test_another_api_is_another_deployment():
    """A deployment is a picture: one that keeps its name keeps showing the API as it was."""
    pictured = {name: one for name, one in EDGE.items() if one["Type"] in PARTS}
    pictured["Api"] = EDGE["Api"]
    digest = hashlib.sha256(json.dumps(pictured, sort_keys=True).encode()).hexdigest()[:8]
    (name,) = [name for name, one in EDGE.items() if one["Type"] == "AWS::ApiGateway::Deployment"]
    assert name == f"DeploymentOf{digest}", "give the deployment, and the stage that names it, this name"
    assert EDGE["ApiStage"]["Properties"]["DeploymentId"] == {"Ref": name}
    methods = [name for name, one in EDGE.items() if one["Type"] == "AWS::ApiGateway::Method"]
    assert sorted(EDGE[name]["DependsOn"]) == sorted(methods)


def test_the_key_of_clients_is_the_ingest_key_of_the_server():
    server = template("server")
    assert server["Outputs"]["IngestKeySecret"]["Value"] == {"Ref": "IngestKey"}
    resolve = "{{resolve:secretsmanager:${IngestKeySecret}}}"
    assert EDGE["ClientKey"]["Properties"]["Value"] == {"Fn::Sub": resolve}
    made = server["Resources"]["IngestKey"]["Properties"]["GenerateSecretString"]
    # API Gateway takes 20 to 128 letters and digits, the server 32 to 128.
    assert made == {"PasswordLength": 48, "ExcludePunctuation": True}


def test_agents_have_a_key_that_opens_the_gateway_and_not_the_server():
    assert EDGE["AgentKey"]["Properties"]["Value"] != EDGE["ClientKey"]["Properties"]["Value"]
    plans = [one["Properties"]["KeyId"] for one in EDGE.values() if one["Type"] == "AWS::ApiGateway::UsagePlanKey"]
    assert plans == [{"Ref": "ClientKey"}, {"Ref": "AgentKey"}]


def test_no_log_holds_a_key_or_what_was_asked_for():
    logged = EDGE["ApiStage"]["Properties"]["AccessLogSetting"]["Format"]
    assert json.loads(logged).keys() == {"at", "id", "from", "key", "method", "path", "status", "bytes", "ms", "error"}
    assert '$context.identity.apiKey"' not in logged
    redacted = EDGE["FirewallLogging"]["Properties"]["RedactedFields"]
    assert [field["SingleHeader"]["Name"] for field in redacted] == ["authorization", "x-api-key"]


def test_a_new_generation_of_keys_is_a_new_secret():
    for name, resources in (
        ("server", ("IngestKey", "EnrollKey")),
        ("single", ("IngestKey", "EnrollKey")),
        ("edge", ("AgentKeySecret",)),
    ):
        for resource in resources:
            assert "${KeyGeneration}" in template(name)["Resources"][resource]["Properties"]["Name"]["Fn::Sub"]
