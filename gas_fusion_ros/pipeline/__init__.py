"""From messages to verdicts and alarms, without topics: what an evaluation and the live node share."""
