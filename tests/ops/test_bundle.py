"""Where the templates are found."""

import pytest

from compliance.errors import WrongUsage
from compliance.ops import bundle
from tests.ops.aws import TEMPLATES


def test_the_folder_that_is_named_wins():
    assert bundle.folder(TEMPLATES) == TEMPLATES
    assert list(bundle.stacks(TEMPLATES)) == ["tiny", "storage"]


def test_a_folder_without_stacks_is_refused(tmp_path):
    with pytest.raises(WrongUsage, match="There is no stacks.toml"):
        bundle.folder(tmp_path)


def test_a_checkout_has_its_own(tmp_path, monkeypatch):
    place = tmp_path / "templates" / "cloudformation"
    place.mkdir(parents=True)
    (place / "stacks.toml").touch()
    monkeypatch.setattr(bundle, "PACKAGE", tmp_path / "compliance")
    assert bundle.folder() == place


def test_an_installed_package_has_them_within(tmp_path, monkeypatch):
    place = tmp_path / "compliance" / "ops" / "cloudformation"
    place.mkdir(parents=True)
    (place / "stacks.toml").touch()
    monkeypatch.setattr(bundle, "PACKAGE", tmp_path / "compliance")
    assert bundle.folder() == place


def test_an_installation_without_any_says_what_to_do(tmp_path, monkeypatch):
    monkeypatch.setattr(bundle, "PACKAGE", tmp_path / "compliance")
    with pytest.raises(WrongUsage, match="install `compliance-monitor"):
        bundle.folder()


def test_only_a_checkout_has_a_dockerfile(tmp_path, monkeypatch):
    monkeypatch.setattr(bundle, "PACKAGE", tmp_path / "compliance")
    assert bundle.checkout() is None
    (tmp_path / "Dockerfile").touch()
    assert bundle.checkout() == tmp_path
