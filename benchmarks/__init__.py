"""Measurements of the running pipeline: `python -m benchmarks.pipeline` from a checkout."""
