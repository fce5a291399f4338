"""What was really in the air, and how what was said of it is scored."""
