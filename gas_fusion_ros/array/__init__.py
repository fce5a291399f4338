"""An array of MQ sensors: what stands behind its readings, and its own clean air."""
