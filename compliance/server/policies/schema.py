"""The JSON Schema of a policy's file: editors complete fields by it, and mark what is wrong while it is typed."""

from __future__ import annotations

from typing import Any

import msgspec

from compliance.server.policies.policy import Policy


def schema() -> dict[str, Any]:
    """For one document of a file. It asks for quotes around a version (`"3.10"`); our own reader needs none."""
    made = msgspec.json.schema(Policy)
    return {
        "$schema": "https://json-schema.org/draft/2020-12/schema",
        "title": "A policy of compliance",
        **made,
    }
