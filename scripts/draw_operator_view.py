"""Draws the pictures of docs/operator.md from a bag of the demo, played through the real nodes over DDS.

    python scripts/draw_operator_view.py output/<time>/bag --bag seen

writes into docs/media/operator:

- `annotated.png`, as the node published it;
- `map.png`, drawn from its markers, with the leaks that the mapper tells of;
- `plotjuggler.png`, the curves of our layout, drawn from the bag.

`--bag` keeps what the node published beside what it heard: `foxglove.png` is a screenshot of that bag with
our Foxglove layout.
"""

from __future__ import annotations

import argparse
import math
import sys
import threading
import time
from collections import Counter, defaultdict
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any
from xml.etree import ElementTree

ROOT = Path(__file__).resolve().parents[1]
sys.path.insert(0, str(ROOT))

import numpy as np  # noqa: E402
import rclpy  # noqa: E402
from matplotlib.axes import Axes  # noqa: E402
from matplotlib.collections import LineCollection  # noqa: E402
from matplotlib.figure import Figure  # noqa: E402
from matplotlib.patches import Ellipse  # noqa: E402
from PIL import Image as Picture  # noqa: E402
from rclpy.executors import SingleThreadedExecutor  # noqa: E402
from rclpy.node import Node  # noqa: E402
from rclpy.parameter import Parameter  # noqa: E402
from rclpy.qos import QoSProfile, ReliabilityPolicy  # noqa: E402
from rclpy.serialization import deserialize_message  # noqa: E402
from rosbags.rosbag2 import Reader  # noqa: E402
from sensor_msgs.msg import Image  # noqa: E402
from visualization_msgs.msg import Marker, MarkerArray  # noqa: E402

from gas_fusion_ros.bags.writer import BagWriter  # noqa: E402
from gas_fusion_ros.demo.stage import LATCHED_TOPICS, TOPICS  # noqa: E402
from gas_fusion_ros.nodes.leak_mapper import LeakMapperNode  # noqa: E402
from gas_fusion_ros.nodes.operator_markers import STATE, TRAIL  # noqa: E402
from gas_fusion_ros.nodes.operator_view import (  # noqa: E402
    ANNOTATED_TOPIC,
    MARKERS_TOPIC,
    OperatorViewNode,
)
from gas_fusion_ros.nodes.qos import LATCHED  # noqa: E402
from gas_fusion_ros.report.figure_style import figure_png  # noqa: E402
from gas_fusion_ros.ros.messages import key_values  # noqa: E402

FOLDER = ROOT / "docs" / "media" / "operator"
LAYOUT = ROOT / "config" / "plotjuggler" / "operator.xml"
SPEED = 20.0
"""Seconds of the bag per second, at most."""

_TYPES: dict[str, type[Any]] = {f"/{one.name.lstrip('/')}": one.type for one in TOPICS}
_ALL = QoSProfile(depth=1000, reliability=ReliabilityPolicy.RELIABLE)
_IMAGES = "/thermal/image_raw"
_PATIENCE_S = 2.0
_DISCOVERY_S = 60.0
_DARK, _LIGHT = "#18181c", "#dddddd"


@dataclass(frozen=True)
class Recorded:
    """A message as it lies in a bag."""

    topic: str
    type_name: str
    stamp_ns: int
    cdr: bytes


@dataclass
class Seen:
    """What the node published, with the time of the bag."""

    markers: list[tuple[int, bytes]] = field(default_factory=list)
    pictures: list[tuple[int, bytes]] = field(default_factory=list)


def main() -> None:
    """Play the bag, and draw."""
    parser = argparse.ArgumentParser(description="Draws the pictures of docs/operator.md.")
    parser.add_argument("source", type=Path, help="a demo's bag")
    parser.add_argument("--bag", type=Path, help="new folder for a bag with all of it")
    given = parser.parse_args()
    recorded = read(given.source)
    seen = play(recorded)
    if given.bag is not None:
        write(given.bag, recorded, seen)
    FOLDER.mkdir(parents=True, exist_ok=True)
    at_ns, markers = most_standing(seen)
    (FOLDER / "map.png").write_bytes(figure_png((9.0, 6.0), lambda figure: draw_map(figure, markers)))
    picture = min(seen.pictures, key=lambda one: abs(one[0] - at_ns))
    save_picture(deserialize_message(picture[1], Image), FOLDER / "annotated.png")
    curves = series(recorded)
    (FOLDER / "plotjuggler.png").write_bytes(
        figure_png((12.0, 7.0), lambda figure: draw_layout(figure, curves))
    )


def read(path: Path) -> list[Recorded]:
    """Return the messages of a bag whose type is known here."""
    with Reader(path) as bag:
        return [
            Recorded(connection.topic, connection.msgtype, stamp_ns, bytes(cdr))
            for connection, stamp_ns, cdr in bag.messages()
            if connection.topic in _TYPES
        ]


def play(recorded: Sequence[Recorded]) -> Seen:
    """Play messages to the nodes, under their own clock, and keep what the view publishes."""
    rclpy.init()
    player, seen = Node("player"), Seen()
    view = started(OperatorViewNode, timeout=30.0, rate=60.0, evidence=True)
    mapper = started(LeakMapperNode, **{"pipe.side": "left", "pose_max_age": 30.0})
    now_ns = recorded[0].stamp_ns
    heard = {MARKERS_TOPIC: (MarkerArray, seen.markers), ANNOTATED_TOPIC: (Image, seen.pictures)}
    for topic, (kind, kept) in heard.items():
        player.create_subscription(
            kind, topic, lambda cdr, kept=kept: kept.append((now_ns, cdr)), _ALL, raw=True
        )
    publishers = {
        topic: player.create_publisher(_TYPES[topic], topic, LATCHED if topic in LATCHED_TOPICS else _ALL)
        for topic in {one.topic for one in recorded} & inputs().keys()
    }
    executor = SingleThreadedExecutor()
    for node in (player, view, mapper):
        executor.add_node(node)
    spinning = threading.Thread(target=executor.spin, daemon=True)
    spinning.start()
    wait_for_subscriptions({topic: one.get_subscription_count for topic, one in publishers.items()})
    began_s, began_ns = time.monotonic(), now_ns
    for one in recorded:
        ahead_s = (one.stamp_ns - began_ns) / 1e9 / SPEED - (time.monotonic() - began_s)
        if ahead_s > 0:
            time.sleep(ahead_s)
        now_ns = one.stamp_ns
        if one.topic in publishers:
            drawn = len(seen.pictures)
            publishers[one.topic].publish(one.cdr)
            if one.topic == _IMAGES:
                wait_for_picture(seen, drawn)
    executor.shutdown()
    spinning.join()
    rclpy.try_shutdown()
    return seen


def started(kind: type[Any], **parameters: Any) -> Any:
    """Make a node that goes by the bag's clock and poses, and activate it."""
    given = {"use_sim_time": True, "pose_topic": "pose", **parameters}
    node = kind(parameter_overrides=[Parameter(name, value=value) for name, value in given.items()])
    node.trigger_configure()
    node.trigger_activate()
    return node


def wait_for_subscriptions(counts: Mapping[str, Callable[[], int]]) -> None:
    """Wait until all who hear a topic have been found.

    Raises:
        SystemExit: somebody was not; the message names the topics.
    """
    deadline_s = time.monotonic() + _DISCOVERY_S
    wanted = inputs()
    while missing := [topic for topic, count in counts.items() if count() < wanted[topic]]:
        if time.monotonic() > deadline_s:
            sys.exit(f"after {_DISCOVERY_S:g} s not all subscribe to {', '.join(sorted(missing))}")
        time.sleep(0.02)


def wait_for_picture(seen: Seen, before: int) -> None:
    """Wait for the picture of an image, so that a busy machine shows what an idle one does."""
    deadline_s = time.monotonic() + _PATIENCE_S
    while len(seen.pictures) == before and time.monotonic() < deadline_s:
        time.sleep(0.002)


def inputs() -> Counter[str]:
    """How many hear each topic: the view most, the mapper three of them, and both the clock."""
    view = ("/clock", "/pose", _IMAGES, "/gas/classification", "/gas/alarm", "/gas/alarm_state")
    mapper = ("/clock", "/pose", "/gas/classification", "/gas/alarm_state")
    return Counter((*view, *mapper))


def write(path: Path, recorded: Sequence[Recorded], seen: Seen) -> None:
    """Write a bag of both."""
    published = [
        *(Recorded(f"/{MARKERS_TOPIC}", "visualization_msgs/msg/MarkerArray", *one) for one in seen.markers),
        *(Recorded(f"/{ANNOTATED_TOPIC}", "sensor_msgs/msg/Image", *one) for one in seen.pictures),
    ]
    with BagWriter(path, LATCHED_TOPICS | {f"/{MARKERS_TOPIC}"}) as bag:
        for one in sorted([*recorded, *published], key=lambda one: one.stamp_ns):
            bag.write(one.topic, one.type_name, one.cdr, one.stamp_ns)


def most_standing(seen: Seen) -> tuple[int, Sequence[Marker]]:
    """Return the last view with the most alarms and leaks, an active one if there is, and its time."""
    views = [(stamp_ns, deserialize_message(cdr, MarkerArray).markers) for stamp_ns, cdr in seen.markers]
    most = max(sum(one.ns not in (TRAIL, STATE) for one in markers) for _, markers in views)
    best = [view for view in views if sum(one.ns not in (TRAIL, STATE) for one in view[1]) == most]
    active = [view for view in best if any("active" in one.text for one in view[1])]
    return (active or best)[-1]


def draw_map(figure: Figure, markers: Sequence[Marker]) -> None:
    """Draw markers from above."""
    figure.set_facecolor(_DARK)
    axes = figure.add_subplot(aspect="equal", facecolor=_DARK)
    for marker in markers:
        _DRAWN.get(marker.type, _nothing)(axes, marker)
    axes.autoscale_view()
    axes.margins(0.2, 0.08)
    axes.tick_params(colors=_LIGHT)
    axes.set_xlabel("x, m", color=_LIGHT)
    axes.set_ylabel("y, m", color=_LIGHT)
    axes.grid(color="#3a3a40")


def _nothing(_: Axes, __: Marker) -> None:
    pass


def _line(axes: Axes, marker: Marker) -> None:
    places = np.array([(point.x, point.y) for point in marker.points])
    colours = [(one.r, one.g, one.b, one.a) for one in marker.colors[1:]]
    axes.add_collection(
        LineCollection([*np.stack([places[:-1], places[1:]], axis=1)], colors=colours, linewidths=4)
    )


def _disc(axes: Axes, marker: Marker) -> None:
    place, colour = marker.pose.position, marker.color
    turn = math.degrees(2 * math.atan2(marker.pose.orientation.z, marker.pose.orientation.w))
    face = (colour.r, colour.g, colour.b, colour.a)
    axes.add_patch(
        Ellipse((place.x, place.y), marker.scale.x, marker.scale.y, angle=turn, facecolor=face, zorder=3)
    )


def _words(axes: Axes, marker: Marker) -> None:
    place, colour = marker.pose.position, marker.color
    at = (place.x, place.y)
    shown = (colour.r, colour.g, colour.b)
    axes.annotate(marker.text, at, color=shown, ha="center", va="center", fontsize=9, zorder=4)


_DRAWN = {
    Marker.LINE_STRIP: _line,
    Marker.SPHERE: _disc,
    Marker.CYLINDER: _disc,
    Marker.TEXT_VIEW_FACING: _words,
}


def save_picture(message: Image, path: Path) -> None:
    """Save an image as a small PNG."""
    pixels = np.frombuffer(message.data, dtype=np.uint8).reshape(message.height, message.width, 3)
    Picture.fromarray(pixels).quantize(128).save(path, optimize=True)


Series = dict[str, list[tuple[float, float]]]


def series(recorded: Sequence[Recorded]) -> Series:
    """Return the numbers of a bag under the names that PlotJuggler gives them, with their times, seconds."""
    found: Series = defaultdict(list)
    for one in recorded:
        at_s = (one.stamp_ns - recorded[0].stamp_ns) / 1e9
        message = deserialize_message(one.cdr, _TYPES[one.topic])
        if one.topic == "/gas/alarm":
            found[f"{one.topic}/data"].append((at_s, float(message.data)))
        elif one.topic == "/pose":
            for axis in "xy":
                value = getattr(message.pose.position, axis)
                found[f"{one.topic}/pose/position/{axis}"].append((at_s, value))
        for status in getattr(message, "status", ()):
            for key, text in key_values(status).items():
                try:
                    found[f"{one.topic}/{status.name}/{key}"].append((at_s, float(text)))
                except ValueError:
                    continue
    return found


def draw_layout(figure: Figure, curves: Series) -> None:
    """Draw every plot of our PlotJuggler layout, where it stands there."""
    (columns,) = ElementTree.parse(LAYOUT).getroot().iterfind(".//Container/DockSplitter")
    widths = [float(part) for part in columns.attrib["sizes"].split(";")]
    across = figure.add_gridspec(1, len(columns), width_ratios=widths)
    for column, splitter in enumerate(columns):
        heights = [float(part) for part in splitter.attrib["sizes"].split(";")]
        down = across[column].subgridspec(len(splitter), 1, height_ratios=heights, hspace=0.5)
        for row, area in enumerate(splitter):
            _plot(figure.add_subplot(down[row]), area, curves)


def _plot(axes: Axes, area: ElementTree.Element, curves: Series) -> None:
    (plot,) = area
    for curve in plot.iterfind("curve"):
        name, colour = curve.attrib["name"], curve.attrib["color"]
        if plot.attrib["mode"] == "XYPlot":
            x, y = (np.array(curves[curve.attrib[key]])[:, 1] for key in ("curve_x", "curve_y"))
            axes.set_aspect("equal", adjustable="datalim")
        else:
            x, y = np.array(curves[name]).T
        steps = "steps-post" if plot.get("style") == "Steps" else "default"
        axes.plot(x, y, color=colour, label=name.rpartition(": ")[2], drawstyle=steps, linewidth=1.2)
    axes.set_title(area.attrib["name"], fontsize=9, loc="left")
    axes.tick_params(labelsize=7)
    axes.legend(fontsize=6, loc="upper left", framealpha=0.6)


if __name__ == "__main__":
    main()
