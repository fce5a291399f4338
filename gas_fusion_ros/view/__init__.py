"""What an operator is shown: the trail, the leaks, the state in a line, the picture. No ROS, no files."""
