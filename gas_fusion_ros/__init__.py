"""Gas leak detection for patrol robots: MQ gas sensors and a thermal camera, fused."""

__version__ = "0.1.0"
