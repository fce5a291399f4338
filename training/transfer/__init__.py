"""Other arrays than the one that was trained on: simulated ones, boards built alike, days of plain air."""
