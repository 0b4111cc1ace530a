"""Sequences of supervised tasks, for the plasticity of networks that learn one after the other."""
