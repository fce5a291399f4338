"""The layering is the design: who may import whom."""

from __future__ import annotations

import ast
import re
from collections.abc import Iterator
from graphlib import TopologicalSorter
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]
PACKAGE = ROOT / "gas_fusion_ros"
TRAINING = ROOT / "training"

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
MAY_IMPORT_ROS = {"nodes", "ros", "demo"}
FILE_ACCESS = {"io", "os", "pathlib", "shutil", "tempfile", "json", "yaml", "cv2"}

# From the top floor down; a room uses only what stands on its own floor or below, and no two in a circle.
FLOORS = (
    ("cli", "commands"),
    ("demo",),
    ("nodes", "inspection", "export", "report", "evaluation", "watch", "teaching", "survey"),
    ("pipeline", "view", "truth", "bags"),
    ("ros", "pairing", "alarm", "fleet", "drivers", "simulation", "model", "array", "mapping", "site"),
    ("settings", "base"),
)
# From the bottom up; each uses only what stands before it. Files beside them and each room's __main__ are
# commands: nobody uses them, and they may use every room.
TRAINING_ROOMS = (
    "data",
    "variations",
    "scoring",
    "results",
    "fitting",
    "command_line",
    "pictures",
    "export",
    "temporal",
    "report",
    "transfer",
    "benchmark",
    "reproduce",
    "published",
)
OFFLINE = {"inspection", "export", "report", "evaluation", "watch", "teaching", "survey", "truth", "bags"}


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


def room(path: Path, package: Path = PACKAGE) -> str:
    """The folder right below the package that a file is in, or the file's own name."""
    return path.relative_to(package).parts[0].removesuffix(".py")


def used_rooms(path: Path, package: Path = PACKAGE) -> set[str]:
    return {name.split(".")[1] for name in imports(path) if name.startswith(f"{package.name}.")}


def floor(name: str) -> int:
    return next(index for index, names in enumerate(FLOORS) if name in names)


# The package's own two files stand beside the floors; `floor` knows no such name, so nobody uses them.
IN_ROOMS = [path for path in sources(PACKAGE) if room(path) not in ("__init__", "__main__")]


def test_the_house_rules_show_the_floors() -> None:
    rules = (ROOT / "CONTRIBUTING.md").read_text(encoding="utf-8")
    shown = [tuple(line.split()[1:]) for line in rules.splitlines() if re.match(r" +[1-6]  ", line)]
    assert shown == list(FLOORS)


@pytest.mark.parametrize("path", IN_ROOMS, ids=lambda path: str(path.relative_to(PACKAGE)))
def test_only_some_rooms_import_ros(path: Path) -> None:
    if room(path) not in MAY_IMPORT_ROS:
        assert not roots(path) & ROS


@pytest.mark.parametrize("path", IN_ROOMS, ids=lambda path: str(path.relative_to(PACKAGE)))
def test_no_file_uses_what_stands_above_it(path: Path) -> None:
    own = floor(room(path))
    assert not {name for name in used_rooms(path) if floor(name) < own}


def test_no_rooms_use_one_another_in_a_circle() -> None:
    uses: dict[str, set[str]] = {}
    for path in IN_ROOMS:
        uses.setdefault(room(path), set()).update(used_rooms(path) - {room(path)})
    TopologicalSorter(uses).prepare()  # raises CycleError, which names the circle


@pytest.mark.parametrize("path", sources(PACKAGE / "nodes"), ids=lambda path: path.name)
def test_nodes_use_nothing_that_is_for_recordings(path: Path) -> None:
    assert not used_rooms(path) & OFFLINE


@pytest.mark.parametrize(
    "path",
    [
        *sources(PACKAGE / "model" / "networks"),
        *(PACKAGE / "alarm" / name for name in ("leak_alarm.py", "types.py", "clock.py", "settings.py")),
    ],
    ids=lambda path: str(path.relative_to(PACKAGE)),
)
def test_networks_and_alarm_touch_no_files(path: Path) -> None:
    assert not roots(path) & (FILE_ACCESS | ROS)


@pytest.mark.parametrize("path", sources(TRAINING), ids=lambda path: str(path.relative_to(TRAINING)))
def test_training_knows_no_nodes(path: Path) -> None:
    assert not any(name.startswith("gas_fusion_ros.nodes") for name in imports(path))


@pytest.mark.parametrize("path", sources(TRAINING), ids=lambda path: str(path.relative_to(TRAINING)))
def test_rooms_of_training_use_only_those_below(path: Path) -> None:
    name = room(path, TRAINING)
    if path.parent != TRAINING and path.name != "__main__.py":
        assert used_rooms(path, TRAINING) <= set(TRAINING_ROOMS[: TRAINING_ROOMS.index(name) + 1])
    else:
        assert used_rooms(path, TRAINING) <= set(TRAINING_ROOMS)


@pytest.mark.parametrize("path", sources(TRAINING), ids=lambda path: str(path.relative_to(TRAINING)))
def test_nobody_uses_a_command_of_training(path: Path) -> None:
    commands = {file.stem for file in TRAINING.glob("*.py")} - {"__init__"}
    assert not used_rooms(path, TRAINING) & commands
    assert not any("__main__" in name.split(".") for name in imports(path))


def test_the_house_rules_show_the_rooms_of_training() -> None:
    rules = (ROOT / "CONTRIBUTING.md").read_text(encoding="utf-8")
    assert " < ".join(TRAINING_ROOMS) in " ".join(rules.split())


@pytest.mark.parametrize("path", IN_ROOMS, ids=lambda path: str(path.relative_to(PACKAGE)))
def test_only_commands_and_demo_know_the_terminal(path: Path) -> None:
    if room(path) not in ("cli", "commands", "demo"):
        assert "rich" not in roots(path)


def test_one_file_knows_the_client_of_the_broker() -> None:
    naming = [path for path in sources(PACKAGE) if "paho" in path.read_text(encoding="utf-8")]
    importing = [str(path.relative_to(PACKAGE)) for path in naming if "paho" in roots(path)]
    assert importing == ["fleet/connection.py"]


def test_torch_stays_out_of_the_runtime_on_the_cpu() -> None:
    importing = {
        str(path.relative_to(PACKAGE)) for path in sources(PACKAGE) if roots(path) & {"torch", "torchvision"}
    }
    assert {name for name in importing if not name.startswith("model/networks/")} == {"model/runtimes.py"}
