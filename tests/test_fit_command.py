"""`python -m rrn.fit`: the values of expressions, what is refused, and the whole command."""

from __future__ import annotations

import runpy
import sys

import numpy as np
import pytest

import rrn
from rrn.activations.fitting.expression import parse

X = np.linspace(-3, 3, 101)


@pytest.mark.parametrize(
    ("text", "function"),
    [
        ("x*sigmoid(x)", lambda x: x / (1 + np.exp(-x))),
        ("where(x < 0, 0.01 * x, x)", lambda x: np.where(x < 0, 0.01 * x, x)),
        ("np.maximum(x, -x**2) + 1e-3", lambda x: np.maximum(x, -(x**2)) + 1e-3),
        ("sin(2*pi*x)/e", lambda x: np.sin(2 * np.pi * x) / np.e),
        (" swish(x) - silu(x) + 2", lambda x: np.full_like(x, 2)),
        ("tanh", np.tanh),
        ("3", lambda x: np.full_like(x, 3)),
    ],
)
def test_values_of_expressions(text, function):
    assert np.allclose(parse(text)(X), function(X), rtol=1e-14)


@pytest.mark.parametrize(
    "text",
    [
        "__import__('os').system('true')",
        "x.__class__",
        "np.load('file')",
        "[x for x in x]",
        "lambda: x",
        "(y := x)",
        "'x' * x",
        "y",
        "x if x else x",
        "exp(x, out=x)",
        "1 < x < 2",
        "x +",
        "",
        "2j * x",
        "(" * 500 + "x" + ")" * 500,
    ],
)
def test_anything_else_is_refused(text):
    with pytest.raises(ValueError, match="expression"):
        parse(text)


def run(monkeypatch, capsys, *arguments: str) -> tuple[int, str, str]:
    """Exit code, output and errors of the command."""
    monkeypatch.setattr(sys, "argv", ["rrn.fit", *arguments])
    code = 0
    try:
        runpy.run_module("rrn.fit", run_name="__main__")
    except SystemExit as stop:
        code = stop.code
    return code, *capsys.readouterr()


def test_the_command_prints_the_fit_and_draws_it(monkeypatch, capsys, tmp_path):
    picture = tmp_path / "out.png"
    line = ["x*sigmoid(x)", "--degrees", "5", "4", "--range", "-4", "4", "--plot", str(picture)]
    code, printed, _ = run(monkeypatch, capsys, *line)
    assert code == 0
    found = rrn.fit("silu", range=(-4, 4))
    assert f"version A, degrees (5, 4), l2 on [-4, 4]: largest error {found.largest:.3g}" in printed
    assert "numerator   [" in printed
    assert picture.read_bytes().startswith(b"\x89PNG")
    assert callable(rrn.fit)  # the command has not hidden the function


@pytest.mark.parametrize(
    ("arguments", "sentence"),
    [
        (["1/x"], "finite on the range; it is not at 0"),
        (["exp(x, x, x)"], "exp: expected 1 argument, got 3."),
        (["gelu(x, 1)"], "gelu: expected 1 argument, got 2."),
        (["gleu"], "'gleu' is not known in an expression. Did you mean gelu?"),
        (["1/0*x"], "cannot be computed: float division by zero"),
        (["10**400*x"], "cannot be computed"),
        (["x", "--range", "3", "-3"], "low < high"),
        (["x", "--range", "-1e308", "1e308"], "range: expected numbers of a size from 2.6e-08 to 5.1e+07"),
        (["x", "--range", "-1e-300", "1e-300"], "powers up to x^5 float32 holds, got (-1e-300, 1e-300); rescale x."),
        (["x", "--range", "1", "1"], "low < high"),
        (["x", "--range", "nan", "1"], "--range: expected a number, got nan"),
        (["x", "--degrees", "0", "4"], "at least 1"),
        (["x", "--degrees", "-1", "4"], "at least 1"),
        (["x", "--degrees", "20", "20"], "degrees: expected at most 12 for a fit, got (20, 20)"),
        (["x", "--degrees", "1000", "4"], "expected at most 12"),
        (["0*x/0"], "finite on the range"),
        (
            ["x", "--plot", "nowhere/out.png"],
            "nowhere/out.png: No such file or directory; choose another",
        ),
        (["x", "--plot", "out.nothing"], "out.nothing: expected a name that ends in .png"),
        (["x", "--plot", "out"], "--plot: expected a file such as out.png, got out."),
        (["modf(x)"], "cannot be computed"),
    ],
)
def test_mistakes_are_answered_with_a_sentence(monkeypatch, capsys, arguments, sentence):
    code, _, errors = run(monkeypatch, capsys, *arguments)
    assert code == 2
    assert errors.startswith("error: ")
    assert sentence in errors


def test_a_negative_number_with_an_exponent_is_no_option(monkeypatch, capsys):
    code, printed, _ = run(monkeypatch, capsys, "tanh", "--degrees", "3", "2", "--range", "-1e-3", "1e-3")
    assert (code, "on [-0.001, 0.001]" in printed) == (0, True)
    assert run(monkeypatch, capsys, "-1", "--degrees", "3", "2")[0] == 0


def test_a_known_activation_of_a_number(monkeypatch, capsys):
    code, printed, _ = run(monkeypatch, capsys, "gelu(1)*x")
    assert code == 0
    assert "largest error" in printed
