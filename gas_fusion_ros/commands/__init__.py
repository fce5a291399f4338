"""The verbs of the command `gas-fusion`, one file each."""
