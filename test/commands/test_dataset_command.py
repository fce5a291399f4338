"""`gas-fusion dataset` on the command line, without ROS."""

from __future__ import annotations

from pathlib import Path

import pytest
from in_process import invoke
from without_ros import gas_fusion

from gas_fusion_ros.array.array_file import load_array, write_array
from gas_fusion_ros.array.description import ArrayChannel, ArrayDescription
from gas_fusion_ros.bags.writer import BagFormat, Compression, Storage
from gas_fusion_ros.base.dataset import Dataset
from gas_fusion_ros.base.observation import PAPER_CHANNELS
from gas_fusion_ros.export.bag_making import BagTarget, make_bag
from gas_fusion_ros.export.bag_sources import FolderSettings, FolderSource


@pytest.fixture
def bag(tmp_path: Path) -> Path:
    """Six readings of the paper's channels 2 s apart with rendered images, half of them of smoke."""
    data = tmp_path / "data"
    data.mkdir()
    header = ",".join(["Serial Number", *PAPER_CHANNELS, "Gas"])
    counts = ["5,6,7,8,9,10,nan" if index == 4 else "1,2,3,4,5,6,7" for index in range(6)]
    names = ["NoGas"] * 3 + ["Smoke"] * 3
    rows = [f"{index % 3},{counts[index]},{names[index]}" for index in range(6)]
    (data / "Gas_Sensors_Measurements.csv").write_text("\n".join([header, *rows]) + "\n")
    source = FolderSource(data, FolderSettings(), render_seed=0)
    make_bag(
        source, BagTarget(tmp_path / "bag", "", BagFormat(Storage.SQLITE3, Compression.ZSTD)), lambda: None
    )
    return tmp_path / "bag"


def test_a_bag_becomes_a_folder_to_train_on(bag: Path, tmp_path: Path) -> None:
    out = tmp_path / "out"
    done = gas_fusion("dataset", bag, "--output", out, "--model", "fusion1")
    assert (done.returncode, done.stderr) == (0, "")
    assert "5 rows of mq2, mq3, mq5, mq6, mq7, mq8, mq135 (NoGas 3, Smoke 2), 5 images" in done.stdout
    assert "left out: 1 not finite" in done.stdout
    assert len(Dataset.load(out).rows) == 5


def test_an_array_goes_from_folder_to_bag_to_folder_to_bag(bag: Path, tmp_path: Path) -> None:
    data = bag.parent / "data"
    array = ArrayDescription((ArrayChannel("mq135", "MQ-135", -0.5, 0.1), ArrayChannel("mq2")), serial_id="7")
    write_array(data / "array.yaml", array)
    first, folder, second = (tmp_path / name for name in ("first", "folder", "second"))
    assert invoke("bag", "--data", data, "--output", first)[0] == 0
    code, text = invoke("dataset", first, "--output", folder)
    assert "0 images, the array in array.yaml; left out: 1 not finite" in text
    assert code == 1, "there are no images, which is said"
    assert load_array(folder / "array.yaml") == array
    assert (
        f"the array as {folder / 'array.yaml'} describes it"
        in (invoke("bag", "--data", folder, "--output", second)[1])
    )


def test_labels_of_a_csv_and_a_period(bag: Path, tmp_path: Path) -> None:
    (tmp_path / "labels.csv").write_text("start,end,class\n0,100,Ammonia\n")
    arguments = ("--labels", tmp_path / "labels.csv", "--period", "4", "--channels", "mq3,mq2")
    done = gas_fusion("dataset", bag, "--output", tmp_path / "out", *arguments)
    assert done.returncode == 0, done.stderr
    assert "3 rows of mq3, mq2 (Ammonia 3), 3 images; left out: 3 thinned" in done.stdout


@pytest.mark.parametrize(
    ("arguments", "complaint"),
    [
        (["--model", "fusion1", "--channels", "mq2"], "give --model or --channels, not both"),
        (["--model", "none"], "--model: "),
        (["--channels", ","], "--channels: channels must be different names, at least one"),
        (["--gas-topic", "/none"], "there is no topic /none"),
        (["--labels", "none.csv"], "none.csv cannot be read"),
    ],
)
def test_what_cannot_be_is_refused(bag: Path, tmp_path: Path, arguments: list[str], complaint: str) -> None:
    code, text = invoke("dataset", bag, "--output", tmp_path / "out", *arguments)
    assert code == 2
    assert complaint in text
    assert len(text.splitlines()) == 1
    assert not (tmp_path / "out").exists()


def test_losses_end_with_exit_code_1(bag: Path, tmp_path: Path) -> None:
    done = gas_fusion("dataset", bag, "--output", tmp_path / "out", "--channels", "mq2,co2")
    assert done.returncode == 2
    assert "no reading became a row: 6 undecodable; /gas" in done.stderr
    assert f"of {bag} has no channel co2, its channels are {', '.join(PAPER_CHANNELS)}" in done.stderr
    csv = tmp_path / "twice.csv"
    csv.write_text("start,end,class\n0,100,NoGas\n")
    labels = ("--labels", csv, "--labels", csv)
    (bag.parent / "data" / "Gas_Sensors_Measurements.csv").write_text("MQ2\n5\n6\n")
    make_bag(
        FolderSource(bag.parent / "data", FolderSettings(("mq2",))), BagTarget(tmp_path / "gas"), lambda: None
    )
    done = gas_fusion(
        "dataset", bag, tmp_path / "gas", "--output", tmp_path / "out2", *labels, "--channels", "mq2"
    )
    assert done.returncode == 1
    assert "topic_missing_image: there are no thermal images" in done.stderr
    assert "--no-images says that it is by gas alone" in done.stderr
    assert "8 rows of mq2 (NoGas 8), 6 images" in done.stdout


def test_bags_of_gas_alone_miss_no_images(bag: Path, tmp_path: Path) -> None:
    assert invoke("bag", "--data", bag.parent / "data", "--output", tmp_path / "alone")[0] == 0
    for number, source in enumerate((bag, tmp_path / "alone")):
        code, text = invoke("dataset", source, "--output", tmp_path / f"out{number}", "--no-images")
        assert code == 0, text
        assert "(NoGas 3, Smoke 2), 0 images" in text
