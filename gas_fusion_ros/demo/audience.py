"""Shows a demo in a browser while it plays: as a robot is watched, over DDS."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

from rclpy.context import Context
from rich.console import Console

from gas_fusion_ros.demo.stage import Stage
from gas_fusion_ros.nodes.robot_listener import RobotListener, RobotTopics
from gas_fusion_ros.watch.access import Access
from gas_fusion_ros.watch.robot_ear import RobotEar
from gas_fusion_ros.watch.server import WatchServer
from gas_fusion_ros.watch.watched import Watched


@contextmanager
def audience(access: Access, context: Context, stage: Stage, title: str, console: Console) -> Iterator[None]:
    """Serve the page until the block ends, and say where it is.

    Raises:
        AccessError: the address cannot be listened at.
    """
    watched = Watched(f"demo, {title}")
    listener = RobotListener(RobotTopics(), RobotEar(watched), watched.problems, context=context)
    stage.join(listener)
    with WatchServer(watched, access, listener) as server:
        console.print(
            f"open {server.address_with_token} in a browser", markup=False, highlight=False, soft_wrap=True
        )
        yield
