"""The largest curvature is the eigenvalue of the Hessian, and the distance that of all parameters together."""

from __future__ import annotations

import pytest
import torch
from torch.nn import functional as F

import rrn
from rrn.metrics.curvature import distance, largest_curvature


@pytest.mark.parametrize("eigenvalues", [[1.0, 5.0, -2.0], [1.0, -7.0, 3.0]])
def test_it_is_the_largest_eigenvalue_with_its_sign(eigenvalues):
    turn, _ = torch.linalg.qr(torch.randn(3, 3, generator=torch.Generator().manual_seed(1)))
    matrix = turn @ torch.diag(torch.tensor(eigenvalues)) @ turn.T
    x, y = torch.zeros(2, requires_grad=True), torch.zeros(1, requires_grad=True)
    both = torch.cat((x, y))
    expected = max(eigenvalues, key=abs)
    assert largest_curvature(both @ matrix @ both / 2, [x, y], 60) == pytest.approx(expected, rel=1e-4)


@pytest.mark.parametrize("act", [torch.nn.Tanh, rrn.Rational])
def test_it_is_that_of_the_whole_hessian_of_a_network(act):
    torch.manual_seed(0)
    network = torch.nn.Sequential(torch.nn.Linear(4, 5), act(), torch.nn.Linear(5, 3)).double()
    inputs, labels = torch.randn(20, 4).double(), torch.randint(3, (20,))
    parameters = dict(network.named_parameters())
    flat = torch.cat([p.detach().flatten() for p in parameters.values()])

    def loss_of(values):
        parts = values.split([p.numel() for p in parameters.values()])
        own = {name: part.view_as(p) for (name, p), part in zip(parameters.items(), parts, strict=True)}
        return F.cross_entropy(torch.func.functional_call(network, own, (inputs,)), labels)

    eigenvalues = torch.linalg.eigvalsh(torch.autograd.functional.hessian(loss_of, flat))
    wanted = max(eigenvalues.tolist(), key=abs)
    found = largest_curvature(F.cross_entropy(network(inputs), labels), list(network.parameters()), 200)
    assert found == pytest.approx(wanted, rel=1e-3)


def test_a_linear_loss_has_no_curvature_and_one_that_is_not_finite_no_number():
    x = torch.ones(3, requires_grad=True)
    assert largest_curvature(x.sum(), [x, torch.ones(2, requires_grad=True)]) == 0
    assert largest_curvature((x * float("inf")).exp().sum() * (x - x).sum(), [x]) != 0


def test_the_distance_is_that_of_all_parameters():
    assert distance([torch.tensor([3.0, 0.0]), torch.tensor(4.0)], [torch.zeros(2), torch.tensor(0.0)]) == 5
