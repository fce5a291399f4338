"""What an evaluation reads from a parameter file is what the node has."""

from __future__ import annotations

from gas_fusion_ros.nodes.gas_classifier import GasClassifierNode
from gas_fusion_ros.replay.settings import KNOWN_PARAMETERS, ClassifierSettings
from gas_fusion_ros.units import NANOSECONDS_PER_SECOND

OF_EVERY_NODE = {"use_sim_time", "start_type_description_service"}


def test_every_parameter_of_the_node_is_known_and_no_other() -> None:
    assert set(KNOWN_PARAMETERS) == {spec.name for spec in GasClassifierNode.SPECS} | OF_EVERY_NODE


def test_the_defaults_are_the_nodes() -> None:
    defaults = {spec.name: spec.default for spec in GasClassifierNode.SPECS}
    settings = ClassifierSettings()
    assert defaults["model"] == settings.model
    assert defaults["device"] == settings.device
    assert defaults["threads"] == settings.threads
    assert defaults["alarm.timeout"] == settings.alarm.timeout_ns / NANOSECONDS_PER_SECOND
    assert defaults["pairing.slop"] == settings.pairing.slop_ns / NANOSECONDS_PER_SECOND
    assert defaults["pairing.image_history"] == settings.pairing.image_history
