"""Inspect the activations of a model: their inputs, plots, snapshots and nearest known functions."""
