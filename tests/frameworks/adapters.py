"""How the tests call the rationals of each framework, and which frameworks are installed here.

An adapter has the functions of `Framework`. A framework adds a file `adapter_NAME.py` with its class, and its name to
INSTALLED.
"""

from __future__ import annotations

import os
from importlib import import_module
from importlib.util import find_spec
from typing import ClassVar

import numpy as np
import pytest


class Framework:
    """Rationals of one framework, from arrays to arrays.

    Attributes:
        name: for the names of tests.
        dtypes: float types of x that the framework has.
        float64_above_degree_5: whether float32 inputs are computed in float64 there.
        denormals: whether numbers below 1.2e-38 are other numbers than 0 in float32.
        second: whether there are second derivatives.
        modules: makers of modules, by name; each is called with the arguments of `rrn.Rational` but for `axis`, and
            returns a `Module`.
    """

    name: str
    dtypes: tuple[str, ...] = ("float64", "float32", "bfloat16", "float16")
    float64_above_degree_5 = True  # arithmetic of float32 inputs there, as in torch
    denormals = True
    second = False
    modules: ClassVar[dict] = {}

    def rational(self, x, a, b, version, axis=1, tail_range=None, dtype=None) -> np.ndarray:
        """R(x) as an array of NumPy; x is converted to `dtype` before, and the result of bfloat16 to float32."""
        raise NotImplementedError

    def gradients(self, grad, x, a, b, version, axis=1, tail_range=None) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
        """Gradients of sum(grad R(x)) w.r.t. x, a and b, as the framework's own reverse mode computes them."""
        raise NotImplementedError

    def second_derivative(self, x, a, b, version) -> np.ndarray:
        """Derivative of sum_k R'(x_k)^2 w.r.t. x."""
        raise NotImplementedError


FILES = {  # name: packages that it needs
    "mxnet": ("mxnet",),
    "numpy": ("numpy",),
    "jax": ("jax",),
    "keras": ("keras", os.environ.get("KERAS_BACKEND", "")),  # see conftest.py
}
if os.environ.get("KERAS_BACKEND") == "tensorflow":
    FILES["xla"] = ("keras", "tensorflow")
INSTALLED = [
    import_module(f"adapter_{name}").Adapter()
    for name, packages in FILES.items()
    if all(package and find_spec(package) for package in packages)
]
each_framework = pytest.mark.parametrize(
    "framework",
    [pytest.param(one, id=one.name, marks=[] if one.name == "numpy" else pytest.mark.slow) for one in INSTALLED],
)
