"""An evaluation takes the leak mapper's parameters from a file as the node does."""

from __future__ import annotations

from pathlib import Path

import pytest

from gas_fusion_ros.pipeline.mapper_settings import LeakMapperSettings, read_mapper_settings
from gas_fusion_ros.pipeline.settings import SettingsError


def file_of(folder: Path, node: str, *lines: str) -> Path:
    path = folder / "parameters.yaml"
    path.write_text("\n".join([f"/**/{node}:", "  ros__parameters:", *(f"    {line}" for line in lines)]))
    return path


def test_file_without_the_mapper_gives_the_defaults(tmp_path: Path) -> None:
    assert read_mapper_settings(file_of(tmp_path, "gas_classifier", "threads: 1")) == LeakMapperSettings()


def test_file_sets_what_it_names(tmp_path: Path) -> None:
    path = file_of(tmp_path, "leak_mapper", "pipe.side: right", "response.fall_slow: 30.0", "approach: 20.0")
    settings = read_mapper_settings(path)
    assert settings.pipe.offset_m < 0.0
    assert (settings.response.fall_slow_s, settings.approach_ns) == (30.0, 20 * 10**9)


@pytest.mark.parametrize(
    ("line", "told"),
    [
        ("pipe.side: above", "pipe.side"),
        ("pipe.nearest: 9.0", r"pipe.nearest must not be above pipe.farthest, not 9 and 6"),
        ("map_cell: 0.05", r"map_reach must be at most 500 times map_cell, not 40 m of 0.05 m"),
        ("pipe.colour: red", r"leak_mapper has no parameter pipe.colour"),
    ],
)
def test_what_the_node_refuses_is_refused_with_the_file(tmp_path: Path, line: str, told: str) -> None:
    with pytest.raises(SettingsError, match=told) as caught:
        read_mapper_settings(file_of(tmp_path, "leak_mapper", line))
    assert "parameters.yaml" in str(caught.value)
