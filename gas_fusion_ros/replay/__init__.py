"""Bags, scores and reports. No ROS needed."""
