"""Windowed models compared on time they have not seen: `python -m training.benchmark`."""
