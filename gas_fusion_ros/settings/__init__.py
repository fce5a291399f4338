"""What a parameter may be, and the files that say what it is."""
