"""Thermal camera drivers."""
