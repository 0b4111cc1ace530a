"""Evaluate a module of torch as a curve, and read what a snapshot keeps of it."""

from __future__ import annotations

import numpy as np
import torch
from torch import nn

from rrn.activations.affine_and_chain import RationalChain
from rrn.activations.baselines import PELU, Snake, Swish
from rrn.activations.inspection.parametric import Parameters
from rrn.activations.rational import Rational, RecurrentRational, coefficients_of
from rrn.common.eval_mode import eval_mode
from rrn.frameworks.coefficients import CoefficientDict, coefficients

PARAMETRIC = {kind.__name__: kind for kind in (PELU, nn.PReLU, Snake, Swish)}  # those of parametric.py


@torch.no_grad()
def values(module: nn.Module, x: np.ndarray) -> np.ndarray:
    """Evaluate an activation at x [K] in eval mode, [K, lines]: a line for each row of coefficients or each output."""
    module = coefficients_of(module)
    like = next((p for p in module.parameters() if p.is_floating_point()), torch.empty(0, dtype=torch.float64))
    points = torch.from_numpy(np.asarray(x, dtype=np.float64)).to(like.device)[:, None]  # [K, 1]
    with eval_mode(module):
        if isinstance(module, Rational | RationalChain):
            y = module.evaluate_rows(points)
        else:
            channels = getattr(module, "num_parameters", getattr(module, "lines_from", 1))  # PReLU may have several
            y = module(points.to(like.dtype).expand(-1, channels))
    return y.double().cpu().numpy()


def rows_of(module: nn.Module) -> int:
    """Return the number of rows of coefficients of an activation, 1 for what is no rational."""
    owner = coefficients_of(module)
    return len(next(owner.parameters())) if hasattr(owner, "evaluate_rows") else 1


def recorded(module: nn.Module) -> tuple[str, CoefficientDict | None, Parameters | None]:
    """Return the class name of an activation, the coefficients of a rational, and the parameters of a PARAMETRIC."""
    owner = coefficients_of(module)
    given = coefficients(owner) if type(owner) in (Rational, RecurrentRational) else None
    parameters = None
    if type(owner) in PARAMETRIC.values():
        parameters = {key: _rounded(p) for key, p in owner.named_parameters()}
    return type(owner).__name__, given, parameters


def make_parametric(kind: str, parameters: Parameters) -> nn.Module:
    """Make an activation of a class of PARAMETRIC with these parameters."""
    values = {name: torch.tensor(value) for name, value in parameters.items()}
    module = nn.PReLU(values["weight"].numel()) if kind == "PReLU" else PARAMETRIC[kind]()
    for name, parameter in module.named_parameters():
        parameter.data.copy_(values[name])
    return module


def _rounded(parameter: torch.Tensor) -> float | list[float]:
    """Return a parameter with 9 digits, which determine a float32."""
    numbers = [float(f"{value:.9g}") for value in parameter.flatten().tolist()]
    return numbers if len(numbers) > 1 else numbers[0]
