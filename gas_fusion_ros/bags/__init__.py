"""Reads and writes the bags of rosbag2. No ROS needed."""
