"""Neural networks of agents, with the activations of the configuration."""
