"""Convert models and rationals: other activations to rationals, other versions and degrees, old checkpoints."""
