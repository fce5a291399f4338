"""The Dockerfiles copy what is there, and all that the package is built of. Their entrypoint runs.

Nothing here builds them.
"""

from __future__ import annotations

import ast
import json
import os
import re
import subprocess
from collections.abc import Sequence
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
DOCKERFILES = sorted((ROOT / "deploy" / "docker").glob("*.Dockerfile"))
ENTRYPOINT = ROOT / "deploy" / "docker" / "entrypoint.sh"
KNOWN = {"ARG", "CMD", "COPY", "ENTRYPOINT", "ENV", "FROM", "RUN", "SHELL", "VOLUME", "WORKDIR"}

pytestmark = pytest.mark.skipif(not (ROOT / ".dockerignore").exists(), reason="runs from a checkout only")


def instructions(path: Path) -> list[tuple[str, str]]:
    """Each instruction with its arguments."""
    lines = [line for line in path.read_text(encoding="utf-8").splitlines() if not line.startswith("#")]
    whole = "\n".join(lines).replace("\\\n", " ").splitlines()
    return [(word, rest.strip()) for word, _, rest in (line.partition(" ") for line in whole if line)]


def copied(path: Path) -> set[str]:
    """Files and folders of the repository that are copied to the same place of the package's."""
    names: set[str] = set()
    for word, rest in instructions(path):
        if word == "COPY":
            *sources, target = rest.split()
            names |= set(sources)
            for source in sources:
                expected = (
                    "src/gas_fusion_ros/" if (ROOT / source).is_file() else f"src/gas_fusion_ros/{source}"
                )
                assert target == expected
    return names


def installed_folders() -> set[str]:
    """SHARED of setup.py."""
    for statement in ast.parse((ROOT / "setup.py").read_text(encoding="utf-8")).body:
        if isinstance(statement, ast.Assign) and ast.unparse(statement.targets[0]) == "SHARED":
            return set(ast.literal_eval(statement.value))
    raise AssertionError("setup.py has no SHARED")


@pytest.mark.parametrize("path", DOCKERFILES, ids=lambda path: path.stem)
def test_all_that_the_package_is_built_of_is_copied(path: Path) -> None:
    expected = {"LICENSE", "package.xml", "setup.py", "setup.cfg", "resource", "gas_fusion_ros"}
    expected |= installed_folders()
    assert copied(path) == expected
    assert not [name for name in expected if not (ROOT / name).exists()]
    ignored = (ROOT / ".dockerignore").read_text(encoding="utf-8").split()
    assert not expected & set(ignored)


@pytest.mark.parametrize("path", DOCKERFILES, ids=lambda path: path.stem)
def test_instructions_are_dockers_and_lists_are_json(path: Path) -> None:
    for word, rest in instructions(path):
        assert word in KNOWN
        if rest.startswith("["):
            assert all(isinstance(part, str) for part in json.loads(rest))


@pytest.mark.parametrize("path", DOCKERFILES, ids=lambda path: path.stem)
def test_what_is_started_exists(path: Path) -> None:
    (command,) = (json.loads(rest) for word, rest in instructions(path) if word == "CMD")
    assert command[:3] == ["ros2", "launch", "gas_fusion_ros"]
    assert (ROOT / "launch" / command[3]).is_file()
    (volume,) = (rest for word, rest in instructions(path) if word == "VOLUME")
    homes = [rest for word, rest in instructions(path) if word == "ENV" and rest.startswith("ROS_HOME=")]
    assert homes == [f"ROS_HOME={volume}"]


@pytest.mark.parametrize("path", DOCKERFILES, ids=lambda path: path.stem)
def test_the_entrypoint_is_where_it_is_copied_to(path: Path) -> None:
    (entrypoint,) = (json.loads(rest) for word, rest in instructions(path) if word == "ENTRYPOINT")
    (folder,) = (rest for word, rest in instructions(path) if word == "WORKDIR")
    assert entrypoint == ["/bin/bash", f"{folder}/src/gas_fusion_ros/{ENTRYPOINT.relative_to(ROOT)}"]


def run_as_container(
    tmp_path: Path, command: Sequence[str], **variables: str
) -> subprocess.CompletedProcess[str]:
    """Run the entrypoint where `ros2` prints its arguments, and the workspace's set-up finds it."""
    programs = tmp_path / "install"
    programs.mkdir()
    (programs / "ros2").write_text("#!/bin/sh\nprintf '%s\\n' ros2 \"$@\"\n", encoding="utf-8")
    (programs / "ros2").chmod(0o755)
    setup = tmp_path / "setup.bash"
    # As those of ROS do, it reads a variable that is not set.
    setup.write_text(f'_old=$NEVER_SET\nexport PATH="{programs}:$PATH"\n', encoding="utf-8")
    kept = {name: value for name, value in os.environ.items() if not name.startswith("GAS_FUSION")}
    return subprocess.run(
        ["bash", ENTRYPOINT, *command],
        env={**kept, "GAS_FUSION_SETUP": str(setup), **variables},
        capture_output=True,
        text=True,
        check=False,
    )


LAUNCH = ["ros2", "launch", "gas_fusion_ros"]
PIPELINE = [*LAUNCH, "pipeline.launch.py"]
USUAL = "params_file:=/etc/gas_fusion/robot.yaml"


@pytest.mark.parametrize(
    ("command", "variables", "started"),
    [
        (PIPELINE, {}, [*PIPELINE, USUAL]),
        (PIPELINE, {"GAS_FUSION_NAMESPACE": "/"}, [*PIPELINE, USUAL]),
        (PIPELINE, {"GAS_FUSION_NAMESPACE": ""}, [*PIPELINE, USUAL]),
        (PIPELINE, {"GAS_FUSION_NAMESPACE": "/robot1"}, [*PIPELINE, "namespace:=/robot1", USUAL]),
        (PIPELINE, {"GAS_FUSION_PARAMETERS": "/my robot.yaml"}, [*PIPELINE, "params_file:=/my robot.yaml"]),
        (
            [*PIPELINE, "namespace:=own", "params_file:=/own.yaml"],
            {"GAS_FUSION_NAMESPACE": "/robot1", "GAS_FUSION_PARAMETERS": "/robot.yaml"},
            [*PIPELINE, "namespace:=own", "params_file:=/own.yaml"],
        ),
        (
            [*LAUNCH, "demo.launch.py"],
            {"GAS_FUSION_NAMESPACE": "/robot1"},
            [*LAUNCH, "demo.launch.py", "namespace:=/robot1"],
        ),
        (["ros2", "topic", "list"], {"GAS_FUSION_NAMESPACE": "/robot1"}, ["ros2", "topic", "list"]),
    ],
)
def test_a_container_is_named_as_the_services_are(
    tmp_path: Path, command: list[str], variables: dict[str, str], started: list[str]
) -> None:
    done = run_as_container(tmp_path, command, **variables)
    assert (done.returncode, done.stderr) == (0, "")
    assert done.stdout.splitlines() == started


def test_a_container_does_not_drop_arguments_in_silence(tmp_path: Path) -> None:
    done = run_as_container(tmp_path, PIPELINE, GAS_FUSION_ARGUMENTS="-r a:=b")
    assert (done.returncode, done.stdout) == (2, "")
    assert "GAS_FUSION_ARGUMENTS is for single nodes" in done.stderr


def test_the_robots_file_sets_what_a_container_reads() -> None:
    given = (ROOT / "deploy" / "systemd" / "robot.env").read_text(encoding="utf-8")
    read = set(re.findall(r"GAS_FUSION_[A-Z]+", ENTRYPOINT.read_text(encoding="utf-8")))
    assert read == set(re.findall(r"^(GAS_FUSION_[A-Z]+)=", given, re.MULTILINE))


def test_pages_name_dockerfiles_that_exist() -> None:
    pages = [path.read_text(encoding="utf-8") for path in (ROOT / "docs").glob("*.md")]
    named = {name for page in pages for name in re.findall(r"deploy/docker/[\w.]+", page)}
    assert named == {str(path.relative_to(ROOT)) for path in DOCKERFILES}
