"""Evaluate a module of torch as a curve, and read what a snapshot keeps of it."""

from __future__ import annotations

import numpy as np
import torch
from torch import nn

from rrn.activations.affine_and_chain import RationalChain
from rrn.activations.baselines import PELU
from rrn.activations.rational import Rational, RecurrentRational, coefficients_of
from rrn.common.eval_mode import eval_mode
from rrn.frameworks.coefficients import CoefficientDict, coefficients


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
            y = module(points.to(like.dtype).expand(-1, getattr(module, "num_parameters", 1)))  # PReLU may have several
    return y.double().cpu().numpy()


def rows_of(module: nn.Module) -> int:
    """Return the number of rows of coefficients of an activation, 1 for what is no rational."""
    owner = coefficients_of(module)
    return len(next(owner.parameters())) if hasattr(owner, "evaluate_rows") else 1


def recorded(module: nn.Module) -> tuple[str, CoefficientDict | None, dict[str, float] | None]:
    """Return the name of the class of an activation, the coefficients of a rational, and the parameters of a PELU."""
    owner = coefficients_of(module)
    given = coefficients(owner) if type(owner) in (Rational, RecurrentRational) else None
    parameters = None
    if isinstance(owner, PELU):
        parameters = {key: float(f"{p.item():.9g}") for key, p in owner.named_parameters()}
    return type(owner).__name__, given, parameters
