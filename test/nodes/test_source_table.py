"""The adapter's table: what its rows say, and what is wrong with them."""

from __future__ import annotations

import pytest

from gas_fusion_ros.nodes.parameters import ParameterError
from gas_fusion_ros.nodes.source_table import SourceRow, read_sources


def test_rows() -> None:
    assert read_sources(
        ["MQ-2=/adc/mq2", " mq3 , MQ_135 = board/values  std_msgs/Float32MultiArray", "co2=~/co2"]
    ) == (
        SourceRow(("mq2",), "/adc/mq2"),
        SourceRow(("mq3", "mq135"), "board/values", "std_msgs/msg/Float32MultiArray"),
        SourceRow(("co2",), "~/co2"),
    )


@pytest.mark.parametrize(
    ("texts", "reason"),
    [
        ([], "sources is not set; it must be rows such as mq2=/adc/mq2"),
        (["/adc/mq2"], "sources has the row '/adc/mq2'; expected mq2=/adc/mq2"),
        (["mq2="], "sources has the row 'mq2='; expected"),
        (["=/adc/mq2"], "with the channel ''; expected"),
        (["mq2,=/adc/mq2"], "with the channel ''; expected"),
        (["mq2=/adc/mq2 Float32"], "with the type 'Float32'; expected one such as std_msgs/msg/Float32"),
        (["mq2=/adc/1=2"], "expected mq2=/adc/mq2"),
        (["mq2=/a", "MQ-2=/b"], "sources: channels must be different names"),
        (["mq2=/a", "mq3=/a"], "sources has the topic /a in several rows; name all its channels in one"),
        (["x=/a"], "sources: channels must not be named x"),
        ([f"c{n}=/t{n}" for n in range(65)], "sources has 65 rows; expected 64 at most"),
        ([",".join(f"c{n}" for n in range(129)) + "=/t"], "sources has 129 channels; expected 128 at most"),
    ],
)
def test_rows_that_cannot_be_read(texts: list[str], reason: str) -> None:
    with pytest.raises(ParameterError) as caught:
        read_sources(texts)
    assert reason in str(caught.value)
