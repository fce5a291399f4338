"""Makes trained runs a bundle: `python -m training.export RUN --output DIR`. See docs/bundle.md.

The bundle has the mode of RUN; `--gas-only` and `--thermal-only` add further runs' networks for when a
sensor is silent.
"""

from __future__ import annotations

import copy
import json
import os
import shutil
import time
import warnings
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import asdict
from functools import partial
from pathlib import Path
from typing import Annotated, Any

import numpy as np
import numpy.typing as npt
import onnx
import onnxruntime as ort
import torch
import typer
from onnx import numpy_helper
from rich.console import Console
from safetensors.torch import save
from torch import nn

from gas_fusion_ros.base.observation import Mode
from gas_fusion_ros.model.bundle import (
    FORMAT_VERSION,
    MANIFEST,
    ONNX_FILES,
    WEIGHTS,
    Bundle,
    bundle_files,
    file_sha256,
    onnx_files,
    window_to_json,
)
from gas_fusion_ros.model.networks.folding import fold_batch_norm
from gas_fusion_ros.model.networks.shape import Shape
from gas_fusion_ros.model.runtimes import OnnxRuntime, load_networks
from gas_fusion_ros.model.window import WindowSettings
from training import options
from training.calibration import advise_thresholds, clean_leaks, fit_temperature
from training.card import AS_STORED, AS_TRAINED, RUNTIME, write_card
from training.images import Thermal
from training.scores import score
from training.trained import TrainedRun, load_inputs, load_run

CONSOLE = Console()
OPSET = 18
TOLERANCE = 1e-4
"""How far a logit of ONNX Runtime may be from torch's."""
INPUTS = 1000
"""Random inputs on which they are compared."""
RUNS = 300
"""Forward passes at most, of which the fastest counts ..."""
RUN_SECONDS = 10.0
"""... and how long they may take together."""

_IR_VERSION = 8
"""The oldest that carries opset 18, so that ONNX Runtime 1.14 and newer read it."""
_SMALL = 1024
"""Tensors with fewer values stay in float32: they weigh nothing."""
_BATCH = 20
_SHARED = ("classes", "channels", "normalisation", "split", "seed", "data_file", "data_sha256")
_SHARED_BY_PICTURES = ("image_size", "preparation", "thermal")

Tensors = dict[str, torch.Tensor]
Draw = Callable[[int, torch.Generator], Tensors]
"""Makes so many random inputs of a network, by the names of its ONNX inputs, in its order."""


class ExportError(ValueError):
    """Runs cannot become a bundle; the message names the run or field."""


def deployed(network: nn.Module) -> nn.Module:
    """Bring a trained network into the form that is shipped, in place.

    Batch normalisation is folded and the weights are rounded to half precision (kept in float32),
    so what is measured afterwards is measured on the shipped files' numbers.
    """
    fold_batch_norm(network.eval())
    with torch.no_grad():
        for tensor in network.state_dict().values():
            tensor.copy_(_halved(tensor))
    return network


def write_weights(folder: Path, networks: Mapping[Mode, nn.Module], shape: Shape) -> None:
    """Write the deployed networks' ONNX files and the safetensors file into `folder`.

    Args:
        folder: made where it is missing.
        networks: as `deployed` leaves them.
        shape: what they are sized by.
    """
    folder.mkdir(parents=True, exist_ok=True)
    write_tensors(folder, {mode.value: network for mode, network in networks.items()})
    for mode, network in networks.items():
        examples = _random_inputs(mode, shape, 2, torch.Generator().manual_seed(0))
        onnx.save(to_onnx(network, examples, ["logits"]), folder / ONNX_FILES[mode])


def write_tensors(folder: Path, networks: Mapping[str, nn.Module]) -> None:
    """Write the deployed networks' safetensors file into `folder`, each one's weights with its prefix."""
    tensors = {
        f"{prefix}.{name}": _halved(tensor)
        for prefix, network in networks.items()
        for name, tensor in network.state_dict().items()
    }
    (folder / WEIGHTS).write_bytes(save(tensors))


def write_manifest(folder: Path, content: Mapping[str, Any]) -> None:
    """Write bundle.json: `content`, the format's version and the sha256 of the files in `folder`."""
    modes = [Mode(name) for name in content["networks"]]
    names = bundle_files(modes, content["window"]["readings"])
    manifest = {
        "format_version": FORMAT_VERSION,
        **content,
        "files": {name: file_sha256(folder / name) for name in names},
    }
    (folder / MANIFEST).write_text(json.dumps(manifest, indent=2) + "\n", encoding="utf-8")


def check_agreement(runs: Mapping[Mode, TrainedRun]) -> None:
    """Refuse runs that one bundle cannot hold.

    Raises:
        ExportError: they differ in a field that they must share; the message names it.
    """
    _check_shared(list(runs.values()), _SHARED)
    _check_shared([run for mode, run in runs.items() if mode is not Mode.GAS_ONLY], _SHARED_BY_PICTURES)


def _check_shared(runs: Sequence[TrainedRun], fields: Sequence[str]) -> None:
    for run in runs[1:]:
        for field in fields:
            first, other = getattr(runs[0].result, field), getattr(run.result, field)
            if first != other:
                raise ExportError(
                    f"{field} of {run.result.run} is {other}, of {runs[0].result.run} {first}: the runs of a "
                    "bundle must have the same"
                )


def export(
    runs: Mapping[Mode, TrainedRun],
    output: Path,
    name: str,
    command: str,
    data: Path | None,
    inputs: int = INPUTS,
) -> Bundle:
    """Write a bundle, whole or not at all.

    Args:
        runs: the run of each mode that the bundle is to have.
        output: its folder; must not exist or be empty.
        name: the model's name.
        command: what made it, for the card.
        data: folder of the data set: the networks are tested anew, in the form that is shipped. Without it
            the metrics are the runs', measured before the weights were rounded.
        inputs: random inputs on which ONNX Runtime is compared with torch.

    Raises:
        ExportError: the runs do not agree, `output` cannot be written, or ONNX Runtime's logits are further
            than `TOLERANCE` from torch's.
        DatasetError: the data set cannot be read.
        RunError: the data set is not the runs'.
    """
    check_agreement(runs)
    ordered = {mode: runs[mode] for mode in Mode if mode in runs}
    networks = {mode: deployed(copy.deepcopy(run.network)) for mode, run in ordered.items()}
    content = _content(ordered, networks, name, command, data)
    with whole(output) as folder:
        write_weights(folder, networks, _shape(ordered))
        write_manifest(folder, content)
        runtime = measure_runtime(Bundle.load(folder), ordered, inputs)
        check_difference(runtime)
        write_manifest(folder, {**content, "metrics": {**content["metrics"], RUNTIME: runtime}})
        write_card(Bundle.load(folder))
    return Bundle.load(output)


@contextmanager
def whole(output: Path) -> Iterator[Path]:
    """Give a folder beside `output` that takes its place at the end, and leaves nothing on an error."""
    draft = output.parent / f".{output.name}.part{os.getpid()}"
    try:
        if output.exists() and (not output.is_dir() or any(output.iterdir())):
            raise ExportError(f"{output} exists; a bundle needs a new or empty folder")
        draft.mkdir(parents=True)
        yield draft
        os.replace(draft, output)
    except OSError as error:
        raise ExportError(f"{output} cannot be written: {error}") from error
    finally:
        shutil.rmtree(draft, ignore_errors=True)


def _shape(runs: Mapping[Mode, TrainedRun]) -> Shape:
    """What all networks are sized by: the picture's side and channels are 0 only where there is none."""
    return max((run.shape for run in runs.values()), key=lambda shape: shape.image_size)


def _content(
    runs: Mapping[Mode, TrainedRun],
    networks: Mapping[Mode, nn.Module],
    name: str,
    command: str,
    data: Path | None,
) -> dict[str, Any]:
    """Return the manifest's fields, the measured runtime aside."""
    result = next(iter(runs.values())).result
    shape = _shape(runs)
    temperatures = {
        mode: fit_temperature(run.validation.logits, run.validation.labels) for mode, run in runs.items()
    }
    pictures = [run for mode, run in runs.items() if mode is not Mode.GAS_ONLY]
    return {
        "name": name,
        "networks": {mode.value: run.result.architecture for mode, run in runs.items()},
        "classes": list(result.classes),
        "channels": list(result.channels),
        "window": window_to_json(WindowSettings(1)),
        "preparation": pictures[0].result.preparation if pictures else None,
        "image_size": shape.image_size,
        "image_channels": shape.image_channels,
        "normalisation": dict(result.normalisation),
        "temperature": {mode.value: temperature for mode, temperature in temperatures.items()},
        "alarm": advise_thresholds(_clean_leaks(runs, temperatures)).to_json(),
        "novelty": None,
        "trained_on": {
            "readings": result.data_file,
            "readings_sha256": result.data_sha256,
            "thermal": pictures[0].result.thermal if pictures else Thermal.NONE.value,
            "split": asdict(result.split),
            "protocol": result.split.protocol,
            "seed": result.seed,
            "runs": {mode.value: _provenance(run) for mode, run in runs.items()},
            "command": command,
        },
        "metrics": _metrics(runs, networks, data),
    }


def _provenance(run: TrainedRun) -> dict[str, Any]:
    names = (
        "run",
        "model",
        "title",
        "rows",
        "unusable_images",
        "parameters",
        "macs",
        "epochs",
        "best_epoch",
        "hyperparameters",
        "branches",
        "code_version",
    )
    origin = run.result.fine_tuned_from
    return {
        **{name: getattr(run.result, name) for name in names},
        "fine_tuned_from": None if origin is None else asdict(origin),
    }


def _clean_leaks(
    runs: Mapping[Mode, TrainedRun], temperatures: Mapping[Mode, float]
) -> npt.NDArray[np.float32]:
    """Return the clean validation rows' leak probabilities, of the networks that see the readings.

    The network for pictures alone counts only where there is no other: it speaks while the array is silent.
    """
    seeing = set(runs) - {Mode.THERMAL_ONLY}
    counting = seeing or set(runs)
    return np.concatenate(
        [
            clean_leaks(
                runs[mode].validation.logits / temperatures[mode],
                runs[mode].validation.labels,
                runs[mode].result.classes,
            )
            for mode in counting
        ]
    )


def _metrics(
    runs: Mapping[Mode, TrainedRun], networks: Mapping[Mode, nn.Module], data: Path | None
) -> dict[str, Any]:
    """Return each network's scores on test under its protocol's name."""
    metrics: dict[str, Any] = {}
    for mode, run in runs.items():
        result = run.result
        if data is None:
            logits, measured = run.test.logits, AS_TRAINED
        else:
            rows = load_inputs(result, data, run.test.rows.tolist())
            logits, measured = rows.logits(networks[mode]), AS_STORED
        rendered = ", rendered thermal" if result.thermal == Thermal.RENDERED.value else ""
        protocol = f"{result.split.protocol}, seed {result.seed}{rendered}"
        scores = {**asdict(score(logits, run.test.labels)), "samples": len(logits)}
        metrics.setdefault(protocol, {})[mode.value] = {**scores, "network": measured}
    return metrics


def measure_runtime(bundle: Bundle, runs: Mapping[Mode, TrainedRun], inputs: int) -> dict[str, Any]:
    """Compare ONNX Runtime with torch on random inputs, and time it at batch 1 with one thread.

    The inputs are normalised counts of a normal distribution and pictures of uniform noise.

    Returns:
        By mode: the largest difference of a logit between ONNX Runtime and torch, and between the network
        as stored and as trained; the number of inputs; and the shortest forward time in ms: the one that
        other programs on the machine disturb least.
    """
    runtime = OnnxRuntime(bundle, threads=1)
    measured = {}
    for mode, network in load_networks(bundle).items():
        draw = partial(_random_inputs, mode, runs[mode].shape)
        measured[mode.value] = measure_network(
            bundle, runtime, mode, network, runs[mode].network, draw, inputs
        )
    return measured


def measure_network(
    bundle: Bundle,
    runtime: OnnxRuntime,
    mode: Mode,
    stored: nn.Module,
    trained: nn.Module,
    draw: Draw,
    inputs: int,
) -> dict[str, Any]:
    """Compare one network's forms on random inputs, and time it at batch 1.

    Args:
        bundle: whose network it is.
        runtime: of the bundle, with one thread.
        mode: which network.
        stored: as stored, in torch.
        trained: as trained, in torch.
        draw: makes random inputs.
        inputs: how many are compared.

    Returns:
        What `measure_runtime` holds of a mode.
    """
    path = bundle.path / onnx_files(bundle.networks, bundle.window.readings)[mode]
    onnx_torch, rounding = _differences(path, stored, trained, draw, inputs)
    return {
        "onnx_torch_max_difference": onnx_torch,
        "stored_trained_max_difference": rounding,
        "inputs": inputs,
        "forward_ms": round(_fastest_ms(mode, runtime, draw), 3),
    }


def _differences(
    path: Path, stored: nn.Module, trained: nn.Module, draw: Draw, inputs: int
) -> tuple[float, float]:
    """Return the largest difference of a logit: ONNX Runtime to torch, and as stored to as trained."""
    session = ort.InferenceSession(str(path), providers=["CPUExecutionProvider"])
    generator = torch.Generator().manual_seed(0)
    pairs = []
    for start in range(0, inputs, _BATCH):
        values = draw(min(_BATCH, inputs - start), generator)
        (logits,) = session.run(["logits"], {name: value.numpy() for name, value in values.items()})
        with torch.inference_mode():
            expected, before = (_logits(network(*values.values())) for network in (stored, trained))
        differences = torch.from_numpy(logits) - expected, expected - before
        pairs.append(torch.stack([difference.abs().max() for difference in differences]))
    # The maximum of tensors is NaN where one of them is: no difference is lost.
    onnx_torch, rounding = torch.stack(pairs).max(dim=0).values.tolist()
    return onnx_torch, rounding


def _logits(answer: torch.Tensor | tuple[torch.Tensor, ...]) -> torch.Tensor:
    """Return the first of a network's outputs."""
    return answer[0] if isinstance(answer, tuple) else answer


def check_difference(runtime: Mapping[str, Any]) -> None:
    """Refuse a bundle whose runtimes differ.

    Raises:
        ExportError: a logit of ONNX Runtime is further than `TOLERANCE` from torch's.
    """
    for mode, measured in runtime.items():
        difference = measured["onnx_torch_max_difference"]
        if not difference <= TOLERANCE:
            raise ExportError(
                f"{mode}: a logit of ONNX Runtime is {difference:.1e} from torch's on {measured['inputs']} "
                f"random inputs; at most {TOLERANCE:.0e} is right"
            )


def _halved(tensor: torch.Tensor) -> torch.Tensor:
    # Contiguous: the training leaves convolutions in channels_last.
    tensor = tensor.detach().contiguous()
    large = tensor.is_floating_point() and tensor.numel() >= _SMALL
    return tensor.half() if large else tensor.clone()


def _random_inputs(mode: Mode, shape: Shape, batch: int, generator: torch.Generator) -> Tensors:
    """Return a mode's random inputs by the names of its ONNX inputs, in its order."""
    side = shape.image_size
    inputs = {}
    if mode is not Mode.THERMAL_ONLY:
        inputs["gas"] = torch.randn(batch, shape.gas_channels, generator=generator)
    if mode is not Mode.GAS_ONLY:
        inputs["image"] = torch.rand(batch, shape.image_channels, side, side, generator=generator)
    return inputs


def to_onnx(network: nn.Module, examples: Tensors, outputs: Sequence[str]) -> onnx.ModelProto:
    """Return a deployed network as ONNX, in the form that is shipped: without notes, large weights halved.

    Args:
        network: as `deployed` leaves it.
        examples: its inputs by name, in its order, with a batch of 2: the exporter takes a batch of 1 for a
            constant.
        outputs: their names, in its order.
    """
    batch = torch.export.Dim("batch")
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        program = torch.onnx.export(
            network,
            tuple(examples.values()),
            input_names=list(examples),
            output_names=list(outputs),
            dynamic_shapes=tuple({0: batch} for _ in examples),
            opset_version=OPSET,
            dynamo=True,
            verbose=False,
        )
    assert program is not None
    model = program.model_proto
    _strip(model)
    _halve_initialisers(model)
    model.ir_version = _IR_VERSION
    onnx.checker.check_model(model, full_check=True)
    return model


def _strip(model: onnx.ModelProto) -> None:
    """Remove the exporter's notes: they hold stack traces with the paths of this machine."""
    graph = model.graph
    for holder in (model, graph, *graph.node, *graph.initializer, *graph.input, *graph.output):
        holder.ClearField("metadata_props")
        holder.ClearField("doc_string")
    del graph.value_info[:]


def _halve_initialisers(model: onnx.ModelProto) -> None:
    """Store large weights in half precision, each behind a Cast that ONNX Runtime folds on loading."""
    casts = []
    for initialiser in model.graph.initializer:
        values = numpy_helper.to_array(initialiser)
        if values.dtype != np.float32 or values.size < _SMALL:
            continue
        name = initialiser.name
        initialiser.CopyFrom(numpy_helper.from_array(values.astype(np.float16), f"{name}.half"))
        casts.append(onnx.helper.make_node("Cast", [f"{name}.half"], [name], to=onnx.TensorProto.FLOAT))
    nodes = [*casts, *model.graph.node]
    del model.graph.node[:]
    model.graph.node.extend(nodes)


def _fastest_ms(mode: Mode, runtime: OnnxRuntime, draw: Draw) -> float:
    inputs = {name: tensor.numpy() for name, tensor in draw(1, torch.Generator().manual_seed(0)).items()}
    times: list[float] = []
    while len(times) < RUNS and sum(times) < 1e3 * RUN_SECONDS:
        start = time.perf_counter()
        runtime.run(mode, inputs)
        times.append(1e3 * (time.perf_counter() - start))
    return min(times)


def load_runs(run: Path, gas_only: Path | None, thermal_only: Path | None) -> dict[Mode, TrainedRun]:
    """Read the runs of a bundle.

    Raises:
        ExportError: a run is not of the modality that it is given for, or two are of the same.
        ResultError: a folder holds no finished run.
        RunError: a run has no network, or a file is missing or does not fit.
    """
    first = load_run(run)
    runs = {first.mode: first}
    for mode, option, folder in (
        (Mode.GAS_ONLY, "--gas-only", gas_only),
        (Mode.THERMAL_ONLY, "--thermal-only", thermal_only),
    ):
        if folder is None:
            continue
        further = load_run(folder)
        if further.mode is not mode:
            raise ExportError(f"{option} {folder}: the run's modality is {further.mode.value}")
        if mode in runs:
            raise ExportError(f"{option} {folder}: {run} is of the modality {mode.value} already")
        runs[mode] = further
    return runs


def _command(run: Path, gas_only: Path | None, thermal_only: Path | None, tested: bool, name: str) -> str:
    """Return what makes the bundle again, with the runs' names in place of this machine's paths."""
    further = {"--gas-only": gas_only, "--thermal-only": thermal_only}
    parts = [run.resolve().name]
    parts += [f"{option} {folder.resolve().name}" for option, folder in further.items() if folder is not None]
    parts += ["--data DIR"] if tested else []
    return f"python -m training.export {' '.join(parts)} --output DIR --name {name}"


def main(
    run: Annotated[Path, typer.Argument(help="Folder of a finished run, as `training.train` leaves it.")],
    output: Annotated[Path, typer.Option(help="New or empty folder for the bundle.")],
    gas_only: Annotated[
        Path | None, typer.Option(help="Run whose network takes readings without a picture.")
    ] = None,
    thermal_only: Annotated[
        Path | None, typer.Option(help="Run whose network takes pictures without a reading.")
    ] = None,
    name: Annotated[str | None, typer.Option(help="The model's name.", show_default="RUN's model")] = None,
    data: Annotated[
        Path | None,
        typer.Option(
            envvar="GAS_FUSION_DATA",
            help="Folder of the data set: tests the networks anew, in the form that is stored. Without it "
            "the metrics are the runs'.",
        ),
    ] = None,
) -> None:
    """Make trained runs a model bundle."""
    with options.refusing("training.export"):
        runs = load_runs(run, gas_only, thermal_only)
        chosen = name or next(iter(runs.values())).result.model
        command = _command(run, gas_only, thermal_only, data is not None, chosen)
        bundle = export(runs, output, chosen, command, data, INPUTS)
    for mode, entry in bundle.metrics[RUNTIME].items():
        difference = entry["onnx_torch_max_difference"]
        CONSOLE.print(f"{mode}: ONNX Runtime and torch differ by {difference:.1e} at most", highlight=False)
    CONSOLE.print(f"{output}/README.md is its card", highlight=False, soft_wrap=True)


if __name__ == "__main__":
    typer.run(main)
