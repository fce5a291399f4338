"""Tables of others: how a file is written, what its columns are, and when its rows were taken."""
