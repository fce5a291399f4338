"""What is declared and installed fits what the code uses."""

from __future__ import annotations

import ast
import configparser
import shutil
import subprocess
import sys
import zipfile
from importlib import metadata
from importlib.util import find_spec
from pathlib import Path
from xml.etree import ElementTree

import pytest
import yaml
from checkout_scripts import load_script

ROOT = Path(__file__).parents[1]
PACKAGE = "gas_fusion_ros"
# Modules whose rosdep key is not their own name.
ROSDEP_KEYS = {
    "PIL": "python3-pil",
    "cv2": "python3-opencv",
    "jinja2": "python3-jinja2",
    "matplotlib": "python3-matplotlib",
    "numpy": "python3-numpy",
    "onnxruntime": "python3-onnxruntime-pip",
    "rich": "python3-rich",
    "rosbags": "python3-rosbags-pip",
    "serial": "python3-serial",
    "smbus2": "python3-smbus2-pip",
    "torch": "python3-torch",
    "torchvision": "python3-torchvision",
    "tornado": "python3-tornado",
    "typer": "python3-typer",
    "yaml": "python3-yaml",
}
WITHOUT_ROSDEP_KEY = {"onnx", "safetensors"}
# The decompressors that rosbags depends on, one or the other by its version.
COMES_WITH_ROSBAGS = {"backports", "compression", "lz4", "zstandard"}
# Only an option of a command, one driver or one node needs it, and says what to install where it is missing.
OPTIONAL = {"distributed", "joblib", "paho", "pyarrow", "spidev"}
# The commands that launch files and people start: nothing imports them.
STARTED = {"ros2bag", "ros2launch", "ros2run", "rosbag2_storage_mcap"}
ASKED_FOR_TORCH = "$GAS_FUSION_TORCH == 1"
SPECS = load_script("write_parameter_docs").SPECS


def imported_modules(path: Path) -> set[str]:
    """The top-level modules that a file imports, also those inside functions."""
    modules: set[str] = set()
    for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
        if isinstance(node, ast.Import):
            modules |= {alias.name.partition(".")[0] for alias in node.names}
        elif isinstance(node, ast.ImportFrom) and node.module and not node.level:
            modules.add(node.module.partition(".")[0])
    return modules


def package_xml() -> ElementTree.Element:
    return ElementTree.parse(ROOT / "package.xml").getroot()


@pytest.fixture(scope="module")
def wheel(tmp_path_factory: pytest.TempPathFactory) -> zipfile.ZipFile:
    """The wheel that pip builds, from a copy, so that the checkout stays as it is."""
    if find_spec("pip") is None:
        pytest.skip("pip is not installed")
    setuptools = tuple(int(part) for part in metadata.version("setuptools").split(".")[:2])
    if setuptools < (70, 1) and find_spec("wheel") is None:
        pytest.skip("wheel is not installed, and setuptools is older than 70.1")
    folder = tmp_path_factory.mktemp("wheel")
    source = folder / "source"
    ignore = shutil.ignore_patterns(
        ".*", "__pycache__", "build", "install", "log", "output", "runs", "*.egg-info"
    )
    shutil.copytree(ROOT, source, ignore=ignore)
    command = [sys.executable, "-m", "pip", "wheel", "--no-deps", "--no-build-isolation", "-w", str(folder)]
    result = subprocess.run([*command, str(source)], capture_output=True, text=True, check=False)
    assert result.returncode == 0, result.stdout + result.stderr
    (path,) = folder.glob("*.whl")
    return zipfile.ZipFile(path)


def test_every_import_is_declared() -> None:
    files = [*(ROOT / PACKAGE).rglob("*.py"), *(ROOT / "launch").glob("*.py")]
    used = set().union(*(imported_modules(file) for file in files))
    used -= set(sys.stdlib_module_names) | WITHOUT_ROSDEP_KEY | COMES_WITH_ROSBAGS | OPTIONAL | {PACKAGE}
    declared = {element.text for element in package_xml().findall("exec_depend")}
    needed = {ROSDEP_KEYS.get(module, module) for module in used}
    assert needed <= declared
    assert declared <= needed | STARTED


def test_torch_is_installed_only_where_it_is_asked_for() -> None:
    conditions = {element.text: element.get("condition") for element in package_xml().findall("exec_depend")}
    asked = {name for name, condition in conditions.items() if condition is not None}
    assert asked == {"python3-torch", "python3-torchvision"}
    assert {conditions[name] for name in asked} == {ASKED_FOR_TORCH}


def test_package_xml_says_whose_it_is_and_where() -> None:
    root = package_xml()
    assert root.findtext("author")
    assert {element.get("type") for element in root.findall("url")} == {"website", "repository", "bugtracker"}


def test_wheel_has_the_version_of_package_xml(wheel: zipfile.ZipFile) -> None:
    version = package_xml().findtext("version")
    assert any(name.startswith(f"{PACKAGE}-{version}.dist-info/") for name in wheel.namelist())


def test_wheel_carries_every_shared_file(wheel: zipfile.ZipFile) -> None:
    names = {name.partition(".data/data/")[2] for name in wheel.namelist()}
    files = [
        path.relative_to(ROOT)
        for folder in ("config", "deploy", "launch", "models", "urdf")
        for path in (ROOT / folder).rglob("*")
        if path.is_file() and "__pycache__" not in path.parts
    ]
    assert {path.parts[0] for path in files} == {"config", "deploy", "launch", "models", "urdf"}
    assert {f"share/{PACKAGE}/{path}" for path in files} <= names
    assert f"share/ament_index/resource_index/packages/{PACKAGE}" in names
    assert f"share/{PACKAGE}/package.xml" in names


def test_wheel_carries_every_module_statistic_and_template(wheel: zipfile.ZipFile) -> None:
    suffixes = (".py", ".json", ".jinja", ".css", ".html")
    sources = [path for path in (ROOT / PACKAGE).rglob("*") if path.suffix in suffixes]
    assert {str(path.relative_to(ROOT)) for path in sources} <= set(wheel.namelist())


def test_every_command_leads_to_a_function(wheel: zipfile.ZipFile) -> None:
    (path,) = (name for name in wheel.namelist() if name.endswith("entry_points.txt"))
    commands = configparser.ConfigParser()
    commands.read_string(wheel.read(path).decode())
    assert set(commands["console_scripts"]) == {"gas-fusion", *SPECS}
    for target in commands["console_scripts"].values():
        module, _, function = target.partition(":")
        source = (ROOT / Path(*module.split("."))).with_suffix(".py").read_text(encoding="utf-8")
        functions = {node.name for node in ast.parse(source).body if isinstance(node, ast.FunctionDef)}
        assert function in functions, target


@pytest.mark.parametrize(
    "path",
    sorted([*(ROOT / "config").glob("*.yaml"), *(ROOT / "config" / "robots").glob("*.yaml")]),
    ids=lambda path: path.stem,
)
def test_parameter_files_fit_the_parameter_tables(path: Path) -> None:
    for key, content in yaml.safe_load(path.read_text(encoding="utf-8")).items():
        specs = {spec.name: spec for spec in SPECS[key.removeprefix("/**/")]}
        for name, value in content["ros__parameters"].items():
            spec = specs[name]
            assert type(value) is type(spec.default), f"{key} {name}"
            assert spec.refusal(value) is None
            if isinstance(value, float):
                assert (spec.minimum or 0.0) <= value
                assert spec.maximum is None or value <= spec.maximum
