"""What robots tell, for tests of what shows it."""

from __future__ import annotations

import threading

import numpy as np

from gas_fusion_ros.alarm.types import AlarmState, AlarmStatus, Severity, StandingAlarm
from gas_fusion_ros.base.leak_places import LeakPlace
from gas_fusion_ros.base.observation import GasReading, Mode, RobotPose, ThermalFrame
from gas_fusion_ros.ros.classifier_messages import Classification
from gas_fusion_ros.watch.watched import Watched

SECOND = 1_000_000_000
ALARM = StandingAlarm(
    7, "Smoke", Severity.CRITICAL, AlarmState.ACTIVE, 90 * SECOND, 0.9, RobotPose(4.0, -2.0)
)
CLEAR = AlarmStatus(AlarmState.CLEAR, 0)
LEAK = AlarmStatus(AlarmState.CLEAR, 0, (ALARM,))


class Clock:
    """A clock that stands until it is moved."""

    def __init__(self) -> None:
        self.now_s = 100.0

    def __call__(self) -> float:
        return self.now_s


class SilentOperator:
    """Keeps what it is told.

    Attributes:
        told: command and number, one after the other.
        refusal: what it answers.
    """

    def __init__(self) -> None:
        self.told: list[tuple[str, int]] = []
        self.refusal = ""

    def acknowledge(self, number: int) -> str:
        self.told.append(("acknowledge", number))
        return self.refusal

    def shelve(self, number: int) -> str:
        self.told.append(("shelve", number))
        return self.refusal


def reading(second: float, *counts: float) -> GasReading:
    names = tuple(f"mq{number}" for number in range(len(counts)))
    return GasReading(round(second * SECOND), names, np.array(counts, dtype=np.float32))


def said(leak_probability: float, second: float = 90.0) -> Classification:
    shares = {"NoGas": 1 - leak_probability, "Smoke": leak_probability}
    return Classification(
        round(second * SECOND), max(shares, key=lambda name: shares[name]), shares, Mode.FUSION, 1.0
    )


def speak(watched: Watched, standing: AlarmStatus) -> None:
    """Let the alarm say what stands, as it does every second."""
    watched.hear_standing(standing)
    watched.hear_alarm(standing.state is not AlarmState.CLEAR)


def walk(watched: Watched) -> None:
    """Let a robot walk ten metres into gas, with all that it tells on the way."""
    for metre in range(11):
        watched.hear_pose(RobotPose(float(metre), 0.0))
        watched.hear_reading(reading(90.0 + metre, 500.0 + metre, 300.0))
        watched.hear_classification(said(metre / 10, 90.0 + metre))
    watched.hear_leak(LeakPlace(9.0, 1.0, 1.0, 0.0, 0.5, "map"))
    watched.hear_frame(
        ThermalFrame(100 * SECOND, np.linspace(10, 30, 192).reshape(12, 16).astype(np.float32), "32FC1")
    )


class TalkingRobot:
    """An alarm that says again and again what stands, until it is silenced.

    Attributes:
        standing: what it says.
    """

    def __init__(self, watched: Watched, standing: AlarmStatus) -> None:
        self.standing = standing
        self._watched = watched
        self._ending = threading.Event()
        self._thread = threading.Thread(target=self._talk)
        self._thread.start()

    def silence(self) -> None:
        self._ending.set()
        self._thread.join()

    def _talk(self) -> None:
        while not self._ending.is_set():
            speak(self._watched, self.standing)
            self._ending.wait(0.1)
