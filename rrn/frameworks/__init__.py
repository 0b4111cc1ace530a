"""What rationals of NumPy, JAX, Keras and MXNet have in common; without torch."""
