"""Things in a thermal frame that are warmer or colder than their surroundings without any gas."""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from enum import Enum

import cv2
import numpy as np
import numpy.typing as npt

Frame = npt.NDArray[np.float32]
"""A picture in degC, shape (H, W)."""

_FINGERS = (-0.75, -0.35, 0.0, 0.35)
"""Where the fingers leave a palm, radians from its middle finger; the thumb leaves further aside."""
_THUMB = 1.15


class ObjectKind(str, Enum):
    """Things that are warm, or cold, without any gas."""

    LAMP = "lamp"
    MOTOR = "motor"
    PERSON = "person"
    PATCH = "patch"
    HAND = "hand"
    FACE = "face"
    CAN = "can"
    MACHINE = "machine"
    BEAM = "beam"


PIPELINE_KINDS = (ObjectKind.LAMP, ObjectKind.MOTOR, ObjectKind.PERSON, ObjectKind.PATCH)
"""What stands along the pipeline of a simulated patrol."""


@dataclass(frozen=True)
class WarmObject:
    """A distractor at (x, y), pixels, of half-axes (half_width, half_height), `contrast_k` above ambient.

    Hands, faces, cans, machines and beams are turned by `angle`, radians; others stand upright.
    """

    kind: ObjectKind
    x: float
    y: float
    half_width: float
    half_height: float
    contrast_k: float
    angle: float = 0.0


def add_object(frame: Frame, thing: WarmObject, ambient_c: float) -> None:
    """Draw a thing into a frame, in front of what is there.

    Args:
        frame: degC; changed.
        thing: what is drawn.
        ambient_c: temperature of its surroundings, degC.
    """
    _DRAW[thing.kind](frame, thing, ambient_c)


def _add_lamp(frame: Frame, lamp: WarmObject, ambient_c: float) -> None:
    _fill_ellipse(frame, lamp.x, lamp.y, lamp.half_width, lamp.half_height, ambient_c + lamp.contrast_k)


def _add_motor(frame: Frame, motor: WarmObject, ambient_c: float) -> None:
    left, right = int(motor.x - motor.half_width), int(motor.x + motor.half_width)
    top, bottom = int(motor.y - motor.half_height), int(motor.y + motor.half_height)
    cv2.rectangle(frame, (left, top), (right, bottom), ambient_c + motor.contrast_k, -1)
    # The cooling ribs of its housing.
    for column in range(left + 3, right, 5):
        cv2.line(frame, (column, top), (column, bottom), ambient_c + 0.8 * motor.contrast_k)


def _add_person(frame: Frame, person: WarmObject, ambient_c: float) -> None:
    clothes, skin = ambient_c + 0.7 * person.contrast_k, ambient_c + person.contrast_k
    _fill_ellipse(frame, person.x, person.y, person.half_width, person.half_height, clothes)
    head = 0.6 * person.half_width
    _fill_ellipse(frame, person.x, person.y - person.half_height - 0.7 * head, head, 1.2 * head, skin)


def _add_patch(frame: Frame, patch: WarmObject, _: float) -> None:
    """Add a soft spot: sunlit ground, or a damp and cooler one."""
    height, width = frame.shape
    columns, rows = np.arange(width, dtype=np.float32), np.arange(height, dtype=np.float32)
    across = np.exp(-0.5 * np.square((columns - patch.x) / patch.half_width))
    down = np.exp(-0.5 * np.square((rows - patch.y) / patch.half_height))
    frame += np.float32(patch.contrast_k) * np.outer(down, across).astype(np.float32)


def _add_hand(frame: Frame, hand: WarmObject, ambient_c: float) -> None:
    """Draw a palm with its arm; fingers are cooler towards their tips."""
    skin, tips = ambient_c + hand.contrast_k, ambient_c + 0.8 * hand.contrast_k
    _line(frame, hand, -4.0 * hand.half_height, hand.angle, skin, 1.2 * hand.half_width)
    for turn in (*_FINGERS, _THUMB):
        reach = (1.9 if turn != _THUMB else 1.4) * hand.half_height
        _line(frame, hand, reach, hand.angle + turn, tips, 0.42 * hand.half_width)
    _fill_ellipse(frame, hand.x, hand.y, hand.half_width, hand.half_height, skin, hand.angle)


def _add_face(frame: Frame, face: WarmObject, ambient_c: float) -> None:
    """Draw a head: hair and nose are cooler than cheeks and forehead, the corners of the eyes warmest."""
    shares = (
        # along the face from its middle, aside, half-sizes, all in its own; temperature above ambient
        (0.0, 0.0, 1.0, 1.0, 1.0),
        (-0.75, 0.0, 0.35, 0.85, 0.55),
        (0.1, 0.0, 0.22, 0.2, 0.7),
        (-0.15, 0.38, 0.1, 0.18, 1.1),
        (-0.15, -0.38, 0.1, 0.18, 1.1),
    )
    down, aside = (math.cos(face.angle), math.sin(face.angle)), (-math.sin(face.angle), math.cos(face.angle))
    for along, across, long, wide, share in shares:
        x = face.x + along * face.half_height * down[0] + across * face.half_width * aside[0]
        y = face.y + along * face.half_height * down[1] + across * face.half_width * aside[1]
        value = ambient_c + share * face.contrast_k
        _fill_ellipse(frame, x, y, long * face.half_height, wide * face.half_width, value, face.angle)


def _add_can(frame: Frame, can: WarmObject, ambient_c: float) -> None:
    """Draw a spray can: a body, coldest where its liquid is, and a nozzle at ambient temperature."""
    _fill_box(frame, can, (-1.0, 1.0), ambient_c + 0.6 * can.contrast_k)
    _fill_box(frame, can, (-1.0, 0.2), ambient_c + can.contrast_k)
    _line(frame, can, 1.25 * can.half_height, can.angle, ambient_c, 0.5 * can.half_width)


def _add_machine(frame: Frame, machine: WarmObject, ambient_c: float) -> None:
    """Draw a hot housing, the warm wall around it, and a cooler cover on it."""
    halo = 1.6 * max(machine.half_width, machine.half_height)
    glow = WarmObject(ObjectKind.PATCH, machine.x, machine.y, halo, halo, 0.12 * machine.contrast_k)
    _add_patch(frame, glow, ambient_c)
    _fill_box(frame, machine, (-1.0, 1.0), ambient_c + machine.contrast_k)
    _fill_box(frame, machine, (-0.5, 0.1), ambient_c + 0.75 * machine.contrast_k)


def _add_beam(frame: Frame, beam: WarmObject, ambient_c: float) -> None:
    """Draw a long straight thing with sharp edges: a pole, a gap, a window."""
    _fill_box(frame, beam, (-1.0, 1.0), ambient_c + beam.contrast_k)


def _fill_ellipse(
    frame: Frame, x: float, y: float, half_width: float, half_height: float, value: float, angle: float = 0.0
) -> None:
    """Fill an ellipse whose first half-axis lies at `angle`, radians."""
    # Four fractional bits, so that a passing object moves smoothly.
    centre, axes = (round(16 * x), round(16 * y)), (round(16 * half_width), round(16 * half_height))
    cv2.ellipse(frame, centre, axes, math.degrees(angle), 0.0, 360.0, value, -1, cv2.LINE_8, 4)


def _fill_box(frame: Frame, thing: WarmObject, part: tuple[float, float], value: float) -> None:
    """Fill a part of a thing's length with a turned rectangle: from -1, its foot, to 1, its head."""
    along = np.array([math.cos(thing.angle), math.sin(thing.angle)])
    aside = np.array([-along[1], along[0]]) * thing.half_width
    foot, head = (np.array([thing.x, thing.y]) + end * thing.half_height * along for end in part)
    corners = np.stack([foot - aside, foot + aside, head + aside, head - aside])
    cv2.fillConvexPoly(frame, np.rint(16 * corners).astype(np.int32), value, cv2.LINE_8, 4)


def _line(
    frame: Frame, thing: WarmObject, length: float, angle: float, value: float, thickness: float
) -> None:
    """Draw a rounded stroke from a thing's middle."""
    end = (round(thing.x + length * math.cos(angle)), round(thing.y + length * math.sin(angle)))
    cv2.line(frame, (round(thing.x), round(thing.y)), end, value, max(1, round(thickness)))


_DRAW: Mapping[ObjectKind, Callable[[Frame, WarmObject, float], None]] = {
    ObjectKind.LAMP: _add_lamp,
    ObjectKind.MOTOR: _add_motor,
    ObjectKind.PERSON: _add_person,
    ObjectKind.PATCH: _add_patch,
    ObjectKind.HAND: _add_hand,
    ObjectKind.FACE: _add_face,
    ObjectKind.CAN: _add_can,
    ObjectKind.MACHINE: _add_machine,
    ObjectKind.BEAM: _add_beam,
}
