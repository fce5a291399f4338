"""Training and benchmarks, run from a checkout; not needed on a robot."""
