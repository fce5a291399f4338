"""Surveys a site over all its patrols: reads bags into its file, and reports leaks, coverage and sensors."""
