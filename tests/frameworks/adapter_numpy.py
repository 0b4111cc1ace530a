"""Rationals of NumPy, for the tests of all frameworks."""

from __future__ import annotations

from adapters import Framework

import rrn.numpy


class Adapter(Framework):
    name = "numpy"
    dtypes = ("float64", "float32", "float16")

    def rational(self, x, a, b, version, axis=1, tail_range=None, dtype=None):
        return rrn.numpy.rational(x, a, b, version, axis, tail_range)

    def gradients(self, grad, x, a, b, version, axis=1, tail_range=None):
        return rrn.numpy.gradients(grad, x, a, b, version, axis, tail_range)
