"""Which gas reading goes with which thermal image."""
