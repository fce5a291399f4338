"""ROS messages, and the pairing as a filter of message_filters."""
