"""The layering is the design: who may import whom."""

from __future__ import annotations

import ast
from collections.abc import Iterator
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]
PACKAGE = ROOT / "gas_fusion_ros"

ROS = {
    "builtin_interfaces",
    "cv_bridge",
    "diagnostic_msgs",
    "geometry_msgs",
    "launch",
    "launch_ros",
    "lifecycle_msgs",
    "message_filters",
    "nav_msgs",
    "rcl_interfaces",
    "rclpy",
    "rosgraph_msgs",
    "sensor_msgs",
    "std_msgs",
    "std_srvs",
    "visualization_msgs",
}
MAY_IMPORT_ROS = {"demo.py", "messages.py", "synchronizer.py"}
FILE_ACCESS = {"io", "os", "pathlib", "shutil", "tempfile", "json", "yaml", "cv2"}

# From the top floor down; a file uses only what stands on its own floor or below.
FLOORS = (
    ("cli",),
    ("commands",),
    ("demo",),
    ("nodes",),
    ("programme", "live_view", "replay"),
    ("self_test",),
    ("classifier",),
    ("synchronizer",),
    ("messages",),
    ("message_maker",),
    ("event_log", "alarm_memory"),
    ("drivers",),
    ("pairing",),
    ("classifier_parameters",),
    ("parameter_specs",),
    ("alarm_defaults",),
    ("inference",),
    ("thermal",),
    ("networks",),
    ("source_watch",),
    ("mq",),
    ("alarm", "alarm_clock"),
    ("simulation",),
    ("dataset",),
    (
        "pairing_types",
        "image_history",
        "alarm_types",
        "observation",
        "problems",
        "worker",
        "share",
        "window",
    ),
    ("pseudo_colour",),
    ("documents", "units", "files", "closing", "quoting"),
)


def sources(folder: Path) -> list[Path]:
    return sorted(folder.rglob("*.py"))


class WithoutTypeChecking(ast.NodeTransformer):
    """Leaves out what only the type checker imports."""

    def visit_If(self, node: ast.If) -> ast.AST | None:
        is_for_types = isinstance(node.test, ast.Name) and node.test.id == "TYPE_CHECKING"
        return None if is_for_types else self.generic_visit(node)


def imports(path: Path) -> Iterator[str]:
    """Dotted names of all modules that a file imports when it runs, wherever in the file."""
    tree = WithoutTypeChecking().visit(ast.parse(path.read_text(encoding="utf-8")))
    for node in ast.walk(tree):
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom) and node.module:
            yield from (f"{node.module}.{alias.name}" for alias in node.names)


def roots(path: Path) -> set[str]:
    return {name.split(".")[0] for name in imports(path)}


def floor(name: str) -> int:
    """The floor of a module or folder right below the package."""
    return next(index for index, names in enumerate(FLOORS) if name in names)


def test_the_house_rules_list_the_floors() -> None:
    rules = " ".join((ROOT / "CONTRIBUTING.md").read_text(encoding="utf-8").split())
    assert f"From the top: {'; '.join(', '.join(names) for names in FLOORS)}." in rules


@pytest.mark.parametrize("path", sources(PACKAGE), ids=lambda path: str(path.relative_to(PACKAGE)))
def test_only_the_top_imports_ros(path: Path) -> None:
    relative = path.relative_to(PACKAGE)
    if relative.parts[0] == "nodes" or str(relative) in MAY_IMPORT_ROS:
        return
    assert not roots(path) & ROS


@pytest.mark.parametrize("path", sources(PACKAGE), ids=lambda path: str(path.relative_to(PACKAGE)))
def test_no_file_uses_what_stands_above_it(path: Path) -> None:
    relative = path.relative_to(PACKAGE)
    # The package's own two files stand beside the floors; `floor` knows no such name, so nobody uses them.
    if str(relative) in ("__init__.py", "__main__.py"):
        return
    own = floor(relative.parts[0].removesuffix(".py"))
    used = {name.split(".")[1] for name in imports(path) if name.startswith("gas_fusion_ros.")}
    above = {name for name in used if floor(name) < own}
    assert not above


@pytest.mark.parametrize(
    "path",
    [*sources(PACKAGE / "networks"), PACKAGE / "alarm.py", PACKAGE / "alarm_types.py"],
    ids=lambda path: str(path.relative_to(PACKAGE)),
)
def test_networks_and_alarm_touch_no_files(path: Path) -> None:
    assert not roots(path) & (FILE_ACCESS | ROS)


@pytest.mark.parametrize("path", sources(ROOT / "training"), ids=lambda path: path.name)
def test_training_knows_no_nodes(path: Path) -> None:
    assert not any(name.startswith("gas_fusion_ros.nodes") for name in imports(path))


@pytest.mark.parametrize("path", sources(PACKAGE / "replay"), ids=lambda path: path.name)
def test_replay_knows_no_terminal(path: Path) -> None:
    assert "rich" not in roots(path)
    assert "gas_fusion_ros.live_view" not in {name.rpartition(".")[0] for name in imports(path)}


def test_torch_stays_out_of_the_runtime_on_the_cpu() -> None:
    importing = {
        str(path.relative_to(PACKAGE)) for path in sources(PACKAGE) if roots(path) & {"torch", "torchvision"}
    }
    assert {name for name in importing if not name.startswith("networks/")} == {"inference.py"}
