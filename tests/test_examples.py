"""The files in examples/ are taken as they are, and name every setting there is."""

from pathlib import Path

import pytest

from compliance.agent.config import SETTINGS as AGENT
from compliance.server.options import SETTINGS as SERVER
from compliance.settings import read_toml

EXAMPLES = Path(__file__).parent.parent / "examples"


@pytest.mark.parametrize(("name", "known"), [("agent.toml", AGENT), ("server.toml", SERVER)])
def test_an_example_is_understood_and_names_every_setting(name, known):
    assert read_toml(EXAMPLES / name, known).keys() == known.keys()
