"""Names of gas channels as people write them."""

import pytest

from gas_fusion_ros.commands.channels import parse_channels


def test_a_sensors_usual_names_are_one_channel_and_others_stay() -> None:
    assert parse_channels("MQ2, mq-3,MQ_135, CO2_a") == ("mq2", "mq3", "mq135", "CO2_a")


def test_one_channel_by_two_names_is_refused() -> None:
    with pytest.raises(ValueError, match="--channels"):
        parse_channels("MQ2,mq2")
