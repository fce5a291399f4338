"""Tests of real nodes over real DDS."""
