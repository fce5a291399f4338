"""Recorded pictures of every kind of file play as the frames that were written, or are refused by name."""

from __future__ import annotations

import json
import re
import sys
from collections.abc import Callable
from pathlib import Path
from types import ModuleType, SimpleNamespace

import cv2
import numpy as np
import numpy.typing as npt
import pytest

from gas_fusion_ros.base.observation import ThermalFrame
from gas_fusion_ros.drivers import DriverError
from gas_fusion_ros.drivers.thermal.image_file import UnreadableImageError, decode_file
from gas_fusion_ros.drivers.thermal.recorded import RecordedThermalDriver, RecordedThermalSettings

SECOND = 1_000_000_000
T0 = 1_000 * SECOND
ROWS, COLUMNS = 12, 16
COUNTS = np.stack(
    [29_000 + 100 * n + np.arange(ROWS * COLUMNS).reshape(ROWS, COLUMNS) for n in range(4)]
).astype(np.uint16)
CELSIUS = (COUNTS / 100 - 273.15).astype(np.float32)
RGB = np.zeros((3, ROWS, COLUMNS, 3), np.uint8) + np.arange(3, dtype=np.uint8)


def made(path: Path, period_ns: int = SECOND) -> RecordedThermalDriver:
    driver = RecordedThermalDriver(RecordedThermalSettings(str(path), period_ns, False, T0))
    driver.open()
    return driver


def played(path: Path, ticks: int = 8, period_ns: int = SECOND) -> list[ThermalFrame]:
    driver = made(path, period_ns)
    frames = [frame for k in range(ticks) for frame in driver.poll(T0 + k * period_ns)]
    driver.close()
    assert driver.problems.counts() == {}
    return frames


def pages(path: Path) -> Path:
    assert cv2.imwritemulti(str(path / "film.tiff"), list(COUNTS))
    return path / "film.tiff"


def stack(path: Path) -> Path:
    np.save(path / "film.npy", COUNTS)
    return path / "film.npy"


def zipped(path: Path) -> Path:
    np.savez_compressed(path / "film.npz", frames=COUNTS, times=np.arange(4))
    return path / "film.npz"


def raw_beside_json(path: Path) -> Path:
    (path / "film.raw").write_bytes(b"head" + COUNTS.tobytes())
    told = {"width": COLUMNS, "height": ROWS, "dtype": "uint16", "header_bytes": 4}
    (path / "film.json").write_text(json.dumps(told))
    return path / "film.raw"


def raw_beside_yaml(path: Path) -> Path:
    (path / "film.bin").write_bytes(COUNTS.astype(">u2").tobytes())
    (path / "film.yaml").write_text(
        f"{{width: {COLUMNS}, height: {ROWS}, dtype: uint16be, profile: tlinear}}\n"
    )
    return path / "film.bin"


def folder_of_arrays(path: Path) -> Path:
    for number, frame in enumerate(COUNTS):
        np.save(path / f"frame{number + 8}.npy", frame)
    return path


@pytest.mark.parametrize("make", [pages, stack, zipped, raw_beside_json, raw_beside_yaml, folder_of_arrays])
def test_counts_play_as_they_were_written(tmp_path: Path, make: Callable[[Path], Path]) -> None:
    frames = played(make(tmp_path))
    assert [frame.encoding for frame in frames] == ["mono16"] * 4
    assert [(frame.stamp_ns - T0) // SECOND for frame in frames] == [0, 1, 2, 3]
    np.testing.assert_array_equal(np.stack([frame.pixels for frame in frames]), COUNTS)


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
def test_arrays_of_floats_are_temperatures(tmp_path: Path, dtype: npt.DTypeLike) -> None:
    np.save(tmp_path / "film.npy", CELSIUS.astype(dtype))
    frames = played(tmp_path / "film.npy")
    assert [frame.encoding for frame in frames] == ["32FC1"] * 4
    np.testing.assert_array_equal(np.stack([frame.pixels for frame in frames]), CELSIUS)


def test_colours_of_arrays_are_rgb(tmp_path: Path) -> None:
    np.save(tmp_path / "film.npy", RGB)
    assert [frame.pixels[0, 0].tolist() for frame in played(tmp_path / "film.npy")] == [[0, 1, 2]] * 3
    np.save(tmp_path / "one.npy", RGB[0])
    assert [frame.encoding for frame in played(tmp_path / "one.npy")] == ["rgb8"]


def test_the_profile_of_a_sidecar_is_used(tmp_path: Path) -> None:
    (tmp_path / "film.raw").write_bytes((COUNTS // 4).tobytes())
    (tmp_path / "film.json").write_text(
        json.dumps({"width": COLUMNS, "height": ROWS, "dtype": "uint16", "profile": "raw14"})
    )
    assert len(played(tmp_path / "film.raw")) == 4  # else it would ask for the scale


def table_text(delimiter: str, comma: str, unit: str = "", factor: float = 1.0, shift: float = 0.0) -> str:
    lines = [
        delimiter.join(f"{value * factor + shift:.2f}".replace(".", comma) for value in row)
        for row in CELSIUS[0]
    ]
    return "\n".join([f"File: walk.jpg{unit}", f"Emissivity:{delimiter}0{comma}95", "", *lines, ""])


@pytest.mark.parametrize(
    "text",
    [
        table_text(",", "."),
        table_text(";", "."),
        table_text(";", ","),
        table_text("\t", ","),
        table_text(" ", "."),
        table_text(",", ".", " [°F]", 1.8, 32.0),
        table_text(";", ",", " (K)", 1.0, 273.15),
        table_text(",", ".").replace("\n", ",\r\n"),
        table_text(",", ".", shift=273.15),
        re.sub(r"(\d\.\d\d)", "\\1\u00b0C", table_text(",", ".")),
        "\n".join(f"{number},{line}" for number, line in enumerate(table_text(",", ".").splitlines()[3:])),
    ],
)
def test_a_table_of_temperatures_is_a_frame(tmp_path: Path, text: str) -> None:
    (tmp_path / "walk.csv").write_text(text, encoding="utf-8")
    (frame,) = played(tmp_path / "walk.csv")
    assert frame.encoding == "32FC1"
    np.testing.assert_allclose(frame.pixels, CELSIUS[0], atol=0.01)


def test_a_folder_of_tables_plays_in_their_order(tmp_path: Path) -> None:
    for number in (10, 9):
        (tmp_path / f"frame_{number}.csv").write_text("\n".join([",".join([str(number)] * 8)] * 8))
    assert [float(np.asarray(frame.pixels).mean()) for frame in played(tmp_path)] == [9.0, 10.0]


def frames_of(folder: Path, count: int = 4) -> None:
    for number in range(count):
        assert cv2.imwrite(str(folder / f"f{number:03}.png"), COUNTS[number])


@pytest.mark.parametrize(
    "text",
    [
        "file,timestamp\nf000.png,1700000000.0\nf001.png,1700000001.0\nf002.png,1700000003.1\nf003.png,1700000004\n",
        "filename;time_ms\nf003;4000\nf000;0\nf002;3050\nf001;1000\n",
        "timestamp\n1700000000000000000\n1700000001000000000\n1700000003000000000\n1700000004000000000\n",
        "frame,timestamp\n0,1700000000000\n1,1700000001000\n2,1700000003000\n3,1700000004000\n",
        "name\tdatetime\n"
        + "".join(f"./f{n:03}.png\t2026-03-01T12:00:{s:02}Z\n" for n, s in enumerate((0, 1, 3, 4))),
        "index,time [us]\n0,5\n1,1000005\n2,3000005\n3,4000005\n",
    ],
)
def test_frames_play_at_the_times_of_their_table(tmp_path: Path, text: str) -> None:
    frames_of(tmp_path)
    (tmp_path / "timestamps.csv").write_text(text)
    frames = played(tmp_path)
    assert [(frame.stamp_ns - T0) // SECOND for frame in frames] == [0, 1, 3, 4]
    np.testing.assert_array_equal(np.stack([frame.pixels for frame in frames]), COUNTS)


def test_rows_without_a_picture_and_frames_too_many_are_counted(tmp_path: Path) -> None:
    frames_of(tmp_path)
    (tmp_path / "timestamps.csv").write_text(
        "file,t\nf000.png,0\nf001.png,0.1\nnone.png,1\nf002.png,soon\nf003.png,2\n"
    )
    driver = made(tmp_path)
    assert driver.problems.counts() == {"frame_time_unusable": 2, "frames_thinned": 1}
    said = {problem.cause: problem.detail for problem in driver.problems.take_unreported()}
    assert "timestamps.csv line 4 names no picture" in said["frame_time_unusable"]


@pytest.mark.parametrize(
    ("name", "content", "said"),
    [
        ("timestamps.csv", b"file,colour\nf000.png,red\n", "expected one of times"),
        ("timestamps.csv", b"file,time\nother.png,1\n", "gives no picture of its folder a time"),
        ("timestamps.csv", b"file,time_s\nf000.png,1\nf001.png,1700000000\n", "are its times in the unit"),
        ("film.npy", b"no array", "cannot be read as an array"),
        ("film.npz", b"no archive", "cannot be read as an array"),
        ("film.raw", b"12345678", r"film\.raw says nothing of its frames: write .*film\.json"),
    ],
)
def test_what_cannot_be_played_is_refused_by_name(
    tmp_path: Path, name: str, content: bytes, said: str
) -> None:
    frames_of(tmp_path)
    (tmp_path / name).write_bytes(content)
    with pytest.raises(DriverError, match=said):
        made(tmp_path if name.endswith("csv") else tmp_path / name)


@pytest.mark.parametrize(
    ("told", "said"),
    [
        ({"width": 5, "height": 5}, "dtype is None; expected one of uint8"),
        ({"width": 0, "height": 5, "dtype": "uint16"}, "width is 0; expected a whole number, 1 to"),
        ({"width": 5, "height": 5, "dtype": "uint16", "stride": 7}, "it has no field stride"),
        ({"width": 5, "height": 5, "dtype": "uint16", "profile": "x"}, "profile is x; expected one of auto"),
        ({"width": 5, "height": 5, "dtype": "uint16"}, "no whole frames of 5x5 uint16"),
        ([], "it holds no mapping"),
    ],
)
def test_a_sidecar_that_does_not_fit_is_refused(tmp_path: Path, told: object, said: str) -> None:
    (tmp_path / "film.raw").write_bytes(bytes(120))
    (tmp_path / "film.json").write_text(json.dumps(told))
    with pytest.raises(DriverError, match=said):
        made(tmp_path / "film.raw")


def test_a_sidecar_with_its_sides_the_wrong_way_round_is_refused(tmp_path: Path) -> None:
    columns = np.random.default_rng(1).integers(29000, 30000, 40)
    (tmp_path / "film.raw").write_bytes(np.add.outer(np.arange(24), columns).astype("<u2").tobytes())
    (tmp_path / "film.json").write_text(json.dumps({"width": 24, "height": 40, "dtype": "uint16"}))
    with pytest.raises(DriverError, match="one of 40x24: its sidecar has width and height"):
        made(tmp_path / "film.raw")


def test_several_tables_in_a_file_are_refused(tmp_path: Path) -> None:
    (tmp_path / "walk.csv").write_text(table_text(",", ".") * 2, encoding="utf-8")
    driver = made(tmp_path / "walk.csv")
    assert driver.poll(T0) == []
    (said,) = driver.problems.take_unreported()
    assert "2 tables of one size; expected a file for each frame" in said.detail
    driver.close()


@pytest.mark.parametrize(
    "array", [np.zeros((2, 3, 4, 5), np.uint16), np.zeros(7, np.uint16), np.zeros((2, 8, 8), np.complex64)]
)
def test_an_array_that_is_no_series_of_frames_is_refused(
    tmp_path: Path, array: npt.NDArray[np.generic]
) -> None:
    np.save(tmp_path / "film.npy", array)
    with pytest.raises(DriverError, match=r"expected frames of \(N, H, W\)"):
        made(tmp_path / "film.npy")


def test_an_archive_of_several_arrays_must_name_the_frames(tmp_path: Path) -> None:
    np.savez(tmp_path / "film.npz", a=COUNTS, b=COUNTS)
    with pytest.raises(DriverError, match="its arrays are a, b; expected one, or one of frames"):
        made(tmp_path / "film.npz")


def test_objects_in_an_array_are_never_unpickled(tmp_path: Path) -> None:
    np.save(tmp_path / "film.npy", np.array([{}], dtype=object), allow_pickle=True)
    with pytest.raises(DriverError, match="cannot be read as an array"):
        made(tmp_path / "film.npy")


def radiometric(path: Path) -> Path:
    """A picture for people, marked as those are that carry temperatures beside it."""
    content = cv2.imencode(".jpg", np.full((24, 32, 3), 90, np.uint8))[1].tobytes()
    segment = b"FLIR\x00\x01\x00\x00" + bytes(40)
    path.write_bytes(
        content[:2] + b"\xff\xe1" + (len(segment) + 2).to_bytes(2, "big") + segment + content[2:]
    )
    return path


def test_the_palette_of_a_radiometric_jpeg_is_no_temperature(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    file = radiometric(tmp_path / "walk.jpg")
    monkeypatch.setitem(sys.modules, "flyr", None)
    with pytest.raises(UnreadableImageError, match="radiometric JPEG, whose colours are no temperatures"):
        decode_file(file)
    library = ModuleType("flyr")
    library.__dict__["unpack"] = lambda _: SimpleNamespace(celsius=CELSIUS[0].astype(np.float64))
    monkeypatch.setitem(sys.modules, "flyr", library)
    np.testing.assert_array_equal(decode_file(file), CELSIUS[0])
