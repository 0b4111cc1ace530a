"""Checkpoints and tables of older software give the functions that they had."""

from __future__ import annotations

from collections import OrderedDict

import numpy as np
import pytest
import torch
from helpers.paths import SHARED
from torch import nn

import rrn
from rrn.convert import read_table
from rrn.frameworks.coefficients import form_of

AUTHORS_TABLE = SHARED / "reference/learned_activations.csv"
A, B = [0.1, 0.9, -0.4, 0.3, 0.02, 0.01], [-1.5, 0.8, 0.3, -0.2]


def old_rational(x: np.ndarray, a=A, b=B, center: float = 0.0) -> np.ndarray:
    """Version A with the sign of its coefficients kept, as the older software stores it."""
    x = x + center
    q = 1 + sum(np.abs(b * x ** (i + 1)) for i, b in enumerate(b))
    return sum(a * x**i for i, a in enumerate(a)) / q


def layers(*activations: nn.Module) -> nn.Sequential:
    torch.manual_seed(0)
    first, second = activations
    parts = {"conv": nn.Conv2d(3, 4, 3), "act1": first, "flat": nn.Flatten(), "hidden": nn.Linear(16, 4)}
    return nn.Sequential(OrderedDict(parts | {"act2": second, "out": nn.Linear(4, 2)}))


def old_state(model: nn.Module, *names: str, center: float | None = None) -> dict:
    """The state of the layers, with coefficients as the older software has them at these places."""
    state = {k: v.clone() for k, v in model.state_dict().items() if not k.startswith("act")}
    for name in names:
        state |= {f"{name}.numerator": torch.tensor(A), f"{name}.denominator": torch.tensor(B)}
        state |= {} if center is None else {f"{name}.center": torch.tensor([center])}
    return state


def run_old(model: nn.Module, x: torch.Tensor, center: float) -> torch.Tensor:
    """The network of the older software, R(x + center) at both places."""

    def act(v):
        return torch.from_numpy(old_rational(v.double().numpy(), center=center)).float()

    return model.out(act(model.hidden(model.flat(act(model.conv(x))))))


@torch.no_grad()
@pytest.mark.parametrize("center", [None, -1.3])
@pytest.mark.parametrize("names", [("act1", "act2"), ("act1.rational", "act2.rational"), ("act1",)])
def test_an_old_checkpoint_gives_the_outputs_that_it_had(names, center):
    if len(names) == 1 or "rational" in names[0]:
        first = rrn.RecurrentRational()
        model = layers(first, first.again())
    else:
        model = layers(rrn.Rational(), rrn.Rational())
    x = torch.randn(5, 3, 4, 4)
    state = old_state(model, *names, center=center)
    expected = run_old(model, x, center or 0.0)
    kept = {key: value.clone() for key, value in state.items()}
    rrn.load_old_state_dict(model, state)
    assert torch.allclose(model(x), expected, atol=1e-5)
    assert all(torch.equal(state[key], value) for key, value in kept.items())  # the caller's own
    assert torch.equal(model.act1.numerator[0], torch.tensor(A))


def test_the_names_are_those_of_the_package():
    old = pytest.importorskip("rational.torch")
    torch.manual_seed(0)
    theirs = nn.ModuleDict({v: old.Rational(version=v, cuda=False) for v in "ABCD"})
    ours = nn.ModuleDict({v: rrn.Rational(version=v) for v in "ABCD"})
    rrn.load_old_state_dict(ours, theirs.state_dict())
    x = torch.randn(100)
    for version in "ABCD":
        assert torch.allclose(ours[version].eval()(x), theirs[version].eval()(x), atol=1e-5)


def bare(model):
    model.conv.bias = None


def pooled(model):
    model.conv = nn.Sequential(model.conv, nn.MaxPool2d(1))


@pytest.mark.parametrize(
    ("change", "spoil", "message"),
    [
        (lambda m: None, lambda s: s.pop("act2.numerator"), r"act2.numerator: the model has \(1, 6\), the state none"),
        (lambda m: None, lambda s: s.update(extra=torch.ones(3)), r"extra: the model has none, the state \(3,\)"),
        (lambda m: None, lambda s: s.update({"act1.denominator": torch.ones(6)}), r"act1.denominator: .* \(1, 6\)"),
        (bare, lambda s: s.pop("conv.bias"), "act1: its center can only be added to .* but conv is Conv2d"),
        (pooled, lambda s: None, "act1: its center can only be added to .* but conv.1 is MaxPool2d"),
        (
            lambda m: None,
            lambda s: s.pop("conv.bias"),
            "conv.bias: expected it in the state, to add the center of act1",
        ),
    ],
)
def test_what_does_not_fit_is_a_sentence_and_changes_nothing(change, spoil, message):
    model = layers(rrn.Rational(), rrn.Rational())
    state = old_state(model, "act1", "act2", center=0.5)
    change(model)
    spoil(state)
    before = {key: value.clone() for key, value in model.state_dict().items()}
    with pytest.raises(ValueError, match=message):
        rrn.load_old_state_dict(model, state)
    assert all(torch.equal(value, before[key]) for key, value in model.state_dict().items())


def test_places_with_other_coefficients_are_not_one_rational():
    first = rrn.RecurrentRational()
    model = layers(first, first.again())
    state = old_state(model, "act1", "act2")
    state["act2.numerator"] = state["act2.numerator"] + 1
    with pytest.raises(ValueError, match="act2: expected the numerator of act1"):
        rrn.load_old_state_dict(model, state)


TABLE = """set,game,activation,seed,layer,version,center,a0,a1,a2,a3,b1,b2
old,Pong,rational,3,2,A,-1.5,0.1,0.2,0.3,0.4,-0.5,0.6
new,Pong,recurrent_rational,0,all,B,,0.1,0.2,0.3,,0.5,
"""


def test_a_table_gives_frozen_modules_with_their_center(tmp_path):
    path = tmp_path / "learned.csv"
    path.write_text(TABLE)
    first, second = rrn.read_learned_activations(path)
    assert (first.set, first.game, first.activation, first.seed, first.layer) == ("old", "Pong", "rational", 3, "2")
    x = torch.linspace(-4, 4, 33)
    expected = old_rational(x.double().numpy(), [0.1, 0.2, 0.3, 0.4], [-0.5, 0.6], -1.5)
    assert np.allclose(first.module(x).numpy(), expected, atol=1e-6)
    assert (second.layer, second.module.version, second.module.degrees) == ("all", "B", (2, 1))
    assert not any(p.requires_grad for entry in (first, second) for p in entry.module.parameters())
    rows = read_table(path)  # the same without torch
    assert [(row.layer, row.center, form_of(row.rational)) for row in rows] == [
        ("2", -1.5, first.module.form),
        ("all", None, second.module.form),
    ]
    assert rows[1].rational["denominator"].tolist() == [[0.5]]


@pytest.mark.skipif(not AUTHORS_TABLE.is_file(), reason="the authors' table is not here")
def test_the_authors_table_can_be_read():
    entries = rrn.read_learned_activations(AUTHORS_TABLE)
    assert len(entries) == 274
    assert sum(isinstance(entry.module, rrn.AffineRational) for entry in entries) == 150  # those with a center
    asterix = entries[0]
    assert (asterix.game, asterix.layer, asterix.module.input_shift.item()) == ("Asterix", "1", pytest.approx(-1.30902))
    assert all(torch.isfinite(entry.module(torch.linspace(-5, 5, 101))).all() for entry in entries)


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("game,seed\nPong,1\n", "expected the columns .* missing: set, activation, layer, version, center"),
        (TABLE.replace("0.4", "four"), "learned.csv, line 2: could not convert string to float: 'four'"),
        (TABLE.replace(",A,", ",E,"), "learned.csv, line 2: version: expected one of"),
    ],
)
def test_a_damaged_table_is_a_sentence(tmp_path, text, message):
    path = tmp_path / "learned.csv"
    path.write_text(text)
    with pytest.raises(ValueError, match=message):
        rrn.read_learned_activations(path)
    with pytest.raises(ValueError, match=r"nowhere\.csv: expected a CSV file"):
        rrn.read_learned_activations(tmp_path / "nowhere.csv")


def test_coefficients_are_read_by_the_names_of_their_columns(tmp_path):
    path = tmp_path / "learned.csv"
    head = "set,game,activation,seed,layer,version,center"
    path.write_text(f"{head},a1,a0,b1\nnew,Pong,rational,0,1,A,,0.2,0.1,0.5\n")
    assert rrn.read_learned_activations(path)[0].module.numerator.tolist() == [[pytest.approx(0.1), pytest.approx(0.2)]]
    path.write_text(f"{head},a0,a1,a2,b1\nnew,Pong,rational,0,1,A,,0.1,,0.3,0.5\n")
    with pytest.raises(ValueError, match="line 2: a1 is empty, but a later coefficient is not"):
        rrn.read_learned_activations(path)


def test_one_rational_at_two_places_without_again_and_a_place_without_its_owner():
    act = rrn.Rational()
    model = nn.Sequential(nn.Linear(2, 2), act, nn.Linear(2, 2), act)
    old = {k: v for k, v in model.state_dict().items() if k[0] in "02"}
    for name in ("1", "3"):
        old |= {f"{name}.numerator": torch.arange(6.0), f"{name}.denominator": torch.arange(4.0)}
    rrn.load_old_state_dict(model, old)
    assert act.numerator.tolist() == [[0, 1, 2, 3, 4, 5]]
    with pytest.raises(ValueError, match="0: its RecurrentRational is not in the model"):
        rrn.load_old_state_dict(nn.Sequential(rrn.RecurrentRational().again()), {})
