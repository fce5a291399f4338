"""What a finished run says of itself, and the files that keep it."""
