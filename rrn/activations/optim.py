"""Train coefficients differently from weights: with their own learning rate, and with a penalty on shapes."""

from __future__ import annotations

import torch
from torch import Tensor, nn

from rrn.activations.affine_and_chain import RationalChain
from rrn.activations.fitting.formula import check_range
from rrn.activations.rational import Rational
from rrn.activations.sites import warn_of_strays


def rational_parameters(model: nn.Module) -> list[nn.Parameter]:
    """Return the parameters of all rationals in the model, each once, frozen ones included.

    Warns of sites whose coefficients are not in the model, and of rationals that the model does not call.
    """
    warn_of_strays(model)
    rationals = [module for module in model.modules() if isinstance(module, Rational)]
    return list(dict.fromkeys(p for module in rationals for p in module.parameters()))


def parameter_groups(model: nn.Module, lr: float, lr_rational: float, **rational_options) -> list[dict]:
    """Make the parameter groups of an optimiser: coefficients of rationals with `lr_rational`, the rest with `lr`.

    Args:
        model: the model to train.
        lr, lr_rational: learning rates.
        rational_options: further settings of the group of coefficients, such as weight_decay=0.

    Returns:
        The group of the other parameters, then that of the coefficients; frozen parameters are left out, and so is a
        group without parameters.

    Raises:
        ValueError: a learning rate below 0, or NaN.
    """
    if not (lr >= 0 and lr_rational >= 0):
        raise ValueError(f"expected learning rates of 0 or more, got {lr} and {lr_rational}.")
    coefficients = rational_parameters(model)
    known = {id(p) for p in coefficients}
    others = [p for p in model.parameters() if id(p) not in known]
    groups = [
        {"params": [p for p in others if p.requires_grad], "lr": lr},
        {"params": [p for p in coefficients if p.requires_grad], "lr": lr_rational, **rational_options},
    ]
    return [group for group in groups if group["params"]]


def _owners(model: nn.Module) -> list[nn.Module]:
    """Return the rationals with their own coefficients; a chain of them instead of its parts."""
    rationals = [module for module in model.modules() if isinstance(module, Rational | RationalChain)]
    parts = {part for module in rationals if isinstance(module, RationalChain) for part in module}
    return [module for module in rationals if module not in parts]


class ShapePenalty(nn.Module):
    """Regulariser that keeps the rationals of a model near their shapes at the time it is made.

    ::

        penalty = rrn.ShapePenalty(model)
        loss = loss + 1e-2 * penalty()

    Its value, [], is the mean over rationals, rows and points of (R(x) - R_0(x))^2, where R_0 is the shape at the
    start, which is in its state_dict. Unlike a penalty on coefficients, it allows their changes that leave R as it is.

    Args:
        model: a model with rationals in it.
        range, points: interval (low, high), and number of evenly spaced points in it where R and R_0 are compared.

    Raises:
        ValueError: no rational in the model, no such range, or no point in it.
    """

    def __init__(self, model: nn.Module, range: tuple[float, float] = (-3.0, 3.0), points: int = 61):
        super().__init__()
        owners = _owners(model)
        if not owners:
            raise ValueError("expected a model with rationals in it; it has none.")
        check_range(range)
        if points < 1:
            raise ValueError(f"points: expected 1 or more, got {points}.")
        object.__setattr__(self, "owners", owners)  # past nn.Module: they belong to the model
        like = next(owners[0].parameters())
        self.register_buffer("x", torch.linspace(*range, points, dtype=like.dtype, device=like.device)[:, None])
        for i, start in enumerate(self._shapes()):
            self.register_buffer(f"start{i}", start.detach().clone())

    def _shapes(self) -> list[Tensor]:
        return [module.evaluate_rows(self.x) for module in self.owners]

    def forward(self) -> Tensor:
        differences = [y - getattr(self, f"start{i}") for i, y in enumerate(self._shapes())]
        return torch.stack([difference.square().mean() for difference in differences]).mean()
