"""Training the coefficients in another way than the weights: a learning rate of their own, and a penalty."""

from __future__ import annotations

import torch
from torch import Tensor, nn

from rrn.activations.affine_and_chain import RationalChain
from rrn.activations.fitting.formula import check_range
from rrn.activations.rational import Rational


def rational_parameters(model: nn.Module) -> list[nn.Parameter]:
    """The parameters of all rationals in the model, each once, frozen ones included."""
    rationals = [module for module in model.modules() if isinstance(module, Rational)]
    return list(dict.fromkeys(p for module in rationals for p in module.parameters()))


def parameter_groups(model: nn.Module, lr: float, lr_rational: float, **rational_options) -> list[dict]:
    """Groups for an optimiser: all other parameters with `lr`, those of rationals with `lr_rational`.

    Args:
        model: the model.
        lr, lr_rational: learning rates.
        rational_options: for the second group too, such as weight_decay=0.

    Frozen parameters are left out. Without any rational, or any other parameter, there is one group.

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
    """The rationals that have coefficients of their own, and chains of them instead of their parts."""
    found = [module for module in model.modules() if isinstance(module, Rational | RationalChain)]
    parts = {part for module in found if isinstance(module, RationalChain) for part in module}
    return [module for module in found if module not in parts]


class ShapePenalty(nn.Module):
    """How far the rationals of a model have moved from their shapes when this was made: a regulariser.

    ::

        penalty = rrn.ShapePenalty(model)
        loss = loss + 1e-2 * penalty()

    Its value, [], is the mean over rationals, rows and points of (R(x) - R_0(x))^2. A penalty on shapes leaves
    free what does not change R, which one on coefficients would not. R_0 is in its state_dict.

    Args:
        model: with rationals in it.
        range, points: where R is compared, evenly spaced.

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
        moved = [y - getattr(self, f"start{i}") for i, y in enumerate(self._shapes())]
        return torch.stack([difference.square().mean() for difference in moved]).mean()
