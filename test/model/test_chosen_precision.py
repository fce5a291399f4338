"""A bundle's networks in eight bits: when they are taken, checked like the others, and refused in words."""

from __future__ import annotations

import re
from pathlib import Path

import numpy as np
import pytest
from bundles import add_int8, edit_manifest, update_digests, write_windowed_bundle

from gas_fusion_ros.base.observation import Mode
from gas_fusion_ros.base.shipped_files import find_bundle
from gas_fusion_ros.model import precision, runtimes
from gas_fusion_ros.model.bundle import Bundle, BundleError, Precision
from gas_fusion_ros.model.precision import choose_precision, has_fast_int8
from gas_fusion_ros.model.runtimes import DeviceError, OnnxRuntime, create_runtime

MODERN = "processor\t: 0\nflags\t\t: fpu sse4_2 avx avx2 avx512_vnni\n"


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    write_windowed_bundle(tmp_path / "windowed")
    return tmp_path / "windowed"


@pytest.fixture
def both(folder: Path) -> Path:
    """A bundle with both, whose network in eight bits can be told by its novelty."""
    add_int8(folder)
    return folder


def fast(monkeypatch: pytest.MonkeyPatch, is_fast: bool) -> None:
    monkeypatch.setattr(precision, "has_fast_int8", lambda: is_fast)


def novelty(folder: Path, asked: str) -> float | None:
    bundle = Bundle.load(folder)
    inputs = {
        name: np.ones((1, *shape), dtype=np.float32) for name, shape in bundle.inputs(Mode.FUSION).items()
    }
    return create_runtime(bundle, "cpu", precision=asked).run(Mode.FUSION, inputs).novelty


def test_what_is_asked_for_is_what_runs(both: Path) -> None:
    assert novelty(both, "float32") == pytest.approx(0.1)
    assert novelty(both, "int8") == pytest.approx(0.05)
    assert create_runtime(Bundle.load(both), "cpu", precision="int8").precision == "int8"
    assert create_runtime(Bundle.load(both), "cpu").precision == "float32"


@pytest.mark.parametrize("is_fast", [False, True])
@pytest.mark.parametrize("admissible", [False, True])
def test_auto_takes_eight_bits_where_bundle_and_machine_agree(
    admissible: bool, is_fast: bool, both: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    edit_manifest(both, int8={"admissible": admissible, "measured": {}})
    fast(monkeypatch, is_fast)
    chosen = choose_precision(Bundle.load(both), "auto")
    assert chosen is (Precision.INT8 if admissible and is_fast else Precision.FLOAT32)


def test_a_bundle_without_eight_bits_runs_as_ever_and_says_what_to_do(
    folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    fast(monkeypatch, True)
    for bundle in (Bundle.load(folder), Bundle.load(find_bundle("fusion1"))):
        assert bundle.int8 is None
        assert choose_precision(bundle, "auto") is Precision.FLOAT32
        said = f"'{bundle.name}' .* has no network in eight bits: .* 'float32', .* `python -m training.quant"
        with pytest.raises(BundleError, match=said):
            create_runtime(bundle, "cpu", precision="int8")


def test_no_other_precision_is_known(folder: Path) -> None:
    with pytest.raises(ValueError, match="precision is half; it must be one of auto, float32, int8"):
        create_runtime(Bundle.load(folder), "cpu", precision="half")


def test_a_file_in_eight_bits_that_is_not_the_bundles_is_refused(both: Path) -> None:
    with (both / "model.int8.onnx").open("ab") as file:
        file.write(b"x")
    with pytest.raises(BundleError, match=r"model\.int8\.onnx does not match the bundle"):
        Bundle.load(both)
    (both / "model.int8.onnx").unlink()
    with pytest.raises(BundleError, match=r"model\.int8\.onnx cannot be read"):
        Bundle.load(both)


def test_a_file_in_eight_bits_that_cannot_be_run_is_refused_by_name(both: Path) -> None:
    (both / "model.int8.onnx").write_bytes(b"no network")
    update_digests(both)
    bundle = Bundle.load(both)
    assert create_runtime(bundle, "cpu", precision="float32").precision == "float32"
    with pytest.raises(BundleError, match=r"model\.int8\.onnx cannot be loaded"):
        create_runtime(bundle, "cpu", precision="int8")


def test_an_answer_that_is_none_is_told_of_the_file_that_gave_it(both: Path) -> None:
    import onnx
    from onnx import numpy_helper

    path = both / "model.int8.onnx"
    model = onnx.load(path)
    (limit,) = (value for value in model.graph.initializer if value.name == "limit")
    limit.CopyFrom(numpy_helper.from_array(np.array(0, dtype=np.float32), "limit"))
    onnx.save(model, path)
    update_digests(both)
    with pytest.raises(BundleError, match=r"model\.int8\.onnx: the network for fusion"):
        create_runtime(Bundle.load(both), "cpu", precision="int8")


@pytest.mark.parametrize(
    ("field", "said"),
    [
        (True, "int8 must be an object, not True"),
        ({"measured": {}}, "int8.admissible must be true or false, not None"),
        ({"admissible": "yes", "measured": {}}, "int8.admissible must be true or false, not 'yes'"),
        ({"admissible": True}, "the field 'measured' is missing"),
    ],
)
def test_an_unusable_field_is_named(field: object, said: str, both: Path) -> None:
    edit_manifest(both, int8=field)
    with pytest.raises(BundleError, match=re.escape(said)):
        Bundle.load(both)


def test_eight_bits_are_for_the_cpu(both: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def on_cuda(bundle: Bundle, threads: int) -> OnnxRuntime:
        runtime = OnnxRuntime(bundle, threads=threads)
        runtime.device = "cuda"
        return runtime

    monkeypatch.setattr(runtimes, "_cuda_runtime", on_cuda)
    fast(monkeypatch, True)
    bundle = Bundle.load(both)
    with pytest.raises(DeviceError, match="precision 'int8' is for the CPU: use device 'cpu'"):
        create_runtime(bundle, "cuda", precision="int8")
    asked = create_runtime(bundle, "auto", precision="int8")
    assert (asked.device, asked.precision) == ("cpu", "int8")
    assert "int8" in asked.note
    unasked = create_runtime(bundle, "auto", precision="auto")
    assert (unasked.device, unasked.precision) == ("cuda", "float32")


@pytest.mark.parametrize(
    ("told", "is_fast"),
    [
        (MODERN, True),
        (MODERN + MODERN, True),
        (MODERN.replace("avx512_vnni", "avx_vnni"), True),
        (MODERN.replace(" avx512_vnni", ""), False),
        (MODERN + MODERN.replace(" avx512_vnni", ""), False),
        ("processor\t: 0\nFeatures\t: fp asimd asimddp\n", False),
        ("", False),
    ],
)
def test_kinds_of_cpus_are_told_by_what_linux_says_of_them(told: str, is_fast: bool, tmp_path: Path) -> None:
    (tmp_path / "cpuinfo").write_text(told)
    assert has_fast_int8(tmp_path / "cpuinfo") is is_fast
    assert not has_fast_int8(tmp_path / "missing")
