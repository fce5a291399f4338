"""Teaches a trained model further gases without torch: windows, altered copies, prototypes, the alarm."""
