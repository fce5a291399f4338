"""Writes a bundle's model card."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from gas_fusion_ros.inference import Bundle
from gas_fusion_ros.observation import Mode

_TEMPLATE = """\
# {name}

Gas class from one reading of seven MQ sensors and one thermal picture: Fusion I of Ahn, Kim, Kim (2023),
and the two networks it is made of, each alone.

| file | network | used for |
|---|---|---|
| `model.onnx` | Fusion I: 2304 + 384 features, 2 fully connected layers | `fusion`: reading and picture |
| `gas_only.onnx` | 1D CNN: 384 features, 3 fully connected layers | `gas_only`: a reading alone |
| `thermal_only.onnx` | GasNet: 2304 features, 3 fully connected layers | `thermal_only`: a picture alone |
| `weights.safetensors` | all three, for torch | CUDA without ONNX Runtime's CUDA provider |

Classes: {classes}. Channels, in ADC counts (10 bit): {channels}.

## Trained on
- **Gas readings: real.** `{readings}` of MultimodalGasData (Narkhede et al. 2022,
  doi 10.17632/zkwgkjkjn9, CC BY 4.0), sha256 `{sha256}`.
- **Thermal pictures: rendered**, not real: each reading goes with frames that
  `gas_fusion_ros.simulation.renderer` draws for its class. In about one gas scene of ten the plume is out of
  view, in another one it is faint. **Nothing here says how the model does on real thermal images.**
- Split: random, stratified by class: {train} rows for training, {validation} for validation, {test} for test.
- The fusion network starts from the features of the two networks trained alone; it is trained first with the
  thermal features held, then jointly, as in the paper (which does not say how its own starts). A stage whose
  best epoch is 0 made validation no better, so the weights from before it were kept.
- Batch normalisation is folded and weights are stored in half precision; the figures below are those of the
  files as they are.
- Code version `{code_version}`; best epochs: {best_epochs}. Made by

      {command}

## Measured
| protocol | mode | accuracy | macro F1 | samples |
|---|---|---|---|---|
{results}

- A random split flatters: the rows are in time order, a sample every 2 s, so a test row's neighbours stand
  in training. Held out as whole blocks, a 1D CNN like this one falls to about 0.89 on average.
- "Training rows included" says that replaying the data set works, not that the model generalises.
- Thermal figures measure how well the networks read the renderer's assumptions.
- Where the plume is out of view only gas rows count, so NoGas enters macro F1 as 0: read the accuracy there.
- Confusion matrices are in `bundle.json`.

Runtime on one CPU thread (of the machine that trained it), batch 1, ONNX Runtime, fastest of {runs} runs:

| mode | forward, ms | largest difference of a logit to torch |
|---|---|---|
{runtime}

## Use
Probabilities are calibrated by a temperature per mode, fitted on validation: {temperature}.
Advice for the alarm, from clean validation readings: raise at a leak probability of {on}, clear below {off}.

Not for safety-critical use: seven cheap sensors, one laboratory, two gases and their mixture. Sensors of
another array, other load resistors or another room temperature shift the readings.

## Licence
Weights: Apache-2.0, like the package; made from CC BY 4.0 data that must be credited as above.
"""

RUNTIME = "runtime, CPU, 1 thread"
"""The entry of a bundle's metrics that holds times and differences."""
RUNS = 300
"""Forward passes per mode, of which the fastest counts."""


def write_card(bundle: Bundle) -> None:
    """Write README.md into the bundle's folder, from what bundle.json holds."""
    trained = bundle.trained_on
    text = _TEMPLATE.format(
        name=bundle.name,
        classes=", ".join(bundle.classes),
        channels=", ".join(bundle.channels),
        readings=trained["readings"],
        sha256=trained["readings_sha256"],
        **trained["rows"],
        code_version=trained["code_version"],
        best_epochs=_listed(trained["best_epochs"]),
        command=trained["command"],
        results="\n".join(_results(bundle.metrics)),
        runtime="\n".join(_runtime(bundle.metrics[RUNTIME])),
        temperature=_listed({mode.value: value for mode, value in bundle.temperatures.items()}),
        runs=RUNS,
        on=bundle.thresholds.on,
        off=bundle.thresholds.off,
    )
    (bundle.path / "README.md").write_text(text, encoding="utf-8")


def _listed(values: Mapping[str, Any]) -> str:
    return "; ".join(f"{name}: {value}" for name, value in values.items())


def _results(metrics: Mapping[str, Any]) -> list[str]:
    return [
        f"| {protocol} | `{mode}` "
        f"| {values['accuracy']:.4f} | {values['macro_f1']:.4f} | {values['samples']} |"
        for protocol, modes in metrics.items()
        if protocol != RUNTIME
        for mode, values in modes.items()
    ]


def _runtime(measured: Mapping[str, Any]) -> list[str]:
    return [
        f"| `{mode.value}` | {measured[mode.value]['forward_ms']} | "
        f"{measured[mode.value]['onnx_torch_max_difference']:.1e} |"
        for mode in Mode
    ]
