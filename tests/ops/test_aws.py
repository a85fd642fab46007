"""Credentials, region and refusals of AWS, in sentences. The server here answers as AWS does when it is in trouble."""

import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, HTTPServer

import pytest

from compliance.errors import ComplianceError, Refused, Unreachable, WrongUsage
from compliance.ops.aws import ATTEMPTS, connect
from compliance.ops.errors import Denied, NotThere, Nowhere, Stale, Throttled
from tests.ops.aws import point_at
from tests.ops.stubs import Stubbed

ERROR = (
    "<ErrorResponse><Error><Type>Sender</Type><Code>{code}</Code><Message>{message}</Message></Error></ErrorResponse>"
)
STACKS = "<DescribeStacksResponse><DescribeStacksResult><Stacks/></DescribeStacksResult></DescribeStacksResponse>"

KEYS = "aws_access_key_id = AKIAEXAMPLE\naws_secret_access_key = example\n"


class Moody(HTTPServer):
    """Refuses the first so many calls."""

    def __init__(self) -> None:
        super().__init__(("127.0.0.1", 0), Answer)
        self.refusals, self.code, self.calls, self.page = 0, "Throttling", 0, ""

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.server_port}"


class Answer(BaseHTTPRequestHandler):
    server: Moody

    def do_POST(self) -> None:
        self.rfile.read(int(self.headers["Content-Length"]))
        self.server.calls += 1
        refused = self.server.calls <= self.server.refusals
        error = self.server.page or ERROR.format(code=self.server.code, message="Rate exceeded")
        body = error if refused else STACKS
        self.send_response(400 if refused else 200)
        self.end_headers()
        self.wfile.write(body.encode())

    def log_message(self, format: str, *arguments: object) -> None:
        pass


@pytest.fixture
def moody(monkeypatch: pytest.MonkeyPatch, tmp_path) -> Iterator[Moody]:
    with Moody() as server:
        thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01})
        thread.start()
        point_at(server.url, monkeypatch, tmp_path)
        # The pauses between tries grow; here they are none.
        monkeypatch.setattr("botocore.retries.standard.ExponentialBackoff.delay_amount", lambda *_: 0)
        yield server
        server.shutdown()
        thread.join()


@pytest.fixture
def nothing(monkeypatch: pytest.MonkeyPatch, tmp_path) -> None:
    """No word about AWS on this machine."""
    point_at("http://127.0.0.1:9", monkeypatch, tmp_path)
    for name in ("AWS_ENDPOINT_URL", "AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY", "AWS_REGION"):
        monkeypatch.delenv(name)


def test_throttling_is_tried_again_and_then_nobody_notices(moody, monkeypatch):
    monkeypatch.delenv("AWS_MAX_ATTEMPTS")
    moody.refusals = ATTEMPTS - 1
    assert connect().api("cloudformation").ask("describe_stacks")["Stacks"] == []
    assert moody.calls == ATTEMPTS


def test_throttling_that_does_not_end_is_told_as_something_to_wait_for(moody, monkeypatch):
    monkeypatch.delenv("AWS_MAX_ATTEMPTS")
    moody.refusals = 1000
    with pytest.raises(Throttled, match="wait a minute, run it again") as raised:
        connect().api("cloudformation").ask("describe_stacks")
    assert (raised.value.exit_code, moody.calls) == (3, ATTEMPTS)


def test_how_often_is_tried_may_be_said_as_for_any_aws_tool(moody, monkeypatch):
    monkeypatch.setenv("AWS_MAX_ATTEMPTS", "2")
    moody.refusals = 1000
    with pytest.raises(Throttled):
        connect().api("cloudformation").ask("describe_stacks")
    assert moody.calls == 2


def test_a_profile_may_say_it_too(moody, monkeypatch, tmp_path):
    monkeypatch.delenv("AWS_MAX_ATTEMPTS")
    (tmp_path / "config").write_text(f"[profile slow]\nmax_attempts = 3\n{KEYS}")
    moody.refusals = 1000
    with pytest.raises(Throttled):
        connect("slow").api("cloudformation").ask("describe_stacks")
    assert moody.calls == 3


def test_nobody_who_answers_is_told_with_the_region_and_the_address(moody, monkeypatch):
    moody.shutdown()
    moody.server_close()
    with pytest.raises(Unreachable, match=f"eu-west-1 .{moody.url}") as raised:
        connect().api("cloudformation").ask("describe_stacks")
    assert raised.value.exit_code == 3


def test_a_page_of_something_in_between_is_not_taken_for_aws(moody):
    moody.refusals, moody.page = 1000, "<html>Please sign in<br>"
    with pytest.raises(Unreachable, match=f"What answers at {moody.url} is not AWS"):
        connect().api("cloudformation").ask("describe_stacks")


def test_no_credentials_are_told_with_what_to_do(nothing):
    with pytest.raises(Nowhere, match="aws configure") as raised:
        connect(region="eu-west-1")
    assert raised.value.exit_code == 2


def test_half_a_credential_is_told_as_such(nothing, monkeypatch):
    monkeypatch.setenv("AWS_ACCESS_KEY_ID", "AKIAEXAMPLE")
    with pytest.raises(Nowhere, match="incomplete"):
        connect(region="eu-west-1")


def test_no_region_is_told_with_what_to_do(nothing):
    with pytest.raises(Nowhere, match="--region eu-west-1"):
        connect()


@pytest.mark.parametrize(
    ("region", "complaint"),
    [
        ("eu-wst-1", "did you mean eu-west-1"),
        ("europe", "did you mean|called as eu-west-1 is"),
        ("eu-west-1a", "did you mean eu-west-1"),
    ],
)
def test_a_region_that_is_none_gets_a_guess(nothing, region, complaint):
    with pytest.raises(Nowhere, match=complaint):
        connect(region=region)


def test_a_region_that_is_newer_than_this_library_is_left_to_aws(moody, monkeypatch):
    monkeypatch.delenv("AWS_ENDPOINT_URL")
    assert connect(region="xx-moonbase-7").region == "xx-moonbase-7"


def test_an_endpoint_of_ones_own_has_regions_of_its_own(moody):
    assert connect(region="eu-wst-1").region == "eu-wst-1"


def test_the_region_is_the_flags_then_the_environments_then_the_profiles(moody, monkeypatch, tmp_path):
    (tmp_path / "config").write_text(f"[profile there]\nregion = ap-south-1\n{KEYS}")
    assert connect("there", "us-east-1").region == "us-east-1"
    assert connect("there").region == "eu-west-1"
    monkeypatch.delenv("AWS_REGION")
    monkeypatch.setenv("AWS_DEFAULT_REGION", "us-west-2")
    assert connect("there").region == "us-west-2"
    monkeypatch.delenv("AWS_DEFAULT_REGION")
    assert connect("there").region == "ap-south-1"


def test_a_profile_that_is_not_there_is_named(moody):
    with pytest.raises(Nowhere, match="no AWS profile 'nobody'"):
        connect("nobody")


def test_a_sign_in_that_has_ended_says_which_to_renew(moody, tmp_path, monkeypatch):
    for name in ("AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY"):
        monkeypatch.delenv(name)
    monkeypatch.setenv("HOME", str(tmp_path))
    (tmp_path / "config").write_text(
        "[profile work]\nsso_session = us\nsso_account_id = 123456789012\nsso_role_name = ops\n"
        "[sso-session us]\nsso_start_url = https://example.org\nsso_region = us-east-1\n"
    )
    with pytest.raises(Stale, match="aws sso login --profile work") as raised:
        connect("work").api("cloudformation").ask("describe_stacks")
    assert raised.value.exit_code == 4


@pytest.mark.parametrize(
    ("code", "message", "kind", "sentence"),
    [
        ("ExpiredToken", "The security token included in the request is expired", Stale, "have expired: renew them"),
        ("RequestExpired", "Request has expired", Stale, "have expired"),
        ("InvalidClientTokenId", "The security token is invalid", Stale, "does not take these credentials"),
        ("SignatureDoesNotMatch", "Signature not yet current", Stale, "this machine's clock"),
        (
            "AccessDenied",
            "User: arn:aws:iam::1:user/ana is not authorized to perform: cloudformation:DescribeStacks on resource: "
            "arn:aws:cloudformation:eu-west-1:1:stack/x/* because no identity-based policy allows it",
            Denied,
            r"may not do cloudformation:DescribeStacks on arn:aws:cloudformation:eu-west-1:1:stack/x/\*: have",
        ),
        ("AccessDenied", "with an explicit deny in a service control policy", Denied, "an explicit deny forbids it"),
        ("UnauthorizedOperation", "You are not authorized.", Denied, "may not do cloudformation:DescribeStacks: "),
        ("OptInRequired", "no", Nowhere, "The region eu-west-1 is not enabled"),
        ("ValidationError", "Stack with id x does not exist", NotThere, "Stack with id x does not exist"),
        ("ChangeSetNotFound", "ChangeSet [x]", NotThere, "AWS answers DescribeStacks with"),
        (
            "ValidationError",
            "Template format error.",
            ComplianceError,
            r"refused DescribeStacks \(ValidationError\): Templ",
        ),
        ("TooManyRequestsException", "slow", Throttled, "wait a minute"),
    ],
)
def test_each_refusal_has_its_sentence(code, message, kind, sentence):
    stubbed = Stubbed().refuses("describe_stacks", code, message)
    with pytest.raises(kind, match=sentence) as raised:
        stubbed.api.ask("describe_stacks")
    assert type(raised.value) is kind
    assert "\n" not in str(raised.value)


def test_refusals_of_aws_have_the_houses_exit_codes():
    codes = {kind.__name__: kind.exit_code for kind in (Denied, Stale, Throttled, Nowhere, NotThere)}
    assert codes == {"Denied": 4, "Stale": 4, "Throttled": 3, "Nowhere": 2, "NotThere": 1}
    assert issubclass(Denied, Refused)
    assert issubclass(Nowhere, WrongUsage)


def test_a_call_that_was_wrongly_made_is_an_error_of_ours_too():
    with pytest.raises(ComplianceError, match="cannot be called"):
        Stubbed().api.ask("describe_stacks", Nonsense=1)


def test_pages_are_read_to_the_end():
    stubbed = Stubbed()
    stubbed.answers("list_stacks", {"StackSummaries": [], "NextToken": "2"}, {})
    stubbed.answers("list_stacks", {"StackSummaries": []}, {"NextToken": "2"})
    assert len(list(stubbed.api.pages("list_stacks"))) == 2
    stubbed.done()
