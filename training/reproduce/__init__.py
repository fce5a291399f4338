"""The paper's tables with ours beside them: `python -m training.reproduce`."""
