"""Train several runs from one command, each in its own process."""
