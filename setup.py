"""Builds the package for colcon (ament_python) and for pip."""

from __future__ import annotations

from pathlib import Path

from setuptools import find_packages, setup

PACKAGE = "gas_fusion_ros"
ROOT = Path(__file__).resolve().parent
SHARED = ("config", "deploy", "launch", "models", "urdf")


def shared(folder: str) -> list[tuple[str, list[str]]]:
    """Every file under `folder`, to be installed at the same place in the package's share folder."""
    files = sorted(
        path.relative_to(ROOT)
        for path in (ROOT / folder).rglob("*")
        if path.is_file() and "__pycache__" not in path.parts
    )
    parents = sorted({path.parent for path in files})
    return [
        (f"share/{PACKAGE}/{parent}", [str(path) for path in files if path.parent == parent])
        for parent in parents
    ]


setup(
    name=PACKAGE,
    version="0.1.0",
    description="Pairs MQ gas readings with thermal images and publishes gas class and leak alarms",
    license="Apache-2.0",
    url="https://gas-fusion-ros.example",
    author="gas_fusion_ros maintainers",
    author_email="maintainers@gas-fusion-ros.example",
    maintainer="gas_fusion_ros maintainers",
    maintainer_email="maintainers@gas-fusion-ros.example",
    python_requires=">=3.10",
    packages=find_packages(include=[PACKAGE, f"{PACKAGE}.*"]),
    package_data={
        f"{PACKAGE}.report": ["templates/*"],
        f"{PACKAGE}.simulation": ["*.json"],
        f"{PACKAGE}.watch": ["page/*"],
    },
    data_files=[
        ("share/ament_index/resource_index/packages", [f"resource/{PACKAGE}"]),
        (f"share/{PACKAGE}", ["package.xml"]),
        *(entry for folder in SHARED for entry in shared(folder)),
    ],
    # The dependencies come from rosdep (package.xml) on a robot and from requirements/ without ROS.
    install_requires=["setuptools"],
    extras_require={"test": ["pytest"]},
    zip_safe=False,
    entry_points={
        "console_scripts": [
            f"gas-fusion = {PACKAGE}.__main__:main",
            f"alarm_relay = {PACKAGE}.nodes.executables:alarm_relay",
            f"gas_adapter = {PACKAGE}.nodes.executables:gas_adapter",
            f"gas_classifier = {PACKAGE}.nodes.executables:gas_classifier",
            f"gas_sensor = {PACKAGE}.nodes.executables:gas_sensor",
            f"leak_mapper = {PACKAGE}.nodes.executables:leak_mapper",
            f"operator_view = {PACKAGE}.nodes.executables:operator_view",
            f"sim_clock = {PACKAGE}.nodes.executables:sim_clock",
            f"thermal_camera = {PACKAGE}.nodes.executables:thermal_camera",
        ],
    },
)
