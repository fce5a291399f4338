"""Training steps of Fusion I in Keras: the peer of `benchmarks.training`, which starts it.

Needs nothing of this package: it runs in a Python that has Keras, with TensorFlow or another backend. Its
one argument is the shape in JSON: `classes`, `channels`, `image_channels`, `size`, `batch`, `dropout` and
`threads`.
It answers with a line of JSON that says the versions and the number of trainable parameters; then to each
line with a number with a line that says what so many steps took of CPU time, milliseconds each.
"""

from __future__ import annotations

import json
import os
import sys
import time
from typing import Any

os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")

GAS_FILTERS = (64, 128, 128)
PICTURE_FILTERS = (16, 32, 64, 128, 256, 256)
HIDDEN = 128


def fusion1(shape: dict[str, Any]) -> Any:
    """Build Fusion I, layer by layer as `gas_fusion_ros.model.networks.fusion` has it."""
    from keras import Input, Model, layers

    gas = Input((shape["channels"], 1))
    values = gas
    for filters in GAS_FILTERS:
        values = layers.Conv1D(filters, 3, padding="same", use_bias=False)(values)
        values = layers.ReLU()(layers.BatchNormalization()(values))
    values = layers.Flatten()(layers.MaxPooling1D(2)(values))
    picture = Input((shape["size"], shape["size"], shape["image_channels"]))
    pixels = picture
    for filters in PICTURE_FILTERS:
        pixels = layers.Conv2D(filters, 3, padding="same", use_bias=False)(pixels)
        pixels = layers.ReLU()(layers.MaxPooling2D(2)(layers.BatchNormalization()(pixels)))
    joined = layers.Concatenate()([layers.Flatten()(pixels), values])
    hidden = layers.Dropout(shape["dropout"])(layers.Dense(HIDDEN, activation="relu")(joined))
    return Model([gas, picture], layers.Dense(shape["classes"])(hidden))


def use_threads(threads: int) -> None:
    """Compute with so many threads, where the backend is TensorFlow."""
    import keras

    if keras.backend.backend() == "tensorflow":
        import tensorflow as tf

        tf.config.threading.set_intra_op_parallelism_threads(threads)
        tf.config.threading.set_inter_op_parallelism_threads(1)


def main() -> None:
    """Build the network, say what it is, and train as many steps as each line asks for."""
    shape = json.loads(sys.argv[1])
    use_threads(shape["threads"])
    import keras
    import numpy as np

    model = fusion1(shape)
    loss = keras.losses.SparseCategoricalCrossentropy(from_logits=True)
    model.compile(keras.optimizers.Adam(1e-3), loss)
    backend = sys.modules[{"torch": "torch", "jax": "jax"}.get(keras.backend.backend(), "tensorflow")]
    name = f"Keras {keras.__version__} on {keras.backend.backend()} {backend.__version__}"
    print(json.dumps({"name": name, "parameters": _trainable(model)}), flush=True)
    rng = np.random.default_rng(0)
    for line in sys.stdin:
        steps = int(line)
        rows = steps * shape["batch"]
        gas = rng.normal(size=(rows, shape["channels"], 1)).astype(np.float32)
        size, planes = shape["size"], shape["image_channels"]
        pictures = rng.random((rows, size, size, planes), dtype=np.float32)
        labels = rng.integers(0, shape["classes"], rows)
        fit = {"batch_size": shape["batch"], "shuffle": False, "verbose": 0}
        warm = slice(0, shape["batch"])
        model.fit([gas[warm], pictures[warm]], labels[warm], **fit)
        began_s = time.process_time()
        model.fit([gas, pictures], labels, **fit)
        print(json.dumps({"cpu_ms": 1e3 * (time.process_time() - began_s) / steps}), flush=True)


def _trainable(model: Any) -> int:
    return int(sum(int(weight.numpy().size) for weight in model.trainable_weights))


if __name__ == "__main__":
    main()
