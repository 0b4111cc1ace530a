"""Run several networks of one form as one, with their parameters stacked."""

from __future__ import annotations

from collections.abc import Sequence
from typing import cast

import torch
from torch import Tensor, nn
from torch.func import functional_call
from torch.nn import functional as F

from rrn.activations.baselines import CReLU, DSiLU, SmoothLeakyReLU
from rrn.activations.ops.operator import rational
from rrn.activations.rational import Rational, RecurrentRational, SharedRational, coefficients_of
from rrn.activations.tails import rational_with_tails
from rrn.activations.width_changing import CReLUEqual, CReLUHalf, Fourier, FourierEqual, HadamardTanh, Maxout
from rrn.networks.base import Network

BY_ROW = (  # each row for itself and without parameters, so that one call does for the rows of all networks
    *(nn.ReLU, nn.LeakyReLU, nn.SiLU, nn.Tanh, nn.GELU, nn.ELU, nn.SELU, nn.Mish, nn.Softplus, nn.Identity),
    *(DSiLU, SmoothLeakyReLU, CReLU, CReLUHalf, CReLUEqual, Maxout, Fourier, FourierEqual, HadamardTanh),
)

RATIONALS = (Rational, RecurrentRational, SharedRational)


class StackedNetwork:
    """Compute the outputs [S, B, outputs] of S networks, each for its own inputs [S, B, stack, *frame].

    Linear layers are one batched product, rationals one call with a group of coefficients for each network. All else
    goes through `torch.vmap`.

    Args:
        networks: S of one form; their parameters are copied.

    Attributes:
        parameters: [S, *shape] by name. The weights of linear layers are [S, inputs, outputs], the other way round than
            in the networks, which saves a copy of each gradient.

    Raises:
        ValueError: the networks have buffers, such as the statistics of batch normalisation, or rationals with noise.
    """

    def __init__(self, networks: Sequence[Network]):
        self.form = networks[0]  # its parameters are not read again
        if any(True for _ in self.form.buffers()):
            raise ValueError("expected networks without buffers, such as those of batch normalisation")
        if any(isinstance(module, Rational) and module.version == "D" for module in self.form.modules()):
            raise ValueError("expected rationals without noise, another version than D")
        self.chain = isinstance(self.form.layers, nn.Sequential)
        linear = self.form.layers.named_children() if self.chain else ()
        self.transposed = {f"layers.{name}.weight" for name, layer in linear if type(layer) is nn.Linear}
        self.names = {id(parameter): name for name, parameter in self.form.named_parameters()}
        self.parameters: dict[str, nn.Parameter] = {}
        own = [dict(network.named_parameters()) for network in networks]
        for name, parameter in self.form.named_parameters():
            stacked = self.stack(name, [parameters[name].detach() for parameters in own])
            self.parameters[name] = nn.Parameter(stacked, requires_grad=parameter.requires_grad)

    def stack(self, name: str, values: Sequence[Tensor]) -> Tensor:
        """Stack values like a parameter, one of each network, as `parameters` has it."""
        stacked = torch.stack(list(values))
        return stacked.mT.contiguous() if name in self.transposed else stacked

    def unstack(self, name: str, stacked: Tensor) -> Sequence[Tensor]:
        """Return the values of each network, views in the shape of its parameter."""
        return (stacked.mT if name in self.transposed else stacked).unbind()

    def __call__(self, x: Tensor) -> Tensor:
        x = self.form.preprocess(x.flatten(0, 1)).unflatten(0, x.shape[:2])
        if not self.chain:
            return self._mapped(self.form.layers, x)
        for name, layer in self.form.layers.named_children():
            x = self._apply(f"layers.{name}", layer, x)
        return x

    def _apply(self, name: str, layer: nn.Module, x: Tensor) -> Tensor:
        """Apply a layer of the chain to [S, B, ...]."""
        parameters = self.parameters
        if type(layer) is nn.Flatten:
            return x.flatten(2)
        if type(layer) is nn.Linear:
            weight, bias = parameters[f"{name}.weight"], parameters.get(f"{name}.bias")
            return x @ weight if bias is None else torch.baddbmm(bias[:, None], x, weight)
        if type(layer) is nn.GroupNorm and layer.num_groups == 1 and layer.affine and x.dim() == 3:
            normalised = F.layer_norm(x, x.shape[2:], eps=layer.eps)
            return torch.addcmul(parameters[f"{name}.bias"][:, None], normalised, parameters[f"{name}.weight"][:, None])
        if type(layer) in RATIONALS:
            return self._rational(cast(Rational, coefficients_of(layer)), x)
        if type(layer) in BY_ROW:
            return layer(x.flatten(0, 1)).unflatten(0, x.shape[:2])
        return self._mapped(layer, x)

    def _rational(self, owner: Rational, x: Tensor) -> Tensor:
        """Apply a rational to [S, B, ...], with a group of coefficients for each network and group."""
        a, b = (self.parameters[self.names[id(c)]].flatten(0, 1) for c in (owner.numerator, owner.denominator))
        if owner.groups > 1:  # an axis of one network
            x = x.movedim(axis := owner.axis % (x.dim() - 1) + 1, 1)
        rows = x.flatten(0, 1) if owner.groups > 1 else x
        if owner.tail_range is None:
            y = rational(rows, a, b, owner.version, 0)
        else:
            y = rational_with_tails(rows, a, b, owner.version, 0, owner.tail_range)
        return y if owner.groups == 1 else y.view(x.shape).movedim(1, axis)

    def _mapped(self, module: nn.Module, x: Tensor) -> Tensor:
        """Apply any module, each network with its own parameters."""
        own = {name: self.parameters[self.names[id(parameter)]] for name, parameter in module.named_parameters()}
        return torch.vmap(lambda values, rows: functional_call(module, values, rows), randomness="different")(own, x)
