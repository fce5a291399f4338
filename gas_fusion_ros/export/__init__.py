"""Recordings made into bags, and bags into folders to train on."""
