"""The rows of a data set: read, checked, split by time, cut into windows, and their pictures."""
