"""Gas sensor array drivers."""
