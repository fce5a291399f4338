"""Drawn pictures beside real ones: a board for the eye, and how well the two are told apart."""
