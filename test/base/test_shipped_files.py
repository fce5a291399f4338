"""Bundles are found by path, in a checkout, in a workspace and in an environment."""

from __future__ import annotations

import sys
from pathlib import Path

import pytest

from gas_fusion_ros.base import shipped_files


def make_share(folder: Path, *names: str) -> Path:
    for name in names:
        bundle = folder / "models" / name
        bundle.mkdir(parents=True)
        (bundle / "bundle.json").write_text("{}")
    return folder


@pytest.fixture
def installed(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The package as it stands when installed: no models next to it, an empty environment."""
    monkeypatch.setattr(
        shipped_files,
        "__file__",
        str(tmp_path / "site-packages" / "gas_fusion_ros" / "base" / "shipped_files.py"),
    )
    monkeypatch.setattr(sys, "prefix", str(tmp_path / "environment"))
    monkeypatch.delenv("AMENT_PREFIX_PATH", raising=False)
    return tmp_path


def test_a_path_is_taken_as_it_is(tmp_path: Path) -> None:
    bundle = make_share(tmp_path, "mine") / "models" / "mine"
    assert shipped_files.find_bundle(bundle) == bundle
    assert shipped_files.find_bundle(str(bundle)) == bundle


def test_a_checkout_comes_first(installed: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    make_share(installed / "site-packages", "fusion1")
    monkeypatch.setenv("AMENT_PREFIX_PATH", str(installed / "workspace"))
    make_share(installed / "workspace" / "share" / "gas_fusion_ros", "fusion1")
    assert shipped_files.shipped_folder() == installed / "site-packages"


def test_a_workspace_is_searched_prefix_by_prefix(installed: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    overlay, underlay = installed / "overlay", installed / "underlay"
    overlay.mkdir()
    expected = make_share(underlay / "share" / "gas_fusion_ros", "fusion1")
    monkeypatch.setenv("AMENT_PREFIX_PATH", f"{overlay}:{underlay}")
    assert shipped_files.find_bundle("fusion1") == expected / "models" / "fusion1"


def test_the_environment_comes_last(installed: Path) -> None:
    expected = make_share(installed / "environment" / "share" / "gas_fusion_ros", "fusion1")
    assert shipped_files.shipped_folder() == expected


def test_models_of_somebody_else_are_passed_over(installed: Path) -> None:
    (installed / "site-packages" / "models" / "theirs").mkdir(parents=True)
    expected = make_share(installed / "environment" / "share" / "gas_fusion_ros", "fusion1")
    assert shipped_files.shipped_folder() == expected


def test_an_unknown_name_lists_the_shipped_bundles(installed: Path) -> None:
    make_share(installed / "site-packages", "fusion1", "robust")
    with pytest.raises(FileNotFoundError, match=r"'fusion9'.*fusion1, robust"):
        shipped_files.find_bundle("fusion9")


@pytest.mark.usefixtures("installed")
def test_no_share_folder_lists_where_it_looked() -> None:
    with pytest.raises(FileNotFoundError, match="environment"):
        shipped_files.shipped_folder()


def test_an_array_is_found_by_path_or_by_the_name_of_a_shipped_one(
    installed: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    share = make_share(installed / "site-packages", "fusion1")
    shipped = share / "config" / "arrays" / "simulated.yaml"
    shipped.parent.mkdir(parents=True)
    shipped.write_text("")
    assert shipped_files.find_array("simulated") == shipped
    for path in ("mine", "simulated.yaml", "./simulated", str(installed / "array.yaml")):
        assert shipped_files.find_array(path) == Path(path), "what may still be written"
    monkeypatch.chdir(installed)
    (installed / "simulated").write_text("")
    assert shipped_files.find_array("simulated") == Path("simulated"), "a file goes first"


@pytest.mark.usefixtures("installed")
def test_without_shipped_files_an_array_is_a_path() -> None:
    assert shipped_files.find_array("simulated") == Path("simulated")
