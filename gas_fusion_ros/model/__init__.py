"""Trained networks and what they are fed with: bundles, runtimes, windows, thermal pictures."""
