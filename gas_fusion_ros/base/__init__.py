"""What every room uses: the data that travels, units, names from outside, files and documents. No ROS."""
