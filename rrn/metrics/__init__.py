"""Measure agents beyond their scores."""
