"""What the commands have in common: options, refusals, output folders, several runs at a time."""
