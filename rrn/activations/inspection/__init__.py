"""What activations do in a model: inputs, pictures, snapshots, nearest functions."""
