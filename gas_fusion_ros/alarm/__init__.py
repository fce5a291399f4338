"""The leak alarm: its states and times, what it remembers, and the watch over its sources."""
