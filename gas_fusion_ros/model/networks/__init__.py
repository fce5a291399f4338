"""Torch modules, one file per family. No ROS, no file access."""
