"""Plays a patrol or a recording through the real nodes, and reports what became of it."""
