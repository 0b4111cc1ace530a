"""Evaluate activations with a few learned parameters from these alone, without torch."""

from __future__ import annotations

from collections.abc import Callable, Mapping

import numpy as np

Parameters = Mapping[str, float | list[float]]  # by name; a list has a number for each channel


def _sigmoid(x: np.ndarray) -> np.ndarray:
    return 0.5 * (1 + np.tanh(x / 2))  # which does not overflow


def _pelu(x: np.ndarray, log_a: np.ndarray, log_b: np.ndarray) -> np.ndarray:
    a, b = np.exp(log_a), np.exp(log_b)
    return np.where(x >= 0, a / b * x, a * np.expm1(np.minimum(x, 0) / b))


def _snake(x: np.ndarray, log_a: np.ndarray) -> np.ndarray:
    a = np.exp(log_a)
    return x + np.square(np.sin(a * x)) / a


# by the name of the class in rrn/activations/baselines.py or torch.nn: the names of its parameters, and its values
PARAMETRIC: dict[str, tuple[tuple[str, ...], Callable[..., np.ndarray]]] = {
    "PELU": (("log_a", "log_b"), _pelu),
    "PReLU": (("weight",), lambda x, weight: np.where(x >= 0, x, weight * x)),
    "Snake": (("log_a",), _snake),
    "Swish": (("b",), lambda x, b: x * _sigmoid(b * x)),
}


def evaluate(kind: str, parameters: Parameters, x: np.ndarray) -> np.ndarray:
    """Evaluate the activation of a class of PARAMETRIC at x [K], [K, channels], or [K, 1] if these do not differ."""
    names, function = PARAMETRIC[kind]
    return function(x[:, None], *(np.atleast_1d(parameters[name]) for name in names))
