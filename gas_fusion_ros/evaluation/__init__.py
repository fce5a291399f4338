"""Evaluates bags: what the live node would have said of them, counted beside the truth."""
