"""Rational activations as modules: `Rational`, and `RecurrentRational` for several activation sites of one network.

The operator is in ops/operator.py, the starting coefficients are in fitting/presets.py.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence

import torch
from torch import Tensor, nn

from rrn.activations.fitting.formula import VERSIONS, check_form, is_range, real_poles, whole
from rrn.activations.fitting.presets import initial_coefficients
from rrn.activations.functions import as_function
from rrn.activations.ops.operator import FLOATS, is_nested, rational
from rrn.activations.ops.reference import gradients
from rrn.activations.ops.subclasses import by_parts
from rrn.activations.ops.torch_private import refuse_script
from rrn.common.renamed import renamed, renamed_method

torch.fx.wrap("rational")  # one call in a traced graph: its checks read the input, which tracing cannot follow
torch.fx.wrap("rational_with_tails")
TAILS = ("rational", "linear")

__getattr__ = renamed(
    __name__,
    {
        "Place": "rrn.activations.rational:SharedRational",
        "owner_of": "rrn.activations.rational:coefficients_of",
    },
)


class Rational(nn.Module):
    """A learnable activation R(x) = P(x) / Q(x) (Molina et al. 2020).

    Args:
        init: the function to start from: a name such as leaky_relu, tanh, gelu or swish, one of
            `rrn.activations.fitting.functions.NAMES`; a callable on arrays or tensors, which is fitted here; or a pair
            (numerator, denominator) of coefficients, lowest power first.
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

    def __init__(
        self,
        init: str | Callable | tuple[Sequence[float], Sequence[float]] = "leaky_relu",
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
        self.degrees, self.version = check_form(degrees, version)
        groups, axis = (whole(name, value) for name, value in (("groups", groups), ("axis", axis)))
        if groups < 1:
            raise ValueError(f"groups: expected a whole number of at least 1, got {groups!r}.")
        ends = (-3.0, 3.0) if tail == "linear" and tail_range is None else tail_range
        if tail not in TAILS or (tail == "linear") != (ends is not None) or not (ends is None or is_range(ends)):
            raise ValueError(
                f"tail: expected one of {', '.join(TAILS)}, and for linear ones a tail_range (low, high) with low < "
                f"high, got {tail!r} and {tail_range}."
            )
        if dtype not in (None, *FLOATS):
            raise ValueError(f"dtype: expected one of {', '.join(map(str, FLOATS))}, got {dtype}.")
        self.tail_range: tuple[float, float] | None = None if ends is None else tuple(map(float, ends))  # type: ignore[assignment]
        self.init = init if isinstance(init, str) else "fitted" if callable(init) else "given"
        self.groups, self.axis = groups, axis
        numerator, denominator = (
            torch.tensor(row, dtype=dtype or torch.get_default_dtype(), device=device).repeat(groups, 1)
            for row in initial_coefficients(init, self.degrees, version, preset, as_function)
        )
        self.numerator = nn.Parameter(numerator, requires_grad=trainable and train_numerator)
        self.denominator = nn.Parameter(denominator, requires_grad=trainable and train_denominator)

    def forward(self, x: Tensor) -> Tensor:
        return self.evaluate(x, noisy=self.training)

    def evaluate(self, x: Tensor, noisy: bool = False) -> Tensor:
        """Return R(x), with the shape of x; `noisy` makes version D draw its noise, U(0.9, 1.1) per coefficient."""
        numerator: Tensor = self.numerator
        denominator: Tensor = self.denominator
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
            return rational(x, self.numerator, self.denominator, self.version, axis=1)
        return rational_with_tails(x, self.numerator, self.denominator, self.version, 1, self.tail_range)

    each_row = renamed_method("each_row", "evaluate_rows")

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

    __prepare_scriptable__ = refuse_script

    def get_extra_state(self) -> Tensor:
        """Return (version, n, m) as numbers and the range of linear tails, so that the state_dict has only tensors.

        They are floats, so that the mean of two state_dicts, as in a soft update of target networks, keeps them.
        """
        numbers = [VERSIONS.index(self.version), *self.degrees, *(self.tail_range or ())]
        return torch.tensor(numbers, dtype=torch.float64, device="cpu")

    def set_extra_state(self, state: Tensor) -> None:
        """Do nothing: `_load_from_state_dict` has compared the state already."""

    def _load_from_state_dict(self, state_dict, prefix, local_metadata, strict, missing, unexpected, errors):
        saved = state_dict.get(prefix + "_extra_state")
        own = self.get_extra_state()
        known = saved is not None and not saved.is_meta
        same = known and saved.shape == own.shape  # in the dtype of the state, which may have been cast
        if known and not (same and torch.allclose(saved.to(own), own.to(saved.dtype).to(own), rtol=1e-3)):
            there, here = (_form(state.tolist()) for state in (saved, own))
            errors.append(
                f"{prefix.rstrip('.') or 'rational'}: the state has {there}, this module {here}; "
                "build it with the former to load it."
            )
            return
        super()._load_from_state_dict(state_dict, prefix, local_metadata, strict, missing, unexpected, errors)


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


class SharedRational(nn.Module):
    """An activation site that uses the coefficients of a `RecurrentRational` elsewhere in the network.

    It has no parameters. If the owner of the coefficients is not in the model, they are neither trained, moved nor
    saved with it; `rrn.activations.sites.named_activations` warns of that.
    """

    owner: RecurrentRational

    def __init__(self, owner: RecurrentRational):
        super().__init__()
        object.__setattr__(self, "owner", owner)  # past nn.Module, which would register the parameters twice

    def forward(self, x: Tensor) -> Tensor:
        return self.owner.evaluate(x, noisy=self.training)

    def evaluate(self, x: Tensor) -> Tensor:
        """Return R(x) without noise, with the shape of x."""
        return self.owner.evaluate(x)

    def extra_repr(self) -> str:
        return f"shared: {self.owner.extra_repr()}"

    __prepare_scriptable__ = refuse_script


def rational_with_tails(
    x: Tensor, numerator: Tensor, denominator: Tensor, version: str, axis: int, ends: tuple[float, float]
) -> Tensor:
    """Evaluate R(x) between the ends, and the tangent at the nearer end beyond them.

    Arguments and result are those of `rrn.activations.ops.operator.rational`; `ends` is (low, high).
    """
    if is_nested(x):
        return by_parts(rational_with_tails, x, numerator, denominator, version, axis, ends)
    near = x.clamp(*ends)
    y = rational(near, numerator, denominator, version, axis)
    slopes = _slopes(ends, numerator, denominator, version)  # [2, groups]
    groups = len(numerator)
    if groups == 1:
        slopes = slopes[:, 0]
    else:
        axis %= x.dim()
        repeated = slopes.repeat_interleave(x.shape[axis] // groups, dim=1)
        slopes = repeated.reshape(2, -1, *(1,) * (x.dim() - axis - 1))
    return y + (torch.where(x < near, *slopes) * (x - near)).to(x.dtype)  # type: ignore[attr-defined]


def coefficients_of(module: nn.Module) -> nn.Module:
    """Return the module that owns the coefficients of an activation site; for any other module, the module itself."""
    return module.owner if isinstance(module, SharedRational) else module


def poles(module: nn.Module) -> tuple[float, ...]:
    """Return the real poles of all rows of an activation, rising; only a rational of version N can have any."""
    owner = coefficients_of(module)
    if not isinstance(owner, Rational) or owner.version != "N":
        return ()
    return tuple(sorted({pole for row in owner.denominator.tolist() for pole in real_poles(row)}))


def _slopes(ends: tuple[float, float], numerator: Tensor, denominator: Tensor, version: str) -> Tensor:
    """Compute R'(x) at both ends for each row of coefficients, [2, groups]."""
    x = torch.stack([torch.full_like(numerator[:, 0], end) for end in ends])
    return gradients(torch.ones_like(x), x, numerator, denominator, version, axis=1)[0]


def _form(state: list[float]) -> str:
    index, n, m, *tail = state
    return f"version {VERSIONS[round(index)]} with degrees {(round(n), round(m))}" + (
        f" and linear tails at {tail}" if tail else ""
    )
