"""Gas leak detection for patrol robots: MQ gas sensors and a thermal camera, fused."""

import os

# A few bytes may say that they are a picture of gigabytes. OpenCV takes its limit from here when it is
# loaded; no thermal camera comes near it.
os.environ.setdefault("OPENCV_IO_MAX_IMAGE_PIXELS", str(4096 * 4096))

__version__ = "0.1.0"
