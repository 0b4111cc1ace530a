"""Rationals fitted to functions, and the table of starting coefficients."""
