"""The module of torch that `FunctionFit.as_module` makes."""

from __future__ import annotations

from collections.abc import Callable

from torch import Tensor, nn

from rrn.activations.fitting.functions import affine_formula


class FittedFunction(nn.Module):
    """Activation a f(c x + d) + b without parameters, on tensors of any shape; f is a function on tensors."""

    is_activation = True

    def __init__(self, name: str, function: Callable[[Tensor], Tensor], a: float, b: float, c: float, d: float):
        super().__init__()
        self.name, self.function = name, function
        self.a, self.b, self.c, self.d = a, b, c, d

    def forward(self, x: Tensor) -> Tensor:
        return self.a * self.function(self.c * x + self.d) + self.b

    def extra_repr(self) -> str:
        return affine_formula(self.name, self.a, self.b, self.c, self.d)
