"""A simulated patrol along a pipeline: gas plumes, MQ responses and thermal frames."""
