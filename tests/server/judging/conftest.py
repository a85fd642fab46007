import pytest

from tests.server.judging.world import World


@pytest.fixture
def world(store, monkeypatch):
    return World(store, monkeypatch)
