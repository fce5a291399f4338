"""The gas branch in numpy: the same numbers as torch's, and what further prototypes change and do not."""

from __future__ import annotations

from dataclasses import replace

import lessons
import numpy as np
import pytest

from gas_fusion_ros.teaching.gas_branch import NOTHING, GasBranch, window_statistics


def some_windows(count: int = 40) -> tuple[np.ndarray, np.ndarray]:
    """Random windows as networks take them, of which some lack channels."""
    rng = np.random.default_rng(3)
    valid = rng.random((count, 1, lessons.CHANNELS)) < 0.8
    valid[:, 0, 0] = True
    gas = rng.normal(0, 1, (count, lessons.WINDOW.readings, lessons.CHANNELS)) * valid
    return gas.astype(np.float32), np.broadcast_to(valid, gas.shape).astype(np.float32)


@pytest.fixture(scope="module")
def branch() -> GasBranch:
    return lessons.known_branch()


def test_statistics_and_answers_are_those_of_torch(branch: GasBranch) -> None:
    torch = pytest.importorskip("torch")
    from gas_fusion_ros.model.networks.shape import Shape
    from gas_fusion_ros.model.networks.window_encoders import PrototypeEncoder

    network = PrototypeEncoder(Shape(4, lessons.CHANNELS, window=lessons.WINDOW.readings), 64, 128)
    state = network.state_dict()
    for name, value in (
        ("prototypes", branch.prototypes),
        ("prior", branch.prior),
        ("statistics.mean", branch.mean),
        ("statistics.deviation", branch.deviation),
    ):
        state[name] = torch.from_numpy(value)
    network.load_state_dict(state)
    gas, valid = some_windows()
    with torch.no_grad():
        raw = network.statistics.raw(torch.from_numpy(gas))
        logits, distances = network(torch.from_numpy(gas), torch.from_numpy(valid))
    np.testing.assert_allclose(window_statistics(gas), raw.numpy(), atol=1e-5)
    answers = branch.answer(gas, valid)
    np.testing.assert_allclose(answers.logits, logits.numpy(), rtol=1e-4, atol=1e-4)
    np.testing.assert_allclose(answers.distances, distances.numpy(), rtol=1e-4, atol=1e-5)


def test_a_class_without_prototypes_says_nothing_and_moves_no_other(branch: GasBranch) -> None:
    windows = some_windows()
    wider = branch.with_classes([0, 1, 2, 3], 1).answer(*windows)
    before = branch.answer(*windows)
    np.testing.assert_allclose(wider.logits[:, :4], before.logits, atol=1e-4)
    assert (wider.logits[:, 4] < NOTHING / 2).all()


def test_further_prototypes_of_one_class_move_no_other(branch: GasBranch) -> None:
    windows = some_windows()
    found = np.random.default_rng(0).normal(0, 1, (30, *branch.prototypes.shape[2:])).astype(np.float32)
    taught = branch.with_prototypes(2, found, np.zeros(30, np.float32))
    assert taught.prototypes.shape[1] > branch.prototypes.shape[1]
    others = [0, 1, 3]
    now, before = taught.answer(*windows).logits, branch.answer(*windows).logits
    # To rounding: a matrix of another width is multiplied in another order.
    np.testing.assert_allclose(now[:, others], before[:, others], rtol=1e-5)
    assert (now[:, 2] >= before[:, 2] - 1e-5 * np.abs(before[:, 2])).all()
    own = taught.answer_statistics(found, np.ones(found.shape[:2], np.float32))
    assert (own.logits.argmax(axis=1) == 2).all()


def test_places_that_stay_empty_bring_nothing_near(branch: GasBranch) -> None:
    windows = some_windows()
    far = np.full((3, *branch.prototypes.shape[2:]), 40.0, np.float32)
    taught = branch.with_classes([0, 1, 2, 3], 1).with_prototypes(4, far, np.zeros(3, np.float32))
    assert (taught.prior[4, 3:] <= NOTHING / 2).all()
    np.testing.assert_allclose(
        taught.answer(*windows).distances, branch.answer(*windows).distances, atol=1e-5
    )


def test_classes_can_be_forgotten(branch: GasBranch) -> None:
    windows = some_windows()
    fewer = branch.with_classes([0, 1, 3], 0)
    np.testing.assert_array_equal(fewer.answer(*windows).logits, branch.answer(*windows).logits[:, [0, 1, 3]])


def test_the_reserve_is_the_prior_of_changing_air(branch: GasBranch) -> None:
    assert branch.reserve == -3
    assert replace(branch, prior=np.zeros_like(branch.prior)).reserve == 0
