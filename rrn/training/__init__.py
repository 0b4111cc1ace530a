"""Train one run, from its configuration to the last evaluation."""
