import re
from html.parser import HTMLParser

import pytest
from litestar.handlers import HTTPRouteHandler
from litestar.testing import TestClient
from openapi_spec_validator import validate

from compliance import __version__
from compliance.server.app import ROUTES, create_app
from compliance.server.config import Config

OPEN = ("/health/live", "/health/ready")


@pytest.fixture
def http(sqlite_url):
    with TestClient(create_app(Config(database=sqlite_url))) as client:
        yield client


@pytest.fixture
def described(http):
    answer = http.get("/schema/openapi.json")
    assert answer.headers["content-type"].startswith("application/vnd.oai.openapi+json")
    return answer.json()


def operations(described):
    return [
        (path, method, operation) for path, item in described["paths"].items() for method, operation in item.items()
    ]


def test_the_description_is_valid_openapi(described):
    validate(described)
    assert described["info"] == {"title": "compliance", "version": __version__}


def test_every_operation_there_is_is_described(described):
    handlers = [handler for handler in ROUTES if isinstance(handler, HTTPRouteHandler)]
    there = {
        (re.sub(r":\w+\}", "}", path), method.lower())
        for handler in handlers
        for path in handler.paths
        for method in handler.http_methods - {"OPTIONS"}
    }
    assert {(path, method) for path, method, _ in operations(described)} == there
    for path, method, operation in operations(described):
        assert operation["summary"], (method, path)
        assert operation["description"], (method, path)


def test_every_parameter_says_what_it_is(described):
    named = [parameter for *_, operation in operations(described) for parameter in operation.get("parameters", [])]
    assert {parameter["name"] for parameter in named} >= {"at", "since", "host", "user", "name", "cursor", "limit"}
    assert [parameter for parameter in named if not parameter.get("description")] == []


def test_everything_but_the_health_pages_says_which_key_it_needs(described):
    schemes = described["components"]["securitySchemes"]
    for path, method, operation in operations(described):
        names = [name for one in operation.get("security", []) for name in one]
        if path in OPEN:
            assert names == []
        else:
            assert [name in schemes for name in names] == [True], (method, path)
    assert {scheme["type"] for scheme in schemes.values()} == {"http", "apiKey"}
    guarded = [(path, operation) for path, _, operation in operations(described) if path not in OPEN]
    needed = {path: next(iter(operation["security"][0])) for path, operation in guarded}
    assert (needed["/api/v1/enroll"], needed["/api/v1/reports"]) == ("enrolling", "reporting")
    assert (needed["/api/v1/hosts"], needed["/hosts"]) == ("reading", "original")


def test_everything_that_is_posted_says_its_body_and_every_answer_its_shape(described):
    schemas = described["components"]["schemas"]
    for path, method, operation in operations(described):
        if method == "post":
            body = operation["requestBody"]["content"]["application/json"]["schema"]
            assert body["$ref"].removeprefix("#/components/schemas/") in schemas, path
        for status, answer in operation["responses"].items():
            assert answer["content"], (path, method, status)
        problem = operation["responses"]["default"]["content"]["application/problem+json"]["schema"]
        assert problem == {"$ref": "#/components/schemas/Problem"}


def test_every_reference_leads_somewhere(described):
    def references(value):
        if isinstance(value, dict):
            for name, member in value.items():
                if name == "$ref":
                    yield member
                elif name == "mapping":
                    yield from member.values()
                else:
                    yield from references(member)
        elif isinstance(value, list):
            for member in value:
                yield from references(member)

    found = {reference.removeprefix("#/components/schemas/") for reference in references(described)}
    assert found >= {"Report", "Change_Process", "Receipt"}
    assert found <= set(described["components"]["schemas"])


class Loaded(HTMLParser):
    """What a browser would fetch or run, and where the links lead."""

    def __init__(self):
        super().__init__()
        self.tags, self.fetched, self.links, self.style = set(), [], [], ""

    def handle_starttag(self, tag, attrs):
        self.tags.add(tag)
        for name, value in attrs:
            if name in ("src", "srcset", "data", "action", "poster", "background", "style", "integrity"):
                self.fetched.append((tag, name, value))
            if name == "href":
                (self.links if tag == "a" else self.fetched).append(value)
            assert not name.startswith("on")

    def handle_data(self, data):
        if self.lasttag == "style":
            self.style += data


def test_the_page_loads_nothing_from_elsewhere_and_runs_nothing(http):
    answer = http.get("/schema")
    assert answer.headers["content-type"].startswith("text/html")
    page = Loaded()
    page.feed(answer.text)
    assert page.fetched == []
    assert not page.tags & {"script", "link", "img", "iframe", "object", "embed", "base", "form"}
    assert "url(" not in page.style
    assert "@import" not in page.style
    for link in page.links:
        assert link.startswith("/")
        assert http.get(link).status_code == 200


def test_the_page_shows_every_operation_its_parameters_and_who_may(http, described):
    text = http.get("/schema").text
    for path, method, operation in operations(described):
        assert f"<b>{method.upper()}</b> <code>{path}</code>" in text
        for parameter in operation.get("parameters", []):
            assert f"<code>{parameter['name']}</code>" in text
    for scheme in described["components"]["securitySchemes"].values():
        assert scheme["description"].replace("'", "&#x27;") in text
