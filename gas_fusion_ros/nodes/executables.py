"""The nodes as programs.

They hear signals before the libraries of a node are loaded, which takes seconds on a small computer.
"""

from __future__ import annotations

import os
import signal
from importlib import import_module


def alarm_relay() -> None:
    """Run the relay to the fleet's broker."""
    _run("alarm_relay")


def gas_adapter() -> None:
    """Run the adapter of gas readings."""
    _run("gas_adapter")


def gas_classifier() -> None:
    """Run the classifier."""
    _run("gas_classifier")


def gas_sensor() -> None:
    """Run the gas sensor."""
    _run("gas_sensor")


def leak_mapper() -> None:
    """Run the leak mapper."""
    _run("leak_mapper")


def operator_view() -> None:
    """Run the operator's view."""
    _run("operator_view")


def sim_clock() -> None:
    """Run the simulated clock."""
    _run("sim_clock")


def thermal_camera() -> None:
    """Run the thermal camera."""
    _run("thermal_camera")


def _run(name: str) -> None:
    numbers = (signal.SIGINT, signal.SIGTERM)
    for number in numbers:
        # Nothing is open yet, and an exception in the middle of an import could be lost or misread.
        signal.signal(number, lambda *_: os._exit(0))
    # The launch files let them wait while the interpreter starts.
    signal.pthread_sigmask(signal.SIG_UNBLOCK, numbers)
    import_module(f"gas_fusion_ros.nodes.{name}").main()
