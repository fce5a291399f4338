"""Draws on thermal pictures what the classifier says of them, in a thread of its own."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from sensor_msgs.msg import Image

from gas_fusion_ros.base.observation import ThermalFrame
from gas_fusion_ros.base.problems import Problems
from gas_fusion_ros.base.units import NANOSECONDS_PER_SECOND
from gas_fusion_ros.base.worker import Worker
from gas_fusion_ros.model.classifier import ClassifierError
from gas_fusion_ros.model.grad_cam import Map
from gas_fusion_ros.model.picture_evidence import PictureEvidence
from gas_fusion_ros.model.thermal import ThermalError, to_field
from gas_fusion_ros.pipeline.frame_decoder import FrameDecoder
from gas_fusion_ros.ros.messages import MessageError, encode_frame
from gas_fusion_ros.view.annotated_picture import Opinion, annotated


@dataclass(frozen=True)
class _Asked:
    message: Any
    opinion: Opinion


class PictureAnnotator:
    """Makes an annotated picture of the newest image; those that come while it draws give way.

    Args:
        frames: reads images.
        evidence: what marks the place in a picture that spoke for its class; None for no such map.
        most_hz: pictures per second at most.
        publish: gets each annotated picture, in the annotator's thread.
        problems: where what cannot be drawn is counted.

    Attributes:
        drawn: pictures so far.
    """

    def __init__(
        self,
        frames: FrameDecoder,
        evidence: PictureEvidence | None,
        most_hz: float,
        publish: Callable[[Image], None],
        problems: Problems,
    ) -> None:
        self.drawn = 0
        self._frames = frames
        self._evidence = evidence
        self._pause_ns = NANOSECONDS_PER_SECOND / most_hz
        self._publish = publish
        self._problems = problems
        self._last_ns: int | None = None
        self._worker = Worker(self._draw, 1, self._count_failure)

    def submit(self, message: Any, opinion: Opinion, now_ns: int) -> None:
        """Hand in an image with what is said of it.

        Args:
            message: a sensor_msgs/Image or CompressedImage.
            opinion: what is drawn below it.
            now_ns: time of a steady clock; an image too soon after the last one is passed over.
        """
        if self._last_ns is not None and now_ns - self._last_ns < self._pause_ns:
            return
        self._last_ns = now_ns
        self._worker.submit(_Asked(message, opinion))

    def stop(self, timeout_s: float) -> None:
        """Finish the picture under way, if that does not take longer, and end."""
        self._worker.stop(timeout_s)

    def _draw(self, asked: _Asked) -> None:
        try:
            frame = self._frames.decode(asked.message)
            field = to_field(frame.pixels, frame.encoding)
            heat = self._heat(frame)
        except MessageError as error:
            self._problems.add(error.cause, error.detail)
            return
        except (ThermalError, ClassifierError) as error:
            self._problems.add("unusable_image", str(error))
            return
        pixels = annotated(field, heat, asked.opinion)
        self._publish(encode_frame(ThermalFrame(frame.stamp_ns, pixels, "rgb8", frame.frame_id)))
        self.drawn += 1

    def _heat(self, frame: ThermalFrame) -> Map | None:
        return None if self._evidence is None else self._evidence.of(frame).heat

    def _count_failure(self, error: Exception) -> None:
        self._problems.add("drawing_failed", f"{type(error).__name__}: {error}")
