"""Trained runs as a model bundle: `python -m training.export`."""
