"""A policy as a whole: it comes back as it was, and its types do no harm to the interpreter."""

import os
import subprocess
import sys
from datetime import date

import msgspec
from hypothesis import given
from hypothesis import strategies as st

from compliance.server.policies.policy import Exemption, Policy, Scope
from tests.server.policies.strategies import RULES

SCOPES = st.builds(
    Scope,
    labels=st.dictionaries(st.sampled_from(("role", "env")), st.just("web*"), max_size=1),
    os=st.none() | st.just(("Debian*",)),
    names=st.none() | st.just(("web-*", "db-1")),
    unless=st.none() | st.just(Scope(labels={"env": "test"})),
)
EXEMPTIONS = st.builds(
    Exemption, hosts=SCOPES, owner=st.just("ana"), reason=st.just("r"), until=st.just(date(2027, 1, 31))
)
POLICIES = st.builds(
    Policy,
    id=st.just("a-b"),
    title=st.just("t"),
    why=st.just("w"),
    severity=st.sampled_from(("low", "critical")),
    remedy=st.just("r"),
    scope=SCOPES,
    rule=RULES,
    exceptions=st.lists(EXEMPTIONS, max_size=2).map(tuple),
)


@given(POLICIES)
def test_a_policy_comes_back_as_it_was(policy):
    assert msgspec.json.decode(msgspec.json.encode(policy), type=Policy) == policy


def test_the_types_free_the_memory_that_is_theirs(repository):
    """msgspec 0.22 crashes over a text with a pattern beside a list; the debugging allocator tells for certain."""
    script = "import msgspec\nfrom compliance.server.policies.schema import schema\nschema()"
    environment = {**os.environ, "PYTHONMALLOC": "debug", "PYTHONPATH": str(repository)}
    done = subprocess.run([sys.executable, "-c", script], env=environment, capture_output=True, text=True)
    assert (done.returncode, done.stderr) == (0, "")
