"""Looks at every template of a stack and puts together what `ops status` and `ops outputs` tell."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

from compliance.errors import ComplianceError
from compliance.ops import health
from compliance.ops.aws import Cloud
from compliance.ops.deployer import Deployer
from compliance.ops.stacks import Stack
from compliance.ops.standing import Standing
from compliance.ops.status import Answer, Drift, Health, State, TemplateStatus, fold

CERTIFICATE = "CertificateParameter"
"""The output that names the parameter of Systems Manager with the certificate of a server that made its own."""


def look(
    stack: Stack, deployer: Deployer, ask: Callable[[Mapping[str, str]], Answer | None], ask_drift: bool
) -> list[TemplateStatus]:
    """`ask` gets a template's outputs, and answers for the server if they tell where it is."""
    rows = []
    for template in stack.templates:
        name = stack.called(template)
        standing = deployer.look(name)
        outputs = dict(standing.outputs) if standing else {}
        drift, unseen = _drift(deployer, standing) if ask_drift else (None, None)
        rows.append(
            TemplateStatus(
                stack=stack.name,
                template=template.name,
                name=name,
                state=fold(standing.cloudformation if standing else None),
                cloudformation=standing.cloudformation if standing else None,
                reason=standing.reason if standing else None,
                created_ms=standing.created_ms if standing else None,
                updated_ms=standing.updated_ms if standing else None,
                version=standing.tags.get("compliance:version") if standing else None,
                outputs=outputs,
                health=ask(outputs),
                drift=drift,
                drift_unseen=unseen,
            )
        )
    return rows


def ask_server(cloud: Cloud, outputs: Mapping[str, str]) -> Answer | None:
    """None where the outputs do not tell of a server."""
    url = health.server_url(outputs)
    if url is None or CERTIFICATE not in outputs:
        return None if url is None else health.ask(url)
    try:
        answer = cloud.api("ssm").ask("get_parameter", Name=outputs[CERTIFICATE])
    except ComplianceError as error:
        return Answer(Health.unknown, url, f"{url} was not asked, its certificate cannot be read: {error}".rstrip("."))
    return health.ask(url, answer["Parameter"]["Value"])


def outputs(stack: Stack, deployer: Deployer) -> list[dict[str, Any]]:
    rows = []
    for template in stack.templates:
        standing = deployer.look(stack.called(template))
        for name, value in (standing.outputs if standing else {}).items():
            description = standing.descriptions.get(name) if standing else None
            rows.append({"template": template.name, "name": name, "value": value, "description": description})
    return rows


def _drift(deployer: Deployer, standing: Standing | None) -> tuple[list[Drift] | None, str | None]:
    """(what drifted, or why that is unknown); neither where nothing is there."""
    if standing is None or standing.state is State.missing:
        return None, None
    if standing.state is State.working:
        return None, "it is being worked on"
    try:
        found = deployer.drift(standing.name)
    except ComplianceError as error:
        # The rest of the status is worth as much without it.
        return None, str(error).rstrip(".")
    return found, "AWS could not find out" if found is None else None
