"""Windows and pictures that nobody recorded: altered, spliced, simulated."""
