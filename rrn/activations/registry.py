"""Table of the activations by name; each is imported when it is chosen.

A class is instantiated once for each activation site of a network. A function makes the modules of all sites, first to
last, from their number, the channels at each and the options of the activation. A module whose output has another
number of channels than its input has the factor as `expansion`; see width_changing.py.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING, Any

from rrn.common.errors import UserError, first_line
from rrn.common.imports import import_string, is_import_string
from rrn.common.renamed import renamed

if TYPE_CHECKING:
    from torch import nn

ACTIVATIONS: dict[str, str | Callable] = {  # or the class or function itself
    "relu": "torch.nn:ReLU",
    "leaky_relu": "torch.nn:LeakyReLU",
    "silu": "torch.nn:SiLU",
    "d_silu": "rrn.activations.baselines:d_silu",
    "pelu": "rrn.activations.baselines:PELU",
    "crelu": "rrn.activations.baselines:CReLU",
    "tanh": "torch.nn:Tanh",
    "gelu": "torch.nn:GELU",
    "elu": "torch.nn:ELU",
    "selu": "torch.nn:SELU",
    "mish": "torch.nn:Mish",
    "softplus": "torch.nn:Softplus",
    "prelu": "rrn.activations.baselines:prelu",
    "swish": "rrn.activations.baselines:Swish",
    "snake": "rrn.activations.baselines:Snake",
    "smooth_leaky_relu": "rrn.activations.baselines:SmoothLeakyReLU",
    "identity": "torch.nn:Identity",
    "maxout": "rrn.activations.width_changing:Maxout",
    "hadamard_tanh": "rrn.activations.width_changing:HadamardTanh",
    "crelu_half": "rrn.activations.width_changing:CReLUHalf",
    "crelu_equal": "rrn.activations.width_changing:CReLUEqual",
    "fourier": "rrn.activations.width_changing:Fourier",
    "fourier_equal": "rrn.activations.width_changing:FourierEqual",
    "rational": "rrn.activations.sharing:rational",
    "recurrent_rational": "rrn.activations.sharing:recurrent_rational",
}

__getattr__ = renamed(__name__, {"named_rationals": "rrn.activations.sites:named_rationals"})


CHANNELS = "channels"  # as an argument of a class: the number of channels at the site


def make_activations(
    name: str, sites: int, *, channels: Sequence[int] | None = None, **options: Any
) -> list[nn.Module]:
    """Make the activation modules of a network, first to last, marked for `rrn.activations.sites`.

    Args:
        name: a key of ACTIVATIONS, or "package.module:Class" for a module of torch or of your own.
        sites: number of activation sites of the network.
        channels: number of input channels or units at each site; None: not known.
        options: those of the activation in conf/act. For a class, its arguments; one that is the word "channels", as in
            num_parameters="channels", is replaced by the number at the site.

    Raises:
        UserError: no such activation, or a class that cannot be imported.
        ValueError: options that do not fit the sites, or that `Rational` rejects.
    """
    if name not in ACTIVATIONS and not is_import_string(name):
        raise UserError(
            f"{name}: expected an activation of ACTIVATIONS in rrn/activations/registry.py, which are "
            f"{', '.join(ACTIVATIONS)}, or a class such as torch.nn:Mish."
        )
    make = ACTIVATIONS.get(name, name)
    if isinstance(make, str):
        make = import_string(make, f"act={name}")
        if name not in ACTIVATIONS and not _is_module(make):
            raise ValueError(f"{name}: expected a torch.nn.Module, a class that derives from it.")
    try:
        if isinstance(make, type):
            modules = [make(**_at_site(options, channels, site)) for site in range(sites)]
        else:
            modules = make(sites, **options) if channels is None else make(sites, channels=channels, **options)
        for module in modules:
            module.is_activation = True
    except (TypeError, AttributeError) as error:
        if name in ACTIVATIONS:
            raise
        raise ValueError(
            f"{name}: it cannot be made with these arguments ({first_line(error)}); change act.kwargs."
        ) from error
    return modules


def _at_site(options: dict[str, Any], channels: Sequence[int] | None, site: int) -> dict[str, Any]:
    """Return the arguments of a class with the number of channels at a site in place of the word."""
    if channels is None or CHANNELS not in options.values():
        return options
    return {key: channels[site] if value == CHANNELS else value for key, value in options.items()}


def _is_module(kind: object) -> bool:
    """Return whether a class makes modules: nothing else that a config.yaml names is called."""
    from torch import nn  # as the imports of the activations, later than this file

    return isinstance(kind, type) and issubclass(kind, nn.Module)
