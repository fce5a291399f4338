"""What leaves the robot: state and events of its alarm, for a broker of a whole fleet. No ROS."""
