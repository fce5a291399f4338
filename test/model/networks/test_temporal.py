"""Encoders of windows and their fusion with a picture, beyond what holds for every windowed network."""

from __future__ import annotations

import pytest

torch = pytest.importorskip("torch")
pytest.importorskip("torchvision")

import numpy as np  # noqa: E402
from hypothesis import given, settings  # noqa: E402
from hypothesis import strategies as st  # noqa: E402

from gas_fusion_ros.model.networks.folding import fold_batch_norm  # noqa: E402
from gas_fusion_ros.model.networks.shape import Shape  # noqa: E402
from gas_fusion_ros.model.networks.temporal import ENCODERS, TemporalFusion, ThermalEncoder, bounded  # noqa: E402
from gas_fusion_ros.model.networks.thermal import PlumeFeatures, ThermalFeatures  # noqa: E402
from gas_fusion_ros.model.networks.window_encoders import (  # noqa: E402
    CLIP,
    STATISTICS,
    PrototypeEncoder,
    WindowStatistics,
    energy,
)

SHAPE = Shape(classes=3, gas_channels=4, image_channels=1, image_size=64, window=6)
NETWORKS: dict[str, TemporalFusion] = {}


def network(encoder: str = "prototypes") -> TemporalFusion:
    """One network of each encoder, with random prototypes; not to be changed."""
    if encoder not in NETWORKS:
        NETWORKS[encoder] = made_network(encoder)
    return NETWORKS[encoder]


def made_network(encoder: str = "prototypes") -> TemporalFusion:
    torch.manual_seed(0)
    made = TemporalFusion(SHAPE, ENCODERS[encoder]).eval()
    for module in made.modules():
        if isinstance(module, PrototypeEncoder):
            torch.nn.init.normal_(module.prototypes)
    return made.requires_grad_(False)


def windows(batch: int = 5, seed: int = 0) -> tuple[torch.Tensor, torch.Tensor]:
    generator = torch.Generator().manual_seed(seed)
    gas = torch.randn(batch, SHAPE.window, SHAPE.gas_channels, generator=generator)
    return gas, torch.ones_like(gas)


def pictures(batch: int = 5, seed: int = 0) -> torch.Tensor:
    return torch.rand(batch, 1, 64, 64, generator=torch.Generator().manual_seed(seed))


@settings(max_examples=25, deadline=None)
@given(
    name=st.sampled_from(sorted(ENCODERS)),
    dead=st.lists(st.integers(0, 3), min_size=1, max_size=3, unique=True),
    scale=st.sampled_from((0.0, 1.0, -1e3, 1e6)),
    older=st.booleans(),
)
def test_dead_channels_have_no_influence_whatever_they_hold(
    name: str, dead: list[int], scale: float, older: bool
) -> None:
    """Nor has it where its older values are valid: only the newest tells whether it lives."""
    encoder = network(name).gas
    gas, valid = windows()
    valid[:, -1 if older else slice(None), dead] = 0
    other = gas.clone()
    other[:, :, dead] = scale * windows(seed=1)[0][:, :, dead]
    for first, second in zip(encoder(gas, valid), encoder(other, valid), strict=True):
        torch.testing.assert_close(first, second, rtol=0, atol=1e-6)


@pytest.mark.parametrize("name", ENCODERS)
def test_a_living_channel_has_influence(name: str) -> None:
    gas, valid = windows()
    encoder = network(name).gas
    for channel in range(SHAPE.gas_channels):
        other = gas.clone()
        other[:, :, channel] += 2
        assert not torch.allclose(encoder(gas, valid)[0], encoder(other, valid)[0], atol=1e-4)


@pytest.mark.parametrize("name", ENCODERS)
def test_one_row_s_answer_does_not_depend_on_the_others(name: str) -> None:
    gas, valid = windows()
    valid[1, :, 2] = 0
    together = network(name).gas(gas, valid)
    for row in range(len(gas)):
        alone = network(name).gas(gas[row : row + 1], valid[row : row + 1])
        for mine, all_of_them in zip(alone, together, strict=True):
            torch.testing.assert_close(mine[0], all_of_them[row], rtol=1e-4, atol=1e-5)


@settings(max_examples=40, deadline=None)
@given(st.integers(3, 45), st.integers(0, 2**31))
def test_all_statistics_are_those_of_numpy(readings: int, seed: int) -> None:
    gas = np.random.default_rng(seed).normal(0, 2, (3, readings, 4)).astype(np.float32)
    raw = WindowStatistics(Shape(gas_channels=4, window=readings)).raw(torch.from_numpy(gas)).numpy()
    step, leap = np.diff(gas, axis=1), gas[:, 2:] - gas[:, :-2]
    last, mean, least, most = gas[:, -1], gas.mean(axis=1), gas.min(axis=1), gas.max(axis=1)
    slope = np.polynomial.polynomial.polyfit(
        np.arange(readings), gas.transpose(1, 0, 2).reshape(readings, -1).astype(np.float64), 1
    )[1].reshape(3, 4)
    expected = [
        last, last - mean, gas.std(axis=1), last - least, most - last, slope * readings,
        step.min(axis=1), step.max(axis=1), np.abs(step).mean(axis=1), leap.min(axis=1), leap.max(axis=1),
        mean, gas[:, 0], *np.quantile(gas, (0.2, 0.5, 0.8), axis=1),
    ]  # fmt: skip
    assert len(expected) == STATISTICS
    for place, values in enumerate(expected):
        np.testing.assert_allclose(raw[:, :, place], values, rtol=1e-3, atol=2e-3)


def test_fitted_statistics_are_standardised_and_clipped() -> None:
    statistics = WindowStatistics(SHAPE)
    gas, valid = windows(batch=200)
    gas[:, :, 3] = 7.0
    statistics.fit(gas)
    standardised = (statistics.raw(gas) - statistics.mean) / statistics.deviation
    torch.testing.assert_close(standardised.mean(dim=0), torch.zeros(4, STATISTICS), rtol=0, atol=1e-3)
    torch.testing.assert_close(
        standardised[:, :3].std(dim=0, correction=0), torch.ones(3, STATISTICS), rtol=0, atol=1e-3
    )
    assert statistics(1e4 * gas, valid).abs().max() == CLIP
    assert torch.isfinite(statistics(gas, valid)).all()


def test_distances_run_over_living_channels_and_are_scaled_up() -> None:
    encoder = network().gas
    statistics = torch.randn(5, 4, STATISTICS, generator=torch.Generator().manual_seed(0))
    living = torch.tensor([[1, 1, 1, 1], [1, 0, 1, 1], [0, 0, 1, 0], [0, 1, 1, 0], [0, 0, 0, 0]]).float()
    distances = encoder.distances(statistics * living[:, :, None], living)
    apart = (statistics[:, None, None] - encoder.prototypes).square().sum(dim=4)
    expected = (apart * living[:, None, None]).sum(dim=3)
    expected *= 4 / living.sum(dim=1).clamp(min=1)[:, None, None]
    torch.testing.assert_close(distances, expected, rtol=1e-4, atol=1e-3)


def test_a_window_at_a_prototype_is_at_no_distance_and_of_its_class() -> None:
    encoder = made_network().gas
    gas, valid = windows(1)
    encoder.prototypes[2, 5] = encoder.statistics(gas, valid)[0]
    logits, distance = encoder(gas, valid)
    assert logits.argmax(dim=1).item() == 2
    assert distance.item() == pytest.approx(0, abs=1e-5)


def test_a_blend_is_the_mean_of_both_probabilities() -> None:
    blend = network("blend").gas
    gas, valid = windows()
    near, distance = blend.prototypes(gas, valid)
    learned, _ = blend.perceptron(gas, valid)
    logits, told = blend(gas, valid)
    mean = (near.softmax(dim=1) + learned.softmax(dim=1)) / 2
    torch.testing.assert_close(logits.softmax(dim=1), mean, rtol=1e-4, atol=1e-6)
    torch.testing.assert_close(told, distance)


def test_energy_is_low_where_a_class_speaks_up() -> None:
    calm, loud = energy(torch.tensor([[0.0, 0.0, 0.0], [9.0, 0.0, 0.0]]))
    assert loud < calm


def test_a_picture_s_distance_is_to_the_nearest_class() -> None:
    torch.manual_seed(0)
    encoder = ThermalEncoder(SHAPE).eval().requires_grad_(False)
    image = pictures(3)
    embedded = encoder.embedding(encoder.features(image))
    encoder.centres[1] = embedded[2] + 2
    encoder.centres[0] = embedded[2] + 9
    encoder.deviation.fill_(4)
    assert encoder(image)[1][2].item() == pytest.approx(min(0.25, embedded[2].square().mean() / 16), rel=1e-4)


@settings(max_examples=12, deadline=None)
@given(st.lists(st.tuples(st.booleans(), st.booleans()), min_size=2, max_size=4), st.integers(0, 99))
def test_what_is_missing_adds_nothing_and_evidence_adds_up(has: list[tuple[bool, bool]], seed: int) -> None:
    fusion = made_network()
    fusion.temperatures.copy_(torch.tensor([2.0, 3.0]))
    fusion.limits.copy_(torch.tensor([0.5, 1e9]))
    gas, valid = windows(len(has), seed)
    image = pictures(len(has), seed)
    has_gas = torch.tensor([[reading] for reading, _ in has]).float()
    has_image = torch.tensor([[picture] for _, picture in has]).float()
    valid = valid * has_gas[:, :, None]
    logits, novelty, alone = fusion(gas * has_gas[:, :, None], valid, image, has_image)
    # Whatever stands in for what is missing.
    wild_gas = torch.where(has_gas[:, :, None] > 0, gas, 40 * gas + 3)
    wild_image = torch.where(has_image[:, :, None, None] > 0, image, 1 - image)
    wild, *_ = fusion(wild_gas, valid, wild_image, has_image)
    torch.testing.assert_close(logits, wild, rtol=1e-4, atol=1e-5)
    near, distance = fusion.gas(gas, torch.ones_like(gas))
    shown, strangeness = fusion.thermal(image)
    readings = has_gas * (near / 2).log_softmax(dim=1)
    torch.testing.assert_close(alone, readings, rtol=1e-4, atol=1e-4)
    joint = readings + has_image * (shown / 3).log_softmax(dim=1)
    torch.testing.assert_close(logits, joint, rtol=1e-4, atol=1e-4)
    expected = torch.where(has_gas[:, 0] > 0, distance / 0.5, strangeness / 1e9)
    torch.testing.assert_close(novelty, expected, rtol=1e-3, atol=1e-9)


def test_a_picture_alone_beyond_the_limit_is_used_and_novel() -> None:
    fusion = made_network()
    fusion.limits[1] = 1e-9
    gas, valid = windows()
    logits, novelty, _ = fusion(0 * gas, 0 * valid, pictures(), torch.ones(5, 1))
    assert (novelty > 1).all()
    assert logits.abs().max() > 0


@settings(max_examples=30, deadline=None)
@given(
    reliability=st.floats(0.0, 0.99),
    loudness=st.sampled_from((0.0, 1.0, 30.0, 1e4)),
    temperature=st.sampled_from((0.1, 1.0, 5.0)),
    seed=st.integers(0, 99),
)
def test_a_picture_moves_no_log_odds_by_more_than_its_reliability_allows(
    reliability: float, loudness: float, temperature: float, seed: int
) -> None:
    fusion = made_network()
    fusion.thermal.classes.weight.mul_(loudness)
    fusion.temperatures[1] = temperature
    fusion.limits[1] = 1e9
    fusion.reliability.fill_(reliability)
    gas, valid = windows(seed=seed)
    logits, _, alone = fusion(gas, valid, pictures(seed=seed), torch.ones(5, 1))
    shift = logits - alone
    classes = SHAPE.classes
    most = torch.tensor(1 + classes * reliability / (1 - reliability)).log()
    assert (shift.amax(dim=1) - shift.amin(dim=1)).max() <= most + 1e-3
    assert torch.isfinite(logits).all()


@settings(max_examples=20, deadline=None)
@given(st.lists(st.floats(-30, 30, width=32), min_size=2, max_size=5), st.floats(0, 0.99))
def test_bounded_evidence_is_that_of_an_observer_who_is_at_times_wrong(
    values: list[float], reliability: float
) -> None:
    evidence = torch.tensor([values]).log_softmax(dim=1)
    held = bounded(evidence, torch.tensor(reliability)).exp()
    expected = reliability * evidence.exp() + (1 - reliability) / len(values)
    torch.testing.assert_close(held, expected.clamp(min=1e-30), rtol=1e-4, atol=1e-7)
    torch.testing.assert_close(bounded(evidence, torch.tensor(1.0)), evidence, rtol=1e-4, atol=1e-4)


@pytest.mark.parametrize("silence", ["novel", "unsure"])
def test_a_picture_that_says_nothing_leaves_the_readings_own_answer(silence: str) -> None:
    fusion = made_network()
    if silence == "novel":
        fusion.limits[1] = 1e-9
    else:
        fusion.least_sure.fill_(1.1)
    gas, valid = windows()
    with_it = fusion(gas, valid, pictures(), torch.ones(5, 1))
    without = fusion(gas, valid, pictures(), torch.zeros(5, 1))
    for one, other in zip(with_it, without, strict=True):
        assert torch.equal(one, other)


@pytest.mark.parametrize("folded", [False, True])
def test_weights_of_gasnet_without_a_bound_load_and_are_taken_at_their_word(folded: bool) -> None:
    torch.manual_seed(0)
    earlier = made_network()
    earlier.thermal.features = ThermalFeatures(1).eval()
    earlier.thermal.embedding[0] = torch.nn.Linear(256, 128)
    earlier.requires_grad_(False)
    if folded:
        fold_batch_norm(earlier)
    weights = earlier.state_dict()
    for name in ("reliability", "least_sure"):
        del weights[name]
    loaded = TemporalFusion(SHAPE, ENCODERS["prototypes"]).eval()
    if folded:
        fold_batch_norm(loaded)
    loaded.load_state_dict(weights)
    gas, valid = windows()
    inputs = (gas, valid, pictures(), torch.ones(5, 1))
    for one, other in zip(earlier(*inputs), loaded(*inputs), strict=True):
        torch.testing.assert_close(one, other, rtol=1e-5, atol=1e-5)
    assert (loaded.reliability.item(), loaded.least_sure.item()) == (1.0, 0.0)


def test_a_faint_plume_beside_something_hot_is_as_plain_as_before_a_wall() -> None:
    faint = 0.3 + 0.1 * torch.rand(1, 1, 64, 64, generator=torch.Generator().manual_seed(0))
    faint[..., 20:40] -= 0.1
    hot = faint.clone()
    hot[..., :8, :8] = 1.0
    features = PlumeFeatures(1)
    apart, beside = (features.normalised(one)[0, 1] for one in (faint, hot))
    torch.testing.assert_close(apart[12:], beside[12:])
    torch.testing.assert_close(features.normalised(0.5 * faint)[0, 1], apart, rtol=0, atol=0.25)
