"""Temporal fusion, which looks at a window of readings: `python -m training.temporal` makes its bundle."""
