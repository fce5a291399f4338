"""A taught network: ONNX, torch and numpy say the same, and pictures say nothing of what was taught."""

from __future__ import annotations

import lessons
import numpy as np
import pytest

from gas_fusion_ros.base.observation import Mode
from gas_fusion_ros.model.bundle import Bundle
from gas_fusion_ros.model.runtimes import OnnxRuntime, Runtime, TorchRuntime
from gas_fusion_ros.teaching.taught_network import TaughtNetworkError, check_taught, read_network

SMOKE = 3


@pytest.fixture(scope="module")
def four(tmp_path_factory: pytest.TempPathFactory) -> Bundle:
    return lessons.write_prototype_bundle(tmp_path_factory.mktemp("networks") / "four")


@pytest.fixture(scope="module")
def five(four: Bundle) -> Bundle:
    return lessons.taught(four, four.path.parent / "five", {"Methane": 90}).bundle


def answers(runtime: Runtime, inputs: list[dict[str, np.ndarray]]) -> np.ndarray:
    return np.stack([runtime.run(Mode.FUSION, one).logits for one in inputs])


def some_inputs(bundle: Bundle, with_gas: bool, with_picture: bool) -> list[dict[str, np.ndarray]]:
    rng = np.random.default_rng(5)
    inputs = []
    for _ in range(20):
        one = {
            name: rng.random((1, *shape), dtype=np.float32)
            for name, shape in bundle.inputs(Mode.FUSION).items()
        }
        one["valid"][:] = with_gas
        one["has_image"][:] = with_picture
        inputs.append(one)
    return inputs


@pytest.mark.parametrize(("with_gas", "with_picture"), [(True, True), (True, False), (False, True)])
def test_torch_and_onnx_hold_the_same_numbers(five: Bundle, with_gas: bool, with_picture: bool) -> None:
    inputs = some_inputs(five, with_gas, with_picture)
    onnx, torch = answers(OnnxRuntime(five), inputs), answers(TorchRuntime(five, "cpu"), inputs)
    np.testing.assert_allclose(onnx, torch, rtol=1e-4, atol=1e-4)


def test_a_picture_alone_never_says_a_taught_gas(five: Bundle) -> None:
    probabilities = np.exp(answers(OnnxRuntime(five), some_inputs(five, False, True)))
    np.testing.assert_allclose(probabilities[:, 4], 0.2, atol=1e-5)
    assert (probabilities.argmax(axis=1) != 4).all()


def test_a_picture_weighs_the_others_as_before(four: Bundle, five: Bundle) -> None:
    before, after = (answers(OnnxRuntime(one), some_inputs(one, False, True)) for one in (four, five))
    np.testing.assert_allclose(after[:, :4] - before, np.log(4 / 5), atol=1e-4)


def test_the_surest_picture_moves_a_taught_gas_by_the_number_of_classes_at_most(five: Bundle) -> None:
    with_picture, without = (
        answers(OnnxRuntime(five), some_inputs(five, True, shown)) for shown in (True, False)
    )
    moved = with_picture - without
    lead = moved[:, 4] - moved[:, :4].max(axis=1)
    assert (lead >= -np.log(4) - 1e-4).all()
    assert (lead <= 1e-4).all()


def test_teaching_twice_and_forgetting_leave_one_network(four: Bundle, five: Bundle) -> None:
    six = lessons.taught(five, four.path.parent / "six", {"Butane": 90}, ("Perfume",)).bundle
    assert six.classes == ("Mixture", "NoGas", "Smoke", "Methane", "Butane")
    network = read_network(six)
    assert network.seen == 3
    inputs = some_inputs(six, True, True)
    np.testing.assert_allclose(
        answers(OnnxRuntime(six), inputs), answers(TorchRuntime(six, "cpu"), inputs), rtol=1e-4, atol=1e-4
    )
    names = [node.name for node in network.model.graph.node if node.name.startswith("unseen.")]
    assert len(names) == len(set(names)) == 6


def test_grad_cam_still_splits_it(five: Bundle) -> None:
    from gas_fusion_ros.model.split_network import SplitNetwork

    (inputs,) = some_inputs(five, True, True)[:1]
    split = SplitNetwork(five.path / "model.onnx")
    np.testing.assert_allclose(
        split.back(split.front(inputs)), OnnxRuntime(five).run(Mode.FUSION, inputs).logits, atol=1e-3
    )


def test_a_network_that_does_not_hold_what_was_taught_is_refused(four: Bundle) -> None:
    old = read_network(four)
    branch = old.branch.with_prototypes(
        SMOKE, np.ones((200, *old.branch.prototypes.shape[2:]), np.float32), np.zeros(200, np.float32)
    )
    network = old.taught(branch, [0, 1, 2, 3])
    assert check_taught(four, network, old, [0, 1, 2, 3]) <= 1e-4
    (prior,) = [one for one in network.model.graph.initializer if one.name == "gas.prior"]
    prior.raw_data = bytes(len(prior.raw_data))
    with pytest.raises(TaughtNetworkError, match="from what was taught"):
        check_taught(four, network, old, [0, 1, 2, 3])


def test_a_model_of_another_form_is_refused(four: Bundle) -> None:
    old = read_network(four)
    (weights,) = [one for one in old.model.graph.initializer if one.name == "gas.prior"]
    weights.name = "another"
    with pytest.raises(TaughtNetworkError, match=r"no weights gas\.prior"):
        old.taught(old.branch, [0, 1, 2, 3])


def test_models_of_counts_cannot_be_taught() -> None:
    from gas_fusion_ros.base.shipped_files import find_bundle

    with pytest.raises(TaughtNetworkError, match="cannot be taught; that takes temporal_prototypes or"):
        read_network(Bundle.load(find_bundle("fusion1")))
