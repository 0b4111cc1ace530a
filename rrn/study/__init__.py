"""A whole study as a plan: what belongs to it, what is done, what it costs, and a start that can be repeated."""
