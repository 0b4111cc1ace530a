"""Rational activations as modules: `Rational`, and `RecurrentRational` for several activation sites of one network.

The operator is in ops/operator.py, the starting coefficients are in fitting/presets.py.
"""

from __future__ import annotations

import copy
from typing import Any
from weakref import WeakKeyDictionary, ref

import numpy as np
import torch
from torch import Tensor, nn

from rrn.activations.fitting.form import Form, Init
from rrn.activations.fitting.formula import VERSIONS, real_poles
from rrn.activations.fitting.formula import check_form as check_form  # of old pickles
from rrn.activations.fitting.formula import is_range as is_range
from rrn.activations.functions import as_function
from rrn.activations.ops.coefficients import Coefficients, warn_if_unused
from rrn.activations.ops.operator import FLOATS, rational
from rrn.activations.ops.torch_private import refuse_script
from rrn.activations.resettable import Resettable
from rrn.activations.saved_form import SavedForm
from rrn.activations.tails import rational_with_tails
from rrn.common.renamed import renamed, renamed_method

torch.fx.wrap("rational")  # one call in a traced graph: its checks read the input, which tracing cannot follow
torch.fx.wrap("rational_with_tails")

__getattr__ = renamed(
    __name__,
    {
        "Place": "rrn.activations.rational:SharedRational",
        "owner_of": "rrn.activations.rational:coefficients_of",
    },
)


class Rational(SavedForm, Resettable):
    """A learnable activation R(x) = P(x) / Q(x) (Molina et al. 2020).

    Args:
        init: the function to start from: a name such as leaky_relu, tanh, gelu or swish, one of
            `rrn.activations.fitting.functions.NAMES`; a callable on arrays or tensors, which is fitted here; or a pair
            (numerator, denominator) of coefficients, lowest power first, for all groups or with a row for each.
        degrees: (n, m), the degrees of P and Q.
        version: form of Q: A, B, C, D or N, see `rrn.activations.ops.operator.rational`.
        preset: how a name or callable is approximated: "l2" (least squares on [-3, 3]), "minimax" (smallest
            maximum error there) or "wide" (least squares on [-5, 5]).
        groups: number of rows of coefficients; with 1, all elements share one row.
        axis: for groups > 1, the axis of the input that is split into groups.
        tail: "rational", R(x) everywhere; or "linear", the tangents of R outside `tail_range`. The two tangents may
            have different slopes, whereas R with n = m + 1 has the same slope at both ends.
        tail_range: (low, high), where the linear tails begin; None: (-3, 3) for linear tails.
        trainable, train_numerator, train_denominator: False freezes those coefficients.
        device, dtype: of the coefficients.

    Shape: any input shape; the output has the same. `numerator` is [groups, n + 1]; `denominator` is [groups, m], or
    [groups, m + 1] for version C.

    Raises:
        ValueError: unknown name, version, preset or degrees, or a callable that cannot be fitted.
    """

    numerator: nn.Parameter
    denominator: nn.Parameter

    def __init__(
        self,
        init: Init = "leaky_relu",
        degrees: tuple[int, int] = (5, 4),
        version: str = "A",
        *,
        preset: str = "l2",
        groups: int = 1,
        axis: int = 1,
        tail: str = "rational",
        tail_range: tuple[float, float] | None = None,
        trainable: bool = True,
        train_numerator: bool = True,
        train_denominator: bool = True,
        device: torch.device | str | None = None,
        dtype: torch.dtype | None = None,
    ):
        super().__init__()
        form = Form.checked(degrees, version, groups, axis, tail, tail_range)
        if dtype not in (None, *FLOATS):
            raise ValueError(f"dtype: expected one of {', '.join(map(str, FLOATS))}, got {dtype}.")
        self.degrees, self.version, self.tail_range = form.degrees, form.version, form.tail_range
        self.init = init if isinstance(init, str) else "fitted" if callable(init) else "given"
        self.groups, self.axis = form.groups, form.axis
        rows = form.start(init, preset, as_function)
        for name, row, trained in zip(
            ("numerator", "denominator"), rows, (train_numerator, train_denominator), strict=True
        ):
            self._start[name] = row.tolist()
            start = torch.tensor(self._start[name], dtype=dtype or torch.get_default_dtype(), device=device)
            self.register_parameter(name, nn.Parameter(start, requires_grad=trainable and trained))

    def forward(self, x: Tensor) -> Tensor:
        return self.evaluate(x, noisy=self.training)

    def evaluate(self, x: Tensor, noisy: bool = False) -> Tensor:
        """Return R(x), with the shape of x; `noisy` makes version D draw its noise, U(0.9, 1.1) per coefficient."""
        numerator, denominator = self._coefficients()
        if noisy and self.version == "D":
            numerator = numerator * (0.9 + 0.2 * torch.rand_like(numerator))  # vmap supports this, but not uniform_
            denominator = denominator * (0.9 + 0.2 * torch.rand_like(denominator))
        if self.tail_range is None:
            return rational(x, numerator, denominator, self.version, self.axis)
        return rational_with_tails(x, numerator, denominator, self.version, self.axis, self.tail_range)

    def evaluate_rows(self, x: Tensor) -> Tensor:
        """Evaluate each row of coefficients without noise, [K, 1] or [K, groups] to [K, groups]."""
        x = x.expand(-1, self.groups)
        if self.tail_range is None:
            return rational(x, *self._coefficients(), self.version, axis=1)
        return rational_with_tails(x, *self._coefficients(), self.version, 1, self.tail_range)

    def _coefficients(self) -> tuple[Tensor, Tensor]:
        numerator, denominator = self.numerator, self.denominator
        if type(numerator) is Coefficients and not torch.compiler.is_compiling():
            Coefficients.release(numerator, denominator)
        return numerator, denominator

    each_row = renamed_method("each_row", "evaluate_rows")

    @property
    def form(self) -> Form:
        """Degrees, version, groups, axis and tails, as modules of the other frameworks have them."""
        return Form(self.degrees, self.version, self.groups, self.axis, self.tail_range)

    def coefficients(self) -> tuple[np.ndarray, np.ndarray]:
        """Return copies of numerator and denominator as arrays of NumPy, float32 at least."""
        rows = (c.detach().to("cpu", torch.promote_types(c.dtype, torch.float32)) for c in self._coefficients())
        numerator, denominator = (c.numpy().copy() for c in rows)
        return numerator, denominator

    def freeze(self) -> Rational:
        """Stop training the coefficients, and return the module itself."""
        return self.requires_grad_(False)

    def unfreeze(self) -> Rational:
        """Train all coefficients, and return the module itself."""
        return self.requires_grad_(True)

    def extra_repr(self) -> str:
        parts = [f"{self.init}", f"version={self.version}", f"degrees={self.degrees}"]
        if self.groups > 1:
            parts.append(f"groups={self.groups}, axis={self.axis}")
        if self.tail_range:
            parts.append(f"tail=linear outside {list(self.tail_range)}")
        frozen = [name for name, p in self.named_parameters(recurse=False) if not p.requires_grad]
        if frozen:
            parts.append(f"frozen: {' and '.join(frozen)}")
        return ", ".join(parts)

    def _form(self) -> list[float]:
        return [VERSIONS.index(self.version), *self.degrees, *(self.tail_range or ())]

    __prepare_scriptable__ = refuse_script


class RecurrentRational(Rational):
    """A `Rational` whose coefficients several activation sites of a network share (Delfosse et al. 2021, section 3).

    The object itself is the first site and owns the coefficients; each `again()` makes one more site::

        act = RecurrentRational()
        nn.Sequential(conv1, act, conv2, act.again(), head, act.again())

    The parameters appear once in `parameters()` and `state_dict()`, and each site has its own name.
    """

    def again(self) -> SharedRational:
        """Make one more site with these coefficients; the object itself must be in the model too, to be trained."""
        return SharedRational(self)

    def __deepcopy__(self, memo: dict) -> RecurrentRational:
        """Copy the module; sites that are copied with it, earlier or later, get the copy as their owner."""
        twin = _copied(self, self.__dict__, memo)
        for site in memo.pop((SharedRational, id(self)), ()):
            site.set_owner(twin)
        return twin

    def _replicate_for_data_parallel(self) -> RecurrentRational:
        replica = super()._replicate_for_data_parallel()  # type: ignore[operator]
        older = [reference for reference in _replicas.get(self, ()) if reference() is not None]
        _replicas[self] = [ref(replica), *older]
        return replica


_replicas: WeakKeyDictionary[RecurrentRational, list[ref]] = WeakKeyDictionary()  # of nn.DataParallel, newest first


class SharedRational(nn.Module):
    """An activation site that uses the coefficients of a `RecurrentRational` elsewhere in the network.

    It has no parameters. If the owner of the coefficients is not in the model, they are neither trained, moved nor
    saved with it; `rrn.activations.sites.named_activations` and `rrn.parameter_groups` warn of that. A deep copy of a
    model has its own coefficients; that of a part without the owner shares those of the original.
    """

    owner: RecurrentRational

    def __init__(self, owner: RecurrentRational):
        super().__init__()
        self.set_owner(owner)

    def set_owner(self, owner: RecurrentRational) -> None:
        """Use the coefficients of this module from now on."""
        object.__setattr__(self, "owner", owner)  # past nn.Module, which would register the parameters twice

    def __deepcopy__(self, memo: dict) -> SharedRational:
        """Copy the site; its owner is the copy of the owner if that is copied too, or else the owner itself."""
        twin = _copied(self, {key: value for key, value in self.__dict__.items() if key != "owner"}, memo)
        twin.set_owner(memo.get(id(self.owner), self.owner))
        if id(self.owner) not in memo:
            memo.setdefault((SharedRational, id(self.owner)), []).append(twin)
        return twin

    def forward(self, x: Tensor) -> Tensor:
        owner = self._owner_for(x)
        if torch.is_grad_enabled() and not torch.compiler.is_compiling():
            warn_if_unused(owner.numerator, owner.__dict__.get("_start", {}))
        try:
            if owner.version != "D" or owner.training == self.training:
                return owner.forward(x)  # which accelerate replaces, to load the coefficients for the call
            return owner.evaluate(x, noisy=self.training)
        except (RuntimeError, ValueError) as error:
            if hasattr(owner.numerator, "placements") or not owner.numerator.numel():
                raise ValueError(SHARDED) from error
            raise

    def _owner_for(self, x: Tensor) -> RecurrentRational:
        """Return the owner, or in a replica of nn.DataParallel, the replica of the owner on the device of x."""
        owner = self.owner
        if "_is_replica" in self.__dict__:
            replicas = (reference() for reference in _replicas.get(owner, ()))
            return next((module for module in replicas if module and module.numerator.device == x.device), owner)
        if "numerator" not in owner._parameters and not torch.compiler.is_compiling() and _is_freed(owner.numerator):
            raise ValueError(SHARDED)  # reading the memory would end the process
        return owner

    def evaluate(self, x: Tensor) -> Tensor:
        """Return R(x) without noise, with the shape of x."""
        return self.owner.evaluate(x)

    @property
    def form(self) -> Form:
        """Form of the owner's rational."""
        return self.owner.form

    def coefficients(self) -> tuple[np.ndarray, np.ndarray]:
        """Return copies of the owner's numerator and denominator as arrays of NumPy."""
        return self.owner.coefficients()

    def extra_repr(self) -> str:
        return f"shared: {self.owner.extra_repr()}"

    __prepare_scriptable__ = refuse_script


SHARDED = (
    "expected the coefficients of this site's RecurrentRational, but FSDP has sharded them with another layer; "
    "register the RecurrentRational at the top of the model (self.act = act), and put act.again() into each layer."
)


def _copied(module: nn.Module, state: dict, memo: dict) -> Any:
    """Make a deep copy of a module from (a part of) its attributes."""
    twin = memo[id(module)] = module.__new__(type(module))
    twin.__setstate__(copy.deepcopy(state, memo))
    return twin


def coefficients_of(module: nn.Module) -> nn.Module:
    """Return the module that owns the coefficients of an activation site; for any other module, the module itself."""
    return module.owner if isinstance(module, SharedRational) else module


def poles(module: nn.Module) -> tuple[float, ...]:
    """Return the real poles of all rows of an activation, rising; only a rational of version N can have any."""
    owner = coefficients_of(module)
    if not isinstance(owner, Rational) or owner.version != "N":
        return ()
    return tuple(sorted({pole for row in owner.denominator.tolist() for pole in real_poles(row)}))


def _is_freed(coefficients: Tensor) -> bool:
    try:
        return not coefficients.untyped_storage().nbytes()
    except (RuntimeError, NotImplementedError):  # within a transform of torch.func
        return False
