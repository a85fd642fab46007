from pathlib import Path

import pytest

from compliance.server.storage.engine import Store


@pytest.fixture
def database(store_kind: str, store: Store, tmp_path: Path, request: pytest.FixtureRequest) -> str:
    """The URL of `store`."""
    if store_kind == "sqlite":
        return f"sqlite:///{tmp_path / 'compliance.db'}"
    return str(request.getfixturevalue("mysql_template"))
