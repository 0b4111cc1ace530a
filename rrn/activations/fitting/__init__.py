"""Fit rationals to functions, with NumPy and SciPy alone; and the table of starting coefficients."""
