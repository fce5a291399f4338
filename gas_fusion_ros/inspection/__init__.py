"""Looks through a bag and says what an evaluation will trip over."""
