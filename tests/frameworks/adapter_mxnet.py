"""Rationals of MXNet, for the tests of all frameworks."""

from __future__ import annotations

import mxnet as mx
from adapters import Framework

import rrn.mxnet


class Adapter(Framework):
    name = "mxnet"
    dtypes = ("float64", "float32", "float16")

    def rational(self, x, a, b, version, axis=1, tail_range=None, dtype=None):
        with mx.util.np_shape(True):  # without it MXNet has no arrays with 0 axes or 0 elements
            x, a, b = (mx.nd.array(c, dtype=c.dtype) for c in (x, a, b))
            return rrn.mxnet.rational(x, a, b, version, axis, tail_range).asnumpy()

    def gradients(self, grad, x, a, b, version, axis=1, tail_range=None):
        with mx.util.np_shape(True):
            grad, *arrays = (mx.nd.array(c, dtype=c.dtype) for c in (grad, x, a, b))
            for array in arrays:
                array.attach_grad()
            with mx.autograd.record():
                y = rrn.mxnet.rational(*arrays, version, axis, tail_range)
            y.backward(grad)
            return tuple(array.grad.asnumpy() for array in arrays)
