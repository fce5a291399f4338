"""The self-test finds its leak with the shipped models, and says so where it does not."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from gas_fusion_ros.alarm.settings import AlarmChoice, default_alarm
from gas_fusion_ros.base.observation import Mode
from gas_fusion_ros.base.shipped_files import find_bundle
from gas_fusion_ros.model.answers import Answer
from gas_fusion_ros.model.bundle import Bundle
from gas_fusion_ros.model.runtimes import create_runtime
from gas_fusion_ros.pipeline.self_test import self_test


@pytest.fixture(params=["temporal_fusion", "fusion1"])
def bundle(request: pytest.FixtureRequest) -> Bundle:
    return Bundle.load(find_bundle(request.param))


@pytest.mark.parametrize("gas", ["Mixture", "Smoke"])
def test_shipped_models_find_a_known_leak(bundle: Bundle, gas: str) -> None:
    settings = AlarmChoice((gas,), ()).settings(bundle.alarm)
    result = self_test(bundle, create_runtime(bundle, "cpu"), settings)
    assert result.success, result.message
    assert f"known leak of {gas} was found" in result.message


class Saying:
    """A runtime that always says the same."""

    device, precision, note = "cpu", "float32", ""

    def __init__(self, logits: list[float]) -> None:
        self._logits = np.array(logits, dtype=np.float32)

    def run(self, *_: object) -> Answer:
        return Answer(self._logits)


@pytest.mark.parametrize(
    ("logits", "message"),
    [
        ([0.0, 50.0, 0.0, 0.0], "raised no alarm"),
        ([50.0, 0.0, 0.0, 0.0], "a false alarm came before a known leak of Mixture"),
        ([np.nan, 0.0, 0.0, 0.0], "the model failed on a known leak"),
    ],
)
def test_a_model_that_does_not_find_it_fails(logits: list[float], message: str) -> None:
    bundle = Bundle.load(find_bundle("fusion1"))
    result = self_test(bundle, Saying(logits), default_alarm(bundle.alarm))
    assert not result.success
    assert message in result.message


@pytest.mark.parametrize(
    "changes",
    [{"channels": ("tgs2600",)}, {"networks": {Mode.FUSION: "fusion1"}}],
)
def test_a_model_that_the_known_leaks_do_not_fit_is_not_tested(changes: dict[str, object]) -> None:
    bundle = replace(Bundle.load(find_bundle("fusion1")), **changes)  # type: ignore[arg-type]
    result = self_test(bundle, Saying([0.0] * 4), default_alarm(bundle.alarm))
    assert not result.success
    assert result.message.startswith("not tested")
