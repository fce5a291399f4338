"""Whether a camera's pictures may be used: settled here alone, for the live node as for an evaluation."""

from __future__ import annotations

from gas_fusion_ros.alarm.source_watch import Source
from gas_fusion_ros.base.quoting import shown
from gas_fusion_ros.model.bundle import Bundle

CAMERA_TOPIC = "thermal/camera_status"


def pictures_refusal(bundle: Bundle, allows_reproduction: bool, camera: Source | None) -> str:
    """Return why a model must not be given a camera's pictures, with the remedy; empty where it may.

    A reproduction has seen rendered pictures only. A simulated or recorded camera is refused nothing, nor is
    one of which nothing is known.

    Args:
        bundle: the model.
        allows_reproduction: whether that was asked for: the parameter `allow_reproduction`.
        camera: what `thermal/camera_status` told last; None before it did.
    """
    if not bundle.reproduction or allows_reproduction or camera is None or not camera.is_sensor:
        return ""
    return (
        f"model '{bundle.name}' is a reproduction, trained on rendered pictures, and the camera "
        f"{shown(camera.driver)} is real: its pictures are not used, leaks are judged by gas alone; choose "
        "another model, or set allow_reproduction to true"
    )
