"""Search for settings with Optuna: `python -m rrn.tune`."""
