"""Writes a bundle's model card."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

from gas_fusion_ros.base.observation import Mode
from gas_fusion_ros.model.bundle import MANIFEST, WEIGHTS, Bundle, Domain, Precision, onnx_files
from gas_fusion_ros.model.thermal import Preparation
from training.data.dataset_check import PUBLISHED_SHA256
from training.data.images import Thermal
from training.data.splits import RANDOM
from training.results.run_result import RUN

RUNTIME = "runtime, CPU, 1 thread"
"""The entry of a bundle's metrics that holds times and differences."""
AS_STORED = "as stored"
"""What was measured is the network with folded batch normalisation and rounded weights."""
AS_TRAINED = "as trained"
"""What was measured is the network before that."""

_TEMPLATE = """\
# {name}

{summary}

| file | network | used for |
|---|---|---|
{files}
| `{weights}` | {all_networks}, for torch | CUDA without ONNX Runtime's CUDA provider |

Classes: {classes}. Channels, {domain}: {channels}.

## Trained on
{sources}
- Rows: {protocol}, seed {seed}.
- Batch normalisation is folded where a layer's own weights can take it, and weights are stored in half
  precision.

| mode | run | rows: training, validation, test | epochs, best | hyperparameters | code version |
|---|---|---|---|---|---|
{runs}

Made by

    {command}

## Measured
| protocol | mode | accuracy | macro F1 | samples | network |
|---|---|---|---|---|---|
{results}

{notes}

Runtime on one CPU thread (of the machine that exported it), batch 1, ONNX Runtime, the fastest run; largest
differences of a logit on random inputs:

| mode | forward, ms | ONNX Runtime to torch | as stored to as trained | inputs |
|---|---|---|---|---|
{runtime}
{int8}
## Use
Probabilities are calibrated by a temperature per mode, fitted on validation: {temperature}.

{advice}

Not for safety-critical use: cheap sensors, one laboratory, few gases. {shifts}

## Licence
{licence}
"""

_DOMAINS = {
    Domain.COUNTS: "in ADC counts",
    Domain.LOG_RATIO: "as ln(Rs/R0) of the array, calibrated in clean air",
}
_SHIFTS = {
    Domain.COUNTS: "Sensors of another array, other load\nresistors or another room temperature shift the "
    "readings.",
    Domain.LOG_RATIO: "Another array must be\ncalibrated in its own clean air, and anew as that drifts or "
    "the circuit changes.",
}
_INPUTS = {
    Mode.FUSION: "a reading and a thermal picture",
    Mode.GAS_ONLY: "a reading alone",
    Mode.THERMAL_ONLY: "a thermal picture alone",
}
_PREPARATIONS = {
    Preparation.FIELD: "one float field, hot is 1; overlay cropped and palette inverted where there is one",
    Preparation.CROPPED: "in colour, the app's overlay cropped, as in the paper",
    Preparation.ORIGINAL: "in colour, uncropped",
}
_DATASET = "MultimodalGasData (Narkhede et al. 2022, doi 10.17632/zkwgkjkjn9, CC BY 4.0)"


def write_card(bundle: Bundle) -> None:
    """Write README.md into the bundle's folder, from what bundle.json holds."""
    trained = bundle.trained_on
    text = _TEMPLATE.format(
        name=bundle.name,
        summary=_summary(bundle),
        files="\n".join(_files(bundle)),
        weights=WEIGHTS,
        all_networks="all" if len(bundle.networks) > 1 else "the same",
        classes=", ".join(bundle.classes),
        domain=_DOMAINS[bundle.domain],
        channels=", ".join(bundle.channels),
        sources="\n".join(_sources(bundle)),
        protocol=trained["protocol"],
        seed=trained["seed"],
        runs="\n".join(_runs(trained["runs"])),
        command=trained["command"],
        results="\n".join(_results(bundle.metrics)),
        notes="\n".join(_notes(bundle)),
        runtime="\n".join(_runtime(bundle.metrics[RUNTIME])),
        int8="\n".join(_int8(bundle)),
        temperature=_listed({mode.value: value for mode, value in bundle.temperatures.items()}),
        advice="\n".join(_advice(bundle)),
        shifts=_SHIFTS[bundle.domain],
        licence=_licence(trained),
    )
    (bundle.path / "README.md").write_text(text, encoding="utf-8")


def _is_published(trained: Mapping[str, Any]) -> bool:
    return trained["readings_sha256"] == PUBLISHED_SHA256


def _summary(bundle: Bundle) -> str:
    runs = bundle.trained_on["runs"]
    return (
        "Gas class from "
        + ", ".join(f"{_INPUTS[mode]} ({runs[mode.value]['title']})" for mode in bundle.networks)
        + "."
    )


def _files(bundle: Bundle) -> Iterator[str]:
    files = onnx_files(bundle.networks, bundle.window.readings)
    for mode, architecture in bundle.networks.items():
        run = bundle.trained_on["runs"][mode.value]
        size = f"{run['parameters']:,} parameters"
        if run["macs"]:
            size += f", {run['macs'] / 1e6:,.2f} million multiplications"
        network = f"{run['title']} (`{architecture}`): {size}"
        yield f"| `{files[mode]}` | {network} | `{mode.value}`: {_INPUTS[mode]} |"
    if bundle.int8 is not None:
        in_int8 = onnx_files(bundle.networks, bundle.window.readings, Precision.INT8)
        for name in dict.fromkeys(in_int8.values()):
            yield f"| `{name}` | the same, convolutions in eight bits | `precision: int8` |"


def _sources(bundle: Bundle) -> Iterator[str]:
    trained = bundle.trained_on
    sha256 = f"sha256 `{trained['readings_sha256']}`"
    if _is_published(trained):
        yield f"- **Gas readings: real.** `{trained['readings']}` of {_DATASET}, {sha256}."
    else:
        # They may as well be of a simulated patrol.
        yield f"- **Gas readings: not the published ones.** `{trained['readings']}`, {sha256}."
    yield from _origins(trained["runs"])
    if bundle.preparation is None:
        yield "- Thermal pictures: none."
        return
    if trained["thermal"] == Thermal.RENDERED.value:
        yield (
            "- **Thermal pictures: rendered**, not real: each reading goes with frames that "
            "`gas_fusion_ros.simulation.renderer` draws for its class. **Nothing here says how the model "
            "does on real thermal images.**"
        )
    elif _is_published(trained):
        yield "- **Thermal pictures: the files beside the published readings**, the one of each."
    else:
        yield "- **Thermal pictures: files beside the readings**, the one of each."
    yield (
        f"- Pictures are prepared as `{bundle.preparation.value}`, {bundle.image_size}x{bundle.image_size}: "
        f"{_PREPARATIONS[bundle.preparation]}."
    )


def _origins(runs: Mapping[str, Any]) -> Iterator[str]:
    """Say what each network was fine-tuned from, where it was."""
    for mode, run in runs.items():
        # The runs of windowed bundles are always trained anew.
        origin = run.get("fine_tuned_from")
        if origin is None:
            continue
        # Bundles of earlier versions were fine-tuned from bundles alone.
        if origin.get("kind") == RUN:
            yield (
                f"- Fine-tuned: the network for `{mode}` began with the weights of the run "
                f"`{origin['bundle']}`, sha256 `{origin['sha256']}`."
            )
            continue
        new = {"classes": origin["new_classes"], "channels": origin["new_channels"]}
        fresh = "; ".join(f"new {kind}: {', '.join(names)}" for kind, names in new.items() if names)
        yield (
            f"- Fine-tuned: the network for `{mode}` began with {origin['weights']:.1%} of its weights from "
            f"`{origin['network']}` of the bundle `{origin['bundle']}`, whose manifest has the sha256 "
            f"`{origin['sha256']}`" + (f" ({fresh})." if fresh else ".")
        )


def _runs(runs: Mapping[str, Any]) -> Iterator[str]:
    """A row for each run, with the modes that it made the network of."""
    distinct: list[Any] = []
    for run in runs.values():
        if run not in distinct:
            distinct.append(run)
    for run in distinct:
        modes = ", ".join(f"`{mode}`" for mode, made_by in runs.items() if made_by == run)
        rows = ", ".join(str(run["rows"][part]) for part in ("train", "validation", "test"))
        branches = f" (of {', '.join(run['branches'])})" if run["branches"] else ""
        yield (
            f"| {modes} | {run['run']}{branches} | {rows} | {run['epochs']}, {run['best_epoch']} "
            f"| {_hyperparameters(run['hyperparameters'])} | `{run['code_version']}` |"
        )


def _notes(bundle: Bundle) -> Iterator[str]:
    trained = bundle.trained_on
    if trained["split"]["name"] == RANDOM:
        yield (
            "- A random split flatters: rows are in time order, so a test row's neighbours are in training; "
            "held out as whole blocks, the published readings take a 1D CNN down to about 0.87 on average."
        )
    if trained["thermal"] == Thermal.RENDERED.value:
        yield "- Figures with pictures measure how well the networks read the renderer's assumptions."
    if bundle.preparation is Preparation.ORIGINAL:
        yield (
            "- The uncropped pictures carry text that differs by class: figures with pictures do not measure "
            "how well gas is recognised."
        )
    if AS_TRAINED in {scores["network"] for _, _, scores in _scores(bundle.metrics)}:
        yield (
            f"- '{AS_TRAINED}': measured before weights were rounded to half precision; the table of "
            "differences says how far that moves a logit."
        )
    yield "- Confusion matrices are in `bundle.json`."


def _licence(trained: Mapping[str, Any]) -> str:
    if _is_published(trained):
        return (
            "Weights: Apache-2.0, like the package; made from CC BY 4.0 data that must be credited as above."
        )
    owners = "That of whoever owns the data. The package itself is Apache-2.0."
    begun = [run["fine_tuned_from"] for run in trained["runs"].values() if run.get("fine_tuned_from")]
    origins = [origin for origin in begun if origin.get("kind") != RUN]
    if not origins:
        return owners
    names = ", ".join(sorted({f"`{origin['bundle']}`" for origin in origins}))
    return f"{owners} What the licence of {names} asks for holds too: the weights began with its weights."


def _advice(bundle: Bundle) -> Iterator[str]:
    """Yield a row for each profile of the alarm; what was not measured is left out."""
    yield "| advice for the alarm | raise | clear | false in an hour of clean air | missed | delay |"
    yield "|---|---|---|---|---|---|"
    for name, advice in bundle.profiles.items():
        yield _alarm_row(f"`{name}`", advice.to_json())
    curve = bundle.trained_on.get("alarm_curve", [])
    if curve:
        yield "\nWhat any setting of the alarm reaches, by gas alone, on the rows that its folds hold out:\n"
        yield "| | raise | clear | false in an hour of clean air | missed | delay |"
        yield "|---|---|---|---|---|---|"
    for point in curve:
        yield _alarm_row("", point)


def _alarm_row(name: str, advice: Mapping[str, float | None]) -> str:
    figures = (
        _figure(advice["false_alarms_per_hour"], "{:.1f}"),
        _figure(advice["missed"], "{:.1%}"),
        _figure(advice["delay_s"], "{:g} s"),
    )
    return (
        f"| {name} | {advice['on_threshold']:g} for {advice['on_delay_s']:g} s | below "
        f"{advice['off_threshold']:g} for {advice['off_delay_s']:g} s | {' | '.join(figures)} |"
    )


def _figure(value: float | None, form: str) -> str:
    return "-" if value is None else form.format(value)


def _hyperparameters(values: Mapping[str, Any]) -> str:
    """List them; groups within a group, of a hundred settings and more, are named alone."""
    parts = []
    for name, value in _given(values).items():
        if not isinstance(value, Mapping):
            parts.append(f"{name}: {value}")
            continue
        plain = {key: each for key, each in value.items() if not isinstance(each, Mapping)}
        groups = [key for key, each in value.items() if isinstance(each, Mapping)]
        elsewhere = f"; {', '.join(groups)}: in `{MANIFEST}`" if groups else ""
        parts.append(f"{name}: {_listed(_given(plain)).replace('; ', ', ')}{elsewhere}")
    return "; ".join(parts)


def _given(values: Mapping[str, Any]) -> dict[str, Any]:
    return {name: value for name, value in values.items() if value is not None}


def _listed(values: Mapping[str, Any]) -> str:
    return "; ".join(f"{name}: {value}" for name, value in values.items())


def _scores(metrics: Mapping[str, Any]) -> Iterator[tuple[str, str, Mapping[str, Any]]]:
    for protocol, modes in metrics.items():
        if protocol != RUNTIME:
            for mode, scores in modes.items():
                yield protocol, mode, scores


def _results(metrics: Mapping[str, Any]) -> Iterator[str]:
    for protocol, mode, scores in _scores(metrics):
        yield (
            f"| {protocol} | `{mode}` | {scores['accuracy']:.4f} | {scores['macro_f1']:.4f} "
            f"| {scores['samples']} | {scores['network']} |"
        )


def _runtime(measured: Mapping[str, Any]) -> Iterator[str]:
    for mode, values in measured.items():
        yield (
            f"| `{mode}` | {values['forward_ms']} | {values['onnx_torch_max_difference']:.1e} "
            f"| {values['stored_trained_max_difference']:.1e} | {values['inputs']} |"
        )


def _int8(bundle: Bundle) -> Iterator[str]:
    """Yield what is known of the networks in eight bits; nothing where there are none."""
    if bundle.int8 is None:
        return
    verdict = "takes them where the CPU is faster in them" if bundle.int8.admissible else "does not take them"
    yield f"""
## In eight bits
All convolutions but the first, per channel; readings alone are answered as in float32. `precision: auto`
{verdict}: it goes by what training left out, and by patrols.

| measured on | shown | accuracy, float32 / int8 | ECE | leak recall | clean air called gas | samples |
|---|---|---|---|---|---|---|"""
    alarms = []
    for where, figures in bundle.int8.measured.items():
        if set(figures) == {precision.value for precision in Precision}:
            alarms += list(_alarms(where, figures))
            continue
        for shown, pair in figures.items():
            cells = " | ".join(
                " / ".join(_figure(pair[precision.value][name], "{:.4f}") for precision in Precision)
                for name in ("accuracy", "ece", "leak_recall", "clean_called_gas")
            )
            yield f"| {where} | `{shown}` | {cells} | {pair[Precision.FLOAT32.value]['samples']} |"
    yield from ("", *alarms, "")


def _alarms(where: str, heard: Mapping[str, Any]) -> Iterator[str]:
    for precision, figures in heard.items():
        delays = [delay for delay in figures["delays_s"] if delay is not None]
        yield (
            f"- {where}, {precision}: of {figures['leaks']} leaks {figures['missed']} missed, "
            f"{figures['false']} false alarms, {figures['misnamed']} under another gas; "
            f"{sum(delays) / max(len(delays), 1):.2f} s to an alarm on average."
        )
