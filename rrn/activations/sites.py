"""Find the activation sites of a model, each with its name."""

from __future__ import annotations

import warnings
from collections.abc import Iterator

from torch import nn

from rrn.activations.affine_and_chain import RationalChain
from rrn.activations.baselines import PELU, CReLU, DSiLU, SmoothLeakyReLU, Snake, Swish
from rrn.activations.rational import Rational, SharedRational
from rrn.activations.width_changing import Fourier, HadamardTanh, Maxout
from rrn.common.renamed import renamed

# fmt: off
PLAIN = (  # element-wise activations of torch, and those of baselines.py and width_changing.py
    nn.CELU, nn.ELU, nn.GELU, nn.Hardshrink, nn.Hardsigmoid, nn.Hardswish, nn.Hardtanh, nn.LeakyReLU, nn.LogSigmoid,
    nn.Mish, nn.PReLU, nn.ReLU, nn.ReLU6, nn.RReLU, nn.SELU, nn.SiLU, nn.Sigmoid, nn.Softplus, nn.Softshrink,
    nn.Softsign, nn.Tanh, nn.Tanhshrink, nn.Threshold, CReLU, DSiLU, Fourier, HadamardTanh, Maxout, PELU,
    SmoothLeakyReLU, Snake, Swish,
)
# fmt: on

__getattr__ = renamed(__name__, {"places": "rrn.activations.sites:named_activations"})


def named_activations(model: nn.Module) -> Iterator[tuple[str, nn.Module]]:
    """Yield name and module of each activation in the model, in its order; the name of the model itself is "".

    Activations are the modules of known classes, and those with a true attribute `is_activation`. Each site of a
    recurrent rational has its own name. A module that is registered several times without `again()` counts once.

    Warns of sites whose coefficients are not in the model, and of rationals that the model does not call.

    Raises:
        ValueError: `model` is not a module.
    """
    if not isinstance(model, nn.Module):
        raise ValueError(f"expected a model, which is a torch.nn.Module, got {type(model).__name__}.")
    seen: set[nn.Module] = set()

    def walk(module: nn.Module, name: str) -> Iterator[tuple[str, nn.Module]]:
        if module in seen:
            return
        seen.add(module)
        if isinstance(module, (*PLAIN, Rational, RationalChain, SharedRational)) or getattr(
            module, "is_activation", False
        ):
            yield name, module
            return  # the parts of an activation are not sites
        for key, child in module.named_children():
            yield from walk(child, f"{name}.{key}".lstrip("."))

    yield from walk(model, "")
    warn_of_strays(model)


def warn_of_strays(model: nn.Module) -> None:
    """Warn of sites in a model that do not train: their coefficients are elsewhere, or the model never calls them.

    A model that is such a site itself is accepted.
    """
    inside = set(model.modules())
    modules = dict(model.named_modules())
    strays = [name for name, m in modules.items() if isinstance(m, SharedRational) and m.owner not in inside]
    if strays and not isinstance(model, SharedRational):
        warnings.warn(
            f"{', '.join(strays)}: the coefficients are of a RecurrentRational that is not in this model, so it "
            "neither trains, moves nor saves them; put the RecurrentRational itself at the first site.",
            stacklevel=3,
        )
    hidden = [
        f"{name}.{key}".lstrip(".")
        for name, parent in modules.items()
        for key, child in parent.named_children()
        if isinstance(child, Rational | SharedRational) and key in vars(parent)
    ]
    if hidden:  # torch.nn.TransformerDecoderLayer.__setstate__ does that in each copy, with any module
        warnings.warn(
            f"{', '.join(hidden)}: the model does not call this rational, as its layer has another attribute of that "
            "name (a copy of a decoder layer of torch has relu there); assign an activation to it again.",
            stacklevel=3,
        )


def named_rationals(model: nn.Module) -> Iterator[tuple[str, Rational]]:
    """Yield name and module of each `Rational` in the model; further sites that share its coefficients are left out."""
    for name, module in model.named_modules():
        if isinstance(module, Rational):
            yield name, module
