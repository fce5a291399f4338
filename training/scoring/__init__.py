"""What verdicts and probabilities are worth, and what is fitted to them afterwards."""
