"""The only room that knows boto3: credentials and region as any AWS tool takes them, calls, and errors in our words."""

from __future__ import annotations

import difflib
import os
import re
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from typing import Any

import boto3
import botocore.session
from botocore import exceptions as found
from botocore.config import Config
from botocore.parsers import ResponseParserError

from compliance import __version__
from compliance.errors import ComplianceError, Unreachable
from compliance.ops.errors import Denied, NotThere, Nowhere, Stale, Throttled

ATTEMPTS = 8
"""Tries of a call that is throttled or cut off, with growing pauses; AWS_MAX_ATTEMPTS or a profile may say another."""

THROTTLING = {
    "RequestLimitExceeded",
    "Throttling",
    "ThrottlingException",
    "ThrottledException",
    "TooManyRequestsException",
}
EXPIRED = {"ExpiredToken", "ExpiredTokenException", "RequestExpired"}
FORBIDDEN = {"AccessDenied", "AccessDeniedException", "UnauthorizedOperation", "Forbidden"}
NOT_TAKEN = {
    "AuthFailure",
    "IncompleteSignature",
    "IncompleteSignatureException",
    "InvalidClientTokenId",
    "InvalidSignatureException",
    "MissingAuthenticationToken",
    "MissingAuthenticationTokenException",
    "SignatureDoesNotMatch",
    "UnrecognizedClientException",
}
NOT_FOUND = re.compile(r"does not exist|NotFound")


class Api:
    """Calls one service; `client` is boto3's, or one that botocore's Stubber answers for."""

    def __init__(self, client: Any, profile: str | None = None) -> None:
        self._client, self._profile = client, profile

    @property
    def region(self) -> str:
        return str(self._client.meta.region_name)

    def ask(self, operation: str, **arguments: Any) -> dict[str, Any]:
        """One call by its Python name (`describe_stacks`); every failure is an error of ours."""
        with in_our_words(self._client, self._profile):
            answer: dict[str, Any] = getattr(self._client, operation)(**arguments)
            return answer

    def pages(self, operation: str, **arguments: Any) -> Iterator[dict[str, Any]]:
        """Call after call while the answer holds a NextToken."""
        while True:
            page = self.ask(operation, **arguments)
            yield page
            if not page.get("NextToken"):
                return
            arguments["NextToken"] = page["NextToken"]


class Cloud:
    """An account and a region of it; clients are made when they are first needed."""

    def __init__(self, session: Any, region: str, profile: str | None) -> None:
        self._session, self.region, self.profile = session, region, profile

    def api(self, service: str, region: str | None = None) -> Api:
        with in_our_words(None, self.profile):
            where = region or self.region
            client = self._session.client(service, region_name=where, config=_config(self._session))
            return Api(client, self.profile)


def connect(profile: str | None = None, region: str | None = None) -> Cloud:
    """Flags, then the environment, then ~/.aws, as every AWS tool. Nowhere says what is missing."""
    with in_our_words(None, profile):
        session = boto3.Session(botocore_session=botocore.session.Session(profile=profile or None))
        # AWS_REGION is what AWS itself sets and its other tools read; botocore reads AWS_DEFAULT_REGION only.
        chosen = region or os.environ.get("AWS_REGION") or session.region_name
        if not chosen:
            raise Nowhere("No AWS region is chosen: give --region eu-west-1, or set AWS_REGION.")
        _check_region(session, chosen)
        if session.get_credentials() is None:
            raise Nowhere(
                "No AWS credentials were found: run `aws configure` or `aws sso login`, choose a --profile,"
                " or set AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY."
            )
        return Cloud(session, chosen, profile)


def _config(session: Any) -> Config:
    scoped: Mapping[str, Any] = session._session.get_scoped_config()
    chosen = "AWS_MAX_ATTEMPTS" in os.environ or "max_attempts" in scoped
    retries = {"mode": "standard"} if chosen else {"mode": "standard", "total_max_attempts": ATTEMPTS}
    return Config(retries=retries, connect_timeout=10, read_timeout=60, user_agent_extra=f"compliance/{__version__}")


def _check_region(session: Any, region: str) -> None:
    """A region unknown to botocore may be newer than it: only one that is nearly a known one is refused."""
    known = {
        name
        for partition in session.get_available_partitions()
        for name in session.get_available_regions("cloudformation", partition, allow_non_regional=False)
    }
    if region in known or os.environ.get("AWS_ENDPOINT_URL") or os.environ.get("AWS_ENDPOINT_URL_CLOUDFORMATION"):
        return
    near = difflib.get_close_matches(region, known, 1)
    if near or not re.fullmatch(r"[a-z]{2,4}(-[a-z]+)+-\d", region):
        meant = f"did you mean {near[0]}?" if near else "they are called as eu-west-1 is."
        raise Nowhere(f"There is no AWS region {region!r}; {meant}")


@contextmanager
def in_our_words(client: Any = None, profile: str | None = None) -> Iterator[None]:
    """Whatever botocore raises inside leaves as an error of ours."""
    try:
        yield
    except found.ClientError as error:
        raise _answered(error, client) from error
    except found.BotoCoreError as error:
        raise _unanswered(error, client, profile) from error
    except ResponseParserError as error:
        raise Unreachable(
            f"What answers at {_endpoint(client)} is not AWS: is there a proxy or a sign-in page in between?"
        ) from error


def _answered(error: found.ClientError, client: Any) -> ComplianceError:
    """AWS said no."""
    told: Mapping[str, Any] = error.response.get("Error", {})
    code, message = str(told.get("Code", "")), " ".join(str(told.get("Message", "")).split())
    if code in THROTTLING:
        return Throttled(
            f"AWS is asked too often ({error.operation_name}), and was after every retry: wait a minute, run it again."
        )
    if code in EXPIRED:
        return Stale(
            "These AWS credentials have expired: renew them (`aws sso login`, or new keys), then run it again."
        )
    if code in FORBIDDEN:
        return Denied(_forbidden(error.operation_name, message, client))
    if code in NOT_TAKEN:
        return Stale(
            f"AWS does not take these credentials ({code}): are they complete, is this machine's clock right, and is"
            " the region enabled for the account?"
        )
    if code == "OptInRequired":
        return Nowhere(f"The region {_region(client)} is not enabled for this account: enable it, or choose another.")
    if NOT_FOUND.search(f"{code} {message}"):
        return NotThere(f"AWS answers {error.operation_name} with: {message.rstrip('.')}.")
    return ComplianceError(f"AWS refused {error.operation_name} ({code}): {message.rstrip('.')}.")


def _forbidden(operation: str, message: str, client: Any) -> str:
    """The action that is missing: AWS names it, or else the call does."""
    named = re.search(r"not authorized to perform:? ([\w-]+:\w+)", message)
    service = client.meta.service_model.signing_name if client is not None else "aws"
    action = named[1] if named else f"{service}:{operation}"
    resource = re.search(r"on resource:? (\S+)", message)
    on = f" on {resource[1].rstrip(',.')}" if resource else ""
    why = " (an explicit deny forbids it)" if "explicit deny" in message else ""
    return f"These AWS credentials may not do {action}{on}{why}: have it allowed, or choose another --profile."


def _unanswered(error: found.BotoCoreError, client: Any, profile: str | None) -> ComplianceError:
    """There was no answer, or no question."""
    if isinstance(error, found.ProfileNotFound):
        return Nowhere(
            f"There is no AWS profile {error.kwargs.get('profile')!r}: `aws configure list-profiles` shows them."
        )
    if isinstance(error, found.NoCredentialsError | found.PartialCredentialsError):
        return Nowhere(f"The AWS credentials are incomplete ({error}): set both the key's id and its secret.")
    if isinstance(error, found.NoRegionError):
        return Nowhere("No AWS region is chosen: give --region eu-west-1, or set AWS_REGION.")
    if isinstance(error, _LOGGED_OUT):
        name = f" --profile {profile}" if profile else ""
        return Stale(f"The AWS sign-in has ended: run `aws sso login{name}`, then the same command again.")
    if isinstance(error, found.ConnectionError | found.HTTPClientError):
        return Unreachable(
            f"AWS does not answer in the region {_region(client)} ({_endpoint(client)}): is the region's name right,"
            " and does this machine reach the internet?"
        )
    return ComplianceError(f"AWS cannot be called: {' '.join(str(error).split()).rstrip('.')}.")


_LOGGED_OUT = (
    found.CredentialRetrievalError,
    found.SSOError,
    found.TokenRetrievalError,
    *(getattr(found, name) for name in ("LoginError",) if hasattr(found, name)),
)


def _region(client: Any) -> str:
    return str(client.meta.region_name) if client is not None else "chosen"


def _endpoint(client: Any) -> str:
    return str(client.meta.endpoint_url) if client is not None else "no endpoint"
