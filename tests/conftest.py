"""What holds for every test: an environment without our variables, a state folder of its own, and no chance."""

import os
import tempfile
from collections.abc import Iterator
from pathlib import Path

import pytest
from hypothesis import settings

pytest_plugins = ["tests.stores", "tests.shell", "tests.world"]

# The same examples on each run: whatever fails here fails everywhere. `--hypothesis-profile=search` looks for new ones.
settings.register_profile("fixed", derandomize=True, deadline=None)
settings.register_profile("search", max_examples=1000, deadline=None)
settings.load_profile("fixed")

OURS = ("COMPLIANCE_", "_COMPLIANCE_")
OTHERS = ("URL_API", "TOKEN", "NO_COLOR", "FORCE_COLOR", "COLUMNS", "LINES")


@pytest.fixture(autouse=True)
def own_environment(tmp_path_factory: pytest.TempPathFactory) -> Iterator[None]:
    """Put back whole afterwards: `--debug` sets a variable, as a command may."""
    before = dict(os.environ)
    for name in before:
        # COMPLIANCE_TEST_* is addressed to the tests themselves.
        if name in OTHERS or (name.startswith(OURS) and not name.startswith("COMPLIANCE_TEST_")):
            del os.environ[name]
    os.environ["COMPLIANCE_STATE_DIR"] = str(tmp_path_factory.mktemp("state"))
    yield
    os.environ.clear()
    os.environ.update(before)


@pytest.fixture
def strangers_folder() -> Iterator[Path]:
    """Where another user gets to: pytest's own folders are private."""
    with tempfile.TemporaryDirectory() as name:
        Path(name).chmod(0o755)
        yield Path(name)


@pytest.fixture
def repository() -> Path:
    return Path(__file__).parent.parent
