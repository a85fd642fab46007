import logging

import pytest
from litestar import Litestar, get
from litestar.params import FromPath
from litestar.testing import TestClient

from compliance.errors import Broken, ComplianceError, Refused, Unreachable, WrongUsage
from compliance.server.app import create_app
from compliance.server.config import Config
from compliance.server.ingest.check import Malformed
from compliance.server.ingest.writer import Poisoned
from compliance.server.routes import problems
from compliance.server.routes.problems import ProblemFound
from tests.server.routes.reading import problem

SECRET = "cmk_" + "s" * 43
ERRORS = {
    "found": ProblemFound(418, "A teapot.", {"x-pot": "tea"}),
    "usage": WrongUsage("Say it otherwise."),
    "malformed": Malformed("processes.rows[3].pid: it comes twice"),
    "poisoned": Poisoned("The store cannot keep this report."),
    "unreachable": Unreachable("The database is away."),
    "broken": Broken("The disk is full."),
    "refused": Refused("The database refused the user."),
    "ours": ComplianceError("It failed."),
    "unexpected": KeyError(SECRET),
}


@get("/raise/{name:str}")
async def raise_it(name: FromPath[str]) -> None:
    raise ERRORS[name]


@pytest.fixture
def http():
    with TestClient(Litestar([raise_it], exception_handlers=problems.HANDLERS, logging_config=None)) as client:
        yield client


@pytest.mark.parametrize(
    ("name", "status"),
    [
        ("found", 418),
        ("usage", 400),
        ("malformed", 400),
        ("poisoned", 422),
        ("unreachable", 503),
        ("broken", 503),
        ("refused", 503),
        ("ours", 500),
    ],
)
def test_an_error_of_ours_is_a_problem_with_its_sentence(http, name, status):
    answer = http.get(f"/raise/{name}")
    assert problem(answer, status) == str(ERRORS[name])
    assert set(answer.json()) == {"type", "title", "status", "detail"}
    assert ("retry-after" in answer.headers) == (status == 503)


def test_a_problem_carries_the_headers_it_was_given(http):
    assert http.get("/raise/found").headers["x-pot"] == "tea"


def test_what_nobody_expected_tells_the_log_and_not_the_client(http, caplog):
    answer = http.get("/raise/unexpected")
    sentence = problem(answer, 500)
    assert SECRET not in answer.text
    assert "Traceback" not in answer.text
    assert "its log says why" in sentence
    (record,) = caplog.records
    assert (record.levelno, record.exc_info is not None) == (logging.ERROR, True)


def test_trouble_of_the_store_is_a_line_in_the_log_and_no_traceback(http, caplog):
    http.get("/raise/broken")
    (record,) = caplog.records
    assert record.getMessage() == "GET /raise/broken: The disk is full."
    assert record.exc_info is None


@pytest.fixture
def server(sqlite_url):
    with TestClient(create_app(Config(database=sqlite_url))) as client:
        yield client


@pytest.mark.parametrize(
    "path", ["/", "/nope", "/api/v1/host", "/api/v2/reports", "/hosts/1", "/%00", "/<script>", "/" + "x" * 9000]
)
def test_a_path_that_is_none_is_a_problem_with_where_to_look(server, path):
    assert "/schema lists what there is" in problem(server.get(path), 404)


@pytest.mark.parametrize(
    ("method", "path", "allowed"),
    [
        ("GET", "/api/v1/reports", "POST"),
        ("DELETE", "/api/v1/hosts", "GET"),
        ("PUT", "/hosts", "GET"),
        ("PATCH", "/health/ready", "GET"),
    ],
)
def test_a_method_that_is_none_is_a_problem_with_those_there_are(server, method, path, allowed):
    answer = server.request(method, path)
    sentence = problem(answer, 405)
    assert sentence.startswith(f"{path} does not take {method}, but ")
    assert allowed in sentence
    assert allowed in answer.headers["allow"]
