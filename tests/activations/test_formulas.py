"""Each activation of our own computes the formula of its paper, worked out here with the math module."""

import math

import pytest
import torch

from rrn.activations import baselines, width_changing
from rrn.activations.registry import make_activations

POINTS = (-4.0, -0.7, 0.0, 0.3, 2.5)


def sigmoid(x: float) -> float:
    return 1 / (1 + math.exp(-x))


OF_ONE_NUMBER = {
    "pelu": lambda x, a, b: a / b * x if x >= 0 else a * (math.exp(x / b) - 1),  # Trottier et al. 2017
    "swish": lambda x, b: x * sigmoid(b * x),  # Ramachandran et al. 2017
    "snake": lambda x, a: x + math.sin(a * x) ** 2 / a,  # Ziyin et al. 2020
    "smooth_leaky_relu": lambda x: 0.1 * x + 0.9 * x * sigmoid(5 * x / 3),  # Lillo and Cheney 2025, eq. 1
    "mish": lambda x: x * math.tanh(math.log(1 + math.exp(x))),  # Misra 2019
}
LEARNED = {"pelu": (2.0, 0.5), "swish": (1.7,), "snake": (0.6,)}  # in the order of the parameters


@pytest.mark.parametrize("name", OF_ONE_NUMBER)
def test_an_activation_computes_the_formula_of_its_paper_with_the_numbers_it_learned(name):
    (module,) = make_activations(name, 1)
    learned = LEARNED.get(name, ())
    with torch.no_grad():
        for parameter, value in zip(module.parameters(), learned, strict=True):
            parameter.fill_(value if name == "swish" else math.log(value))  # the others learn a logarithm
    expected = [OF_ONE_NUMBER[name](x, *learned) for x in POINTS]
    torch.testing.assert_close(module(torch.tensor(POINTS)), torch.tensor(expected))


def test_the_derivative_of_silu_is_that_of_autograd():
    x = torch.tensor(POINTS, dtype=torch.float64, requires_grad=True)
    (slope,) = torch.autograd.grad(torch.nn.functional.silu(x).sum(), x)
    torch.testing.assert_close(baselines.DSiLU()(x), slope)


def test_maxout_and_the_product_of_tanh_pair_the_first_half_of_the_channels_with_the_second():
    x = torch.tensor([[1.0, -2.0, 0.5, 3.0]])
    torch.testing.assert_close(width_changing.Maxout()(x), torch.tensor([[1.0, 3.0]]))
    expected = [[math.tanh(1.0) * math.tanh(0.5), math.tanh(-2.0) * math.tanh(3.0)]]
    torch.testing.assert_close(width_changing.HadamardTanh()(x), torch.tensor(expected))


def test_concatenating_activations_put_both_functions_of_a_channel_side_by_side():
    x = torch.tensor([[1.0, -2.0]])
    torch.testing.assert_close(baselines.CReLU()(x), torch.tensor([[1.0, 0.0, 0.0, 2.0]]))
    expected = [[math.sin(1.0), math.sin(-2.0), math.cos(1.0), math.cos(-2.0)]]
    torch.testing.assert_close(width_changing.Fourier()(x), torch.tensor(expected))
