"""Operator behind every rational activation: checks, and the choice of the path.

`rational` takes the first row that holds:

    caller                                       path                         why
    torch.compile, of torch.func or for export   reference.rational           plain torch, which both can take apart
    torch.compile                                torch.ops.rrn.rational       one node of the graph, with our kernels
    forward-mode AD, as in torch.func.jvp        reference.rational           torch knows its derivatives
    torch.onnx.export(dynamo=False)              reference.rational           ONNX does not know our operator
    torch.jit.trace within plain_operations()    reference.rational           what is saved must run without rrn
    torch.func: grad, vmap and others            library.TransformedRational  they take no gradient of torch.library
    torch.jit.trace, make_fx, tensor subclasses  torch.ops.rrn.rational       one operator to record or to dispatch
    eager, where a gradient is wanted            _Rational                    our kernels without the dispatcher
    eager                                        kernels.forward              the same without autograd

The dispatcher and a Python kernel cost 15 microseconds more forward and 30 backward than the eager paths, which is much
for a small network (scripts/bench/activation.py).
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

import torch
from torch import Tensor, nn

from rrn.activations.fitting.formula import VERSIONS
from rrn.activations.ops import kernels, reference
from rrn.activations.ops.coefficients import Coefficients
from rrn.activations.ops.library import TransformedRational
from rrn.activations.ops.subclasses import by_parts, check_subclasses
from rrn.activations.ops.torch_private import SingleLevelFunction, functorch_active, is_recorded, under_forward_ad

# exported programs and ONNX files must run without rrn; before torch 2.7 they keep the operator
is_exporting = getattr(torch.compiler, "is_exporting", lambda: False)
FLOATS = (torch.float32, torch.float64, torch.bfloat16, torch.float16)  # of inputs and of coefficients
PLAIN_TENSORS = (Tensor, nn.Parameter)  # classes of coefficients on the eager paths; others have their own rules
_plain = False  # within plain_operations()


@contextmanager
def plain_operations() -> Iterator[None]:
    """Context manager within which torch.jit.trace records rationals as operations of torch, which run without rrn."""
    global _plain
    before, _plain = _plain, True
    try:
        yield
    finally:
        _plain = before


def rational(x: Tensor, numerator: Tensor, denominator: Tensor, version: str = "A", axis: int = 1) -> Tensor:
    """Evaluate R(x) = P(x) / Q(x) element by element.

    P(x) = sum_i a_i x^i, and Q(x) by version (Molina et al. 2020, section 3, has A as its safe form):
    A: 1 + sum_j |b_j x^j|, B: 1 + |sum_j b_j x^j|, C: 0.1 + |sum_j b_j x^j| with j from 0,
    N: 1 + sum_j b_j x^j, where R may have poles. D is B; its noise is drawn in rrn/activations/rational.py.

    Arithmetic is float32 at least; no power overflows for a finite x, see docs/details.md no. 17.
    sign(0) is +1 in all gradients. Of tensors as large as x, only x is kept for backward.

    Args:
        x: input, any shape, strides and float dtype.
        numerator: [G, n + 1], lowest power first.
        denominator: [G, m], or [G, m + 1] for version C, lowest power first.
        version: one of A, B, C, D, N.
        axis: for G > 1, the axis of x whose size is a multiple of G; its consecutive
            elements share one row of coefficients.

    Returns:
        R(x), with the shape and dtype of x.

    Raises:
        ValueError: unknown version, coefficients of another shape, dtype or device, an axis whose size is not a
            multiple of G, or x that is not a dense tensor of a float dtype.
    """
    if is_nested(x):
        return by_parts(rational, x, numerator, denominator, version, axis)
    _check(x, numerator, denominator, version, axis)
    if torch.compiler.is_compiling():
        plain = functorch_active() or is_exporting()
        return (reference if plain else torch.ops.rrn).rational(x, numerator, denominator, version, axis)
    if type(numerator) is Coefficients or type(denominator) is Coefficients:  # of a module that was not called yet
        Coefficients.release(numerator, denominator)
    if under_forward_ad() or (is_recorded() and (_plain or torch.onnx.is_in_onnx_export())):
        return reference.rational(x, numerator, denominator, version, axis)
    if functorch_active():
        return TransformedRational.apply(x, numerator, denominator, version, axis)
    own = type(x) is Tensor and type(numerator) in PLAIN_TENSORS and type(denominator) in PLAIN_TENSORS
    if not own:
        check_subclasses(x, numerator, denominator)
    if not own or x.is_neg() or is_recorded() or not kernels.have_memory(x, numerator, denominator):
        return torch.ops.rrn.rational(x, numerator, denominator, version, axis)
    if torch.is_grad_enabled() and (x.requires_grad or numerator.requires_grad or denominator.requires_grad):
        return _Rational.apply(x, numerator, denominator, (version, axis))
    return kernels.forward(x, numerator, denominator, version, axis)


def is_nested(x: Tensor) -> bool:
    """Check the input of an activation, and return whether it is a nested tensor.

    Raises:
        ValueError: not a tensor, a sparse one, or one of a dtype other than FLOATS.
    """
    if not isinstance(x, Tensor):
        raise ValueError(f"expected a tensor, got {type(x).__name__}; torch.as_tensor(...) makes one.")
    if x.dtype not in FLOATS:
        raise ValueError(
            f"expected an input of float32, float64, bfloat16 or float16, got {x.dtype}; convert it, as in x.float()."
        )
    if x.is_nested:
        return True
    if x.layout is not torch.strided:
        raise ValueError(f"expected a dense tensor, got one of {x.layout}; call the activation on x.to_dense().")
    return False


def _check(x: Tensor, numerator: Tensor, denominator: Tensor, version: str, axis: int) -> None:
    if version not in VERSIONS:
        raise ValueError(f"version: expected one of {', '.join(VERSIONS)}, got {version!r}.")
    for name, tensor in (("numerator", numerator), ("denominator", denominator)):
        if tensor.dtype not in FLOATS or tensor.device != x.device:
            raise ValueError(
                f"expected a {name} of a float type on {x.device}, where the input is, got {tensor.dtype} on "
                f"{tensor.device}; coefficients move with the module that owns them."
            )
    a, b = numerator.shape, denominator.shape
    if len(a) != 2 or len(b) != 2 or a[1] < 2 or b[1] < 1:
        raise ValueError(
            "expected a numerator [G, n + 1] and a denominator [G, m] with n and m of at least 1, "
            f"got shapes {tuple(a)} and {tuple(b)}."
        )
    groups = a[0]
    if groups != b[0] or groups < 1:
        raise ValueError(f"expected as many rows in the denominator as in the numerator, got {b[0]} and {groups}.")
    if groups > 1 and (not -x.dim() <= axis < x.dim() or x.shape[axis] % groups):
        raise ValueError(
            f"expected an input whose axis {axis} is a multiple of groups={groups}, got shape {tuple(x.shape)}."
        )


class _Rational(SingleLevelFunction):  # type: ignore[misc, valid-type]
    """Operator for eager code. Double backward uses the reference."""

    @staticmethod
    def forward(ctx, x: Tensor, numerator: Tensor, denominator: Tensor, form: tuple[str, int]) -> Tensor:
        ctx.save_for_backward(x, numerator, denominator)
        ctx.form = form
        return kernels.forward(x, numerator, denominator, *form)

    @staticmethod
    def backward(ctx, grad: Tensor):
        if torch.is_grad_enabled():
            gradients = reference.gradients
        elif torch.compiler.is_compiling():  # compiled autograd traces this
            gradients = torch.ops.rrn.rational_backward
        else:  # grad has no memory in autograd.grad(is_grads_batched=True) and within torch.vmap
            gradients = kernels.backward if kernels.have_memory(grad) else reference.gradients
        return *gradients(grad, *ctx.saved_tensors, *ctx.form), None
