"""The rational function as one operator: value, gradients and kernels."""
