"""The least that any node of rclpy could take: two subscriptions, and a forward pass for each reading.

What `benchmarks.node` measures the classifier beside. Nothing is decoded, paired, watched or published.
"""

from __future__ import annotations

import argparse
from collections.abc import Sequence

import numpy as np
from rclpy.node import Node
from sensor_msgs.msg import Image, PointCloud2

from gas_fusion_ros.base.observation import Mode
from gas_fusion_ros.base.shipped_files import find_bundle
from gas_fusion_ros.model.bundle import Bundle
from gas_fusion_ros.model.precision import AUTO
from gas_fusion_ros.model.runtimes import create_runtime
from gas_fusion_ros.nodes.qos import RELIABLE, SENSOR_DATA
from gas_fusion_ros.nodes.runner import run


class BareNode(Node):
    """Hears readings and images as the classifier does; each reading runs the fusion network once."""

    def __init__(self, bundle: Bundle) -> None:
        super().__init__("bare_node")
        self._runtime = create_runtime(bundle, "cpu", threads=1, precision=AUTO)  # as the node does
        rng = np.random.default_rng(0)
        self._inputs = {
            name: rng.uniform(size=(1, *shape)).astype(np.float32)
            for name, shape in bundle.inputs(Mode.FUSION).items()
        }
        self.create_subscription(PointCloud2, "gas/readings", self._hear_reading, RELIABLE)
        self.create_subscription(Image, "thermal/image_raw", self._hear_image, SENSOR_DATA)

    def _hear_reading(self, _: PointCloud2) -> None:
        self._runtime.run(Mode.FUSION, self._inputs)

    def _hear_image(self, _: Image) -> None:
        pass


def main(arguments: Sequence[str] | None = None) -> None:
    """Run the node until a signal."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--model", required=True)
    model = parser.parse_args(arguments).model
    bundle = Bundle.load(find_bundle(model))
    run(lambda: BareNode(bundle), [])


if __name__ == "__main__":
    main()
