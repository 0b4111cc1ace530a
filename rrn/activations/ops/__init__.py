"""Operator of rational functions: value, gradients and kernels."""
