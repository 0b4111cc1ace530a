"""The sign of zero is +1 in the gradients, whichever way torch takes to them: a coefficient at 0 learns.

Where the kernels have no gradient, torch differentiates the reference itself: in forward mode, for torch.func within
torch.compile, in an exported model, and for a second derivative.
"""

from __future__ import annotations


import pytest
import torch
from tensors import coefficients
from torch import nn
from torch.autograd import forward_ad
from torch.func import functional_call, grad, hessian, jacfwd, jacrev, vmap
from torch.fx.experimental.proxy_tensor import make_fx

import rrn
from rrn.activations.operator import rational
from rrn.activations.reference import VERSIONS

every_version = pytest.mark.parametrize("version", VERSIONS)
ALL = (0, 1, 2)  # x, numerator and denominator


def eager(loss, *inputs):
    inputs = [t.clone().requires_grad_() for t in inputs]
    return torch.autograd.grad(loss(*inputs), inputs)


def to_differentiate_again(loss, *inputs):
    inputs = [t.clone().requires_grad_() for t in inputs]
    return torch.autograd.grad(loss(*inputs), inputs, create_graph=True)


def batched(loss, *inputs):
    inputs = [t.clone().requires_grad_() for t in inputs]
    value = loss(*inputs)
    found = torch.autograd.grad(value, inputs, torch.ones(1, dtype=value.dtype), is_grads_batched=True)
    return [t[0] for t in found]


def forward_mode(loss, *inputs):
    """One element after the other."""

    def slope(i, direction):
        with forward_ad.dual_level():
            dual = forward_ad.make_dual(inputs[i], direction.view_as(inputs[i]))
            return forward_ad.unpack_dual(loss(*inputs[:i], dual, *inputs[i + 1 :])).tangent

    basis = [torch.eye(t.numel(), dtype=t.dtype) for t in inputs]
    return [torch.stack([slope(i, row) for row in basis[i]]).view_as(t) for i, t in enumerate(inputs)]


def ensemble(loss, *inputs):
    """Two members with coefficients and inputs of their own, of which the second is the one that is asked for."""
    members = [torch.stack((t + 0.25, t)) for t in inputs]
    return [t[1] for t in vmap(grad(loss, ALL))(*members)]


def exported(loss, x, numerator, denominator):
    class Model(nn.Module):
        def __init__(self):
            super().__init__()
            self.numerator, self.denominator = nn.Parameter(numerator), nn.Parameter(denominator)

        def forward(self, x):
            return loss(x, self.numerator, self.denominator)

    model = torch.export.export(Model(), (x,)).module()
    x = x.clone().requires_grad_()
    model(x).backward()
    return x.grad, *(model.get_parameter(name).grad for name in ("numerator", "denominator"))


def compiled(way):
    def run(loss, *inputs):
        return torch.compile(lambda *inputs: way(loss, *inputs), fullgraph=True, backend="aot_eager")(*inputs)

    return run


QUICK = {
    "eager": eager,
    "to differentiate again": to_differentiate_again,
    "batched": batched,
    "forward mode": forward_mode,
    "func.grad": lambda loss, *inputs: grad(loss, ALL)(*inputs),
    "vmap of func.grad": ensemble,
    "jacrev": lambda loss, *inputs: jacrev(loss, ALL)(*inputs),
    "jacfwd": lambda loss, *inputs: jacfwd(loss, ALL)(*inputs),
    "make_fx": lambda loss, *inputs: make_fx(lambda *t: eager(loss, *t))(*inputs)(*inputs),
}
SLOW = {
    "compile": lambda loss, *inputs: eager(torch.compile(loss, fullgraph=True, backend="aot_eager"), *inputs),
    "compile of func.grad": compiled(QUICK["func.grad"]),
    "compile of vmap of func.grad": compiled(ensemble),
    "compile of jacfwd": compiled(QUICK["jacfwd"]),
    "export": exported,
}


def by_hand(version, z, a, b):
    """R(z) and its derivatives for z, a and b, each |u| taken as u where u = 0; all of them lists and floats."""
    first, side = int(version != "C"), sign(z) if version == "A" else 1.0
    powers = [(side * z) ** j for j in range(first, first + len(b))]
    slopes = [side * j * (side * z) ** (j - 1) if j else 0.0 for j in range(first, first + len(b))]
    if version == "A":
        powers, slopes = ([sign(c) * t for c, t in zip(b, row, strict=True)] for row in (powers, slopes))
    outer = sign(dot(b, powers)) if version in "BCD" else 1.0
    q = (0.1 if version == "C" else 1.0) + outer * dot(b, powers)
    r = sum(c * z**i for i, c in enumerate(a)) / q
    slope = sum(i * c * z ** (i - 1) for i, c in enumerate(a) if i) - r * outer * dot(b, slopes)
    return r, slope / q, [z**i / q for i in range(len(a))], [-r * outer * t / q for t in powers]


def sign(u):
    return -1.0 if u < 0 else 1.0


def dot(one, other):
    return sum(s * t for s, t in zip(one, other, strict=True))


def of_squares(version, x, a, b):
    """Gradients by hand of the sum of R(x)^2 for x [K, G], a and b [G, ...]."""
    found = [torch.zeros_like(t) for t in (x, a, b)]
    for k, g in ((k, g) for k in range(len(x)) for g in range(len(a))):
        r, *parts = by_hand(version, x[k, g].item(), a[g].tolist(), b[g].tolist())
        for total, part in zip((found[0][k, g], found[1][g], found[2][g]), parts, strict=True):
            total += 2 * r * torch.tensor(part, dtype=torch.float64)
    return found


def cases(version):
    """x [6, 4], and four rows of coefficients: with none at 0 in the denominator, every second, all; and a row whose
    inputs are at the limit of the powers, where R goes over into its leading power."""
    x = torch.tensor([0.0, -0.0, 0.5, 1, 2, -1.5], dtype=torch.float64)[:, None].repeat(1, 4)
    a, b = coefficients(version, 5, 4, groups=4)
    b[1, ::2], b[2] = -0.0, 0.0
    a[3, :-1] = b[3, :-1] = 0
    x[:, 3] = torch.ones(6).copysign(x[:, 0] - 1) * 2.0 ** (1000 / max(5, b.shape[1]))
    return x, a.clamp(-1, 1), b


def check(way, version, x, a, b):
    found = way(lambda x, a, b: rational(x, a, b, version, 1).square().sum(), x, a, b)
    for one, right in zip(found, of_squares(version, x, a, b), strict=True):
        assert torch.allclose(one, right, rtol=1e-9, atol=1e-9), (one, right)


@every_version
@pytest.mark.parametrize("way", QUICK)
def test_every_way_gives_the_gradients_that_are_worked_out_by_hand(way, version):
    x, a, b = cases(version)
    check(QUICK[way], version, x, a, b)
    for g in range(4):
        check(QUICK[way], version, x[:, g, None], a[g, None], b[g, None])


@every_version
@pytest.mark.parametrize("way", SLOW)
def test_compiled_and_exported_ways_do_too(way, version):
    torch.compiler.reset()
    check(SLOW[way], version, *cases(version))


def identity(version="A", **options):
    """In float64, without noise; and the gradients of its denominator, of x^j, for the sum of R(x)^2 at 1/2, 1 and 2.

    All b_j are 0, so R(x) = x, and dR/db_j = -x |x|^j.
    """
    return rrn.Rational("identity", version=version, **options).eval()


ISSUE = [-18.25, -34.125, -66.0625, -130.03125]  # -2 (0.5^(j + 2) + 1 + 2^(j + 2))


@pytest.mark.parametrize("version", "ABDN")
@pytest.mark.parametrize("way", [*QUICK, "export"])
def test_the_denominator_of_an_identity_learns(version, way):
    module, x = rrn.Rational("identity", version=version).eval(), torch.tensor([0.5, 1, 2])

    def loss(x, *rows):
        return functional_call(module, dict(zip(("numerator", "denominator"), rows, strict=True)), (x,)).square().sum()

    found = (QUICK | SLOW)[way](loss, x, module.numerator.detach(), module.denominator.detach())[2]
    assert found.tolist() == [pytest.approx(ISSUE, rel=1e-6)]
