"""Classifier: supervised learning on a sequence of tasks."""
