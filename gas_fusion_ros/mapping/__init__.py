"""Where the gas is: a map of it along the route, and the place of each leak. No ROS, no files."""
