"""Plan a whole study: list its runs, their state and cost, and start what is left."""
