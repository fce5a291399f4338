"""The node classes: parameters, topics, timers, lifecycle. No arithmetic."""
