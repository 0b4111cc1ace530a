"""Evaluate rationals on tensors that consist of others: nested tensors, and DTensors of torch.distributed."""

from __future__ import annotations

import sys
from collections.abc import Callable
from functools import cache
from typing import Any

import torch
from torch import Tensor


def by_parts(function: Callable[..., Tensor], x: Tensor, numerator: Tensor, denominator: Tensor, *rest: Any) -> Tensor:
    """Apply `function`, which works element by element, to the parts of a nested tensor.

    Args:
        function: `operator.rational`, or another with x, numerator, denominator, version and axis as first arguments.
        x: nested tensor, strided or jagged.
        numerator, denominator: coefficients, [G, ...].
        rest: version, axis and further arguments of `function`.

    Returns:
        A nested tensor like x.

    Raises:
        ValueError: for G > 1, an axis that is the batch or, of a jagged tensor, the ragged one.
    """
    version, axis, *others = rest
    jagged = x.layout is torch.jagged
    ragged = getattr(x, "_ragged_idx", 1)
    if len(numerator) > 1:
        axis %= x.dim()
        if axis == 0 or (jagged and axis == ragged):
            raise ValueError(
                f"expected groups along an axis of fixed size; in a nested tensor, axis {axis} has none. Set axis=-1, "
                "for example."
            )
        axis -= 1
    arguments = numerator, denominator, version, axis, *others
    if jagged:
        values = function(x.values(), *arguments)
        offsets, lengths = x.offsets(), x.lengths()  # type: ignore[attr-defined]
        return torch.nested.nested_tensor_from_jagged(values, offsets, lengths, jagged_dim=ragged)
    return torch.nested.as_nested_tensor([function(part, *arguments) for part in x.unbind()])


def check_subclasses(*tensors: Tensor) -> None:
    """Prepare the operator for DTensors, and refuse what it cannot take.

    Args:
        tensors: input, numerator and denominator.

    Raises:
        ValueError: DTensors together with other tensors, or a masked tensor.
    """
    kinds = {type(tensor).__name__ for tensor in tensors}
    if "MaskedTensor" in kinds:
        raise ValueError("expected a tensor without a mask, got a MaskedTensor; call the activation on get_data().")
    if "torch.distributed.tensor" not in sys.modules:
        return
    from torch.distributed.tensor import DTensor

    number = sum(isinstance(tensor, DTensor) for tensor in tensors)
    if number in (1, 2):
        raise ValueError(
            "expected input and coefficients that are all DTensors or all none; distribute the module with "
            "torch.distributed.tensor.distribute_module(module, mesh), or call it on to_local()."
        )
    if number:
        _register_shardings()


@cache
def _register_shardings() -> None:
    """Register how the operator and its gradients may be sharded: along any axis but that of groups."""
    from torch.distributed.tensor import Partial, Replicate, Shard
    from torch.distributed.tensor.experimental import register_sharding

    def axes(x: Any, numerator: Any, axis: int) -> list[int]:
        return [i for i in range(x.ndim) if numerator.shape[0] == 1 or i != axis % x.ndim]

    @register_sharding(torch.ops.rrn.rational.default)
    def _(x, numerator, denominator, version, axis):
        whole = Replicate()
        shards = [Shard(i) for i in axes(x, numerator, axis)]
        return [([part], [part, whole, whole, None, None]) for part in (whole, *shards)]

    @register_sharding(torch.ops.rrn.rational_backward.default)
    def _(grad, x, numerator, denominator, version, axis):
        whole = Replicate()
        shards = [Shard(i) for i in axes(x, numerator, axis)]
        everywhere = [whole, whole, whole], [whole, whole, whole, whole, None, None]
        return [
            everywhere,
            *(([part, Partial(), Partial()], [part, part, whole, whole, None, None]) for part in shards),
        ]
