"""The sign of zero is +1 in the gradients, whichever way torch takes to them: a coefficient at 0 learns.

Where the kernels have no gradient, torch differentiates the reference itself: in forward mode, for torch.func within
torch.compile, in an exported model, and for a second derivative.
"""

from __future__ import annotations

import pytest
import torch
from helpers.marks import slow
from helpers.tensors import coefficients
from torch import nn
from torch.autograd import forward_ad
from torch.func import functional_call, grad, hessian, jacfwd, jacrev, vmap
from torch.fx.experimental.proxy_tensor import make_fx

import rrn
from rrn.activations.ops.operator import rational
from rrn.activations.ops.reference import VERSIONS


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


def by(transform):
    """For all inputs at once, by a transform of torch.func."""
    return lambda loss, *inputs: transform(loss, tuple(range(len(inputs))))(*inputs)


def ensemble(loss, *inputs):
    """Two members with coefficients and inputs of their own, of which the second is the one that is asked for."""
    members = [torch.stack((t + 0.25, t)) for t in inputs]
    return [t[1] for t in vmap(lambda *each: by(grad)(loss, *each))(*members)]  # torch 2.6 compiles no partial


def exported(loss, *inputs):
    class Model(nn.Module):
        def __init__(self):
            super().__init__()
            self.inputs = nn.ParameterList(inputs)

        def forward(self, one):
            return one * loss(*self.inputs)

    one = torch.ones((), dtype=inputs[0].dtype)
    model = torch.export.export(Model(), (one,)).module()
    model(one).backward()
    return [parameter.grad for parameter in model.parameters()]


def compiled(way, backend="aot_eager"):
    def run(loss, *inputs):
        return torch.compile(lambda *inputs: way(loss, *inputs), fullgraph=True, backend=backend)(*inputs)

    return run


QUICK = {
    "eager": eager,
    "to differentiate again": to_differentiate_again,
    "batched": batched,
    "forward mode": forward_mode,
    "func.grad": by(grad),
    "vmap of func.grad": ensemble,
    "jacrev": by(jacrev),
    "jacfwd": by(jacfwd),
    "make_fx": lambda loss, *inputs: make_fx(lambda *t: eager(loss, *t))(*inputs)(*inputs),
}
SLOW = {
    "compile": lambda loss, *inputs: eager(torch.compile(loss, fullgraph=True, backend="aot_eager"), *inputs),
    "compile of func.grad": compiled(by(grad)),
    "compile of vmap of func.grad": compiled(ensemble),
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


def check(way, versions, inputs):
    """Compare the gradients of the sum of R(x)^2 over all versions, each with its own x, a and b of the inputs."""
    triples = [inputs[i : i + 3] for i in range(0, len(inputs), 3)]

    def loss(*inputs):
        values = [rational(*inputs[3 * i : 3 * i + 3], version, 1) for i, version in enumerate(versions)]
        return sum(y.square().sum() for y in values)

    right = [t for version, triple in zip(versions, triples, strict=True) for t in of_squares(version, *triple)]
    for i, (one, other) in enumerate(zip(way(loss, *inputs), right, strict=True)):
        assert torch.allclose(one, other, rtol=1e-9, atol=1e-9), (versions[i // 3], one, other)


@pytest.mark.parametrize("version", VERSIONS)
@pytest.mark.parametrize("way", QUICK)
def test_every_way_gives_the_gradients_that_are_worked_out_by_hand(way, version):
    x, a, b = cases(version)
    check(QUICK[way], version, (x, a, b))
    for g in range(4):  # a row that all elements share
        check(QUICK[way], version, (x[:, g, None], a[g, None], b[g, None]))


@pytest.mark.slow
@pytest.mark.parametrize("way", SLOW)
def test_compiled_and_exported_ways_do_too(way):
    check(SLOW[way], VERSIONS, [t for version in VERSIONS for t in cases(version)])


def of_module(way, module, x):
    """The gradient of the denominator for the sum of R(x)^2, each way; [groups, m]."""

    def loss(x, *rows):
        return functional_call(module, dict(zip(("numerator", "denominator"), rows, strict=True)), (x,)).square().sum()

    return way(loss, x, module.numerator.detach(), module.denominator.detach())[2]


def skip_if_export_loses_modules(way):
    if way == "export" and torch.__version__ < "2.7":
        pytest.skip("torch.export of 2.6 loses a module that is called with other parameters")


IDENTITY = [-18.25, -34.125, -66.0625, -130.03125]  # R(x) = x and dR/db_j = -x^(j + 1) at 1/2, 1 and 2


@pytest.mark.parametrize(
    ("way", "version"),
    [*((way, version) for way in QUICK for version in "ABDN"), pytest.param("export", "A", marks=pytest.mark.slow)],
)
def test_the_denominator_of_an_identity_learns(way, version):
    skip_if_export_loses_modules(way)
    module = rrn.Rational("identity", version=version).eval()
    found = of_module((QUICK | SLOW)[way], module, torch.tensor([0.5, 1, 2]))
    assert found[0].tolist() == pytest.approx(IDENTITY, rel=1e-6)


@pytest.mark.slow
def test_inductor_lets_it_learn_too():
    module = rrn.Rational("identity", (1, 2))  # of few powers, as the compiler takes long
    found = of_module(compiled(by(grad), "inductor"), module, torch.tensor([0.5, 1, 2]))
    assert found[0].tolist() == pytest.approx(IDENTITY[:2], rel=1e-6)


@pytest.mark.slow
def test_the_coefficients_that_higher_degrees_add_learn_in_a_compiled_ensemble():
    module, x = rrn.Rational("tanh", (3, 2)), torch.linspace(-2, 2, 9)
    rrn.change_degrees(module, (5, 4))
    assert module.denominator[0, 2:].tolist() == [0, 0]
    expected = of_module(eager, module, x)
    assert expected[0, 2:].abs().min() > 0.01
    assert torch.allclose(of_module(compiled(ensemble), module, x), expected, rtol=1e-4)


@pytest.mark.parametrize("x", [0.0, -0.0])
@pytest.mark.parametrize("way", QUICK)
def test_the_slope_of_the_default_at_zero_is_that_on_its_right(way, x):
    module = rrn.Rational(dtype=torch.float64)
    (a0, a1), b1 = module.numerator[0, :2].tolist(), module.denominator[0, 0].abs().item()
    found = QUICK[way](lambda x, a, b: rational(x, a, b).sum(), torch.tensor([x]).double(), *module.parameters())[0]
    assert found.item() == pytest.approx(a1 - a0 * b1) == pytest.approx(0.5845, abs=1e-4)


@pytest.mark.parametrize("way", [*QUICK, *slow("export")])
def test_the_denominator_learns_from_a_linear_tail(way):
    """R(x) = x, whose tail at 3 is R(1) + 2 R'(1): dR/db_j = -x^(j + 1) gives -1 - 2 (j + 1); and the same at -3."""
    skip_if_export_loses_modules(way)
    module = rrn.Rational("identity", tail="linear", tail_range=(-1, 1))
    found = of_module((QUICK | SLOW)[way], module, torch.tensor([3.0, -3.0]))
    assert found[0].tolist() == pytest.approx([-60, -84, -108, -132])  # 2 (3 (-1 - 2 (j + 1)) + the same)


SECOND = {
    "autograd": torch.autograd.functional.hessian,
    "hessian": lambda f, t: hessian(f)(t),
    "jacrev of jacrev": lambda f, t: jacrev(jacrev(f))(t),
    "jacfwd of jacfwd": lambda f, t: jacfwd(jacfwd(f))(t),
    "jacrev of jacfwd": lambda f, t: jacrev(jacfwd(f))(t),
}


@pytest.mark.parametrize("version", "ABDN")
@pytest.mark.parametrize("way", SECOND)
def test_second_derivatives_at_zero_are_those_on_its_right(way, version):
    """R(x) = (1 + 2 x + 3 x^2) / (1 + x / 2 + x^2 / 4) has R''(0) = 2 (3 - 2 / 2 + 1 / 4 - 1 / 4).

    And x / (1 + b x + c x^2) at x = 2, b = c = 0 has a slope with the derivatives -2 x and -3 x^2 for b and c, and
    derivatives -x^2 and -x^3 for b and c, with 2 x^3, 2 x^4 and 2 x^5 as theirs.
    """
    a, b = torch.tensor([[1.0, 2, 3]]).double(), torch.tensor([[0.5, 0.25]]).double()
    bend = SECOND[way](lambda x: rational(x, a, b, version).sum(), torch.zeros(1).double())
    assert bend.item() == pytest.approx(4)
    line = torch.tensor([[0.0, 1, 0]]).double()
    found = SECOND[way](lambda t: rational(t[:1], line, t[None, 1:], version).sum(), torch.tensor([2.0, 0, 0]).double())
    assert torch.allclose(found, torch.tensor([[0.0, -4, -12], [-4, 16, 32], [-12, 32, 64]]).double())
