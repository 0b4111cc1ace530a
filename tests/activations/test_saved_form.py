"""A state of another form is refused, whoever loads it; what a state is made of does not matter."""

from __future__ import annotations

import copy
import math

import numpy as np
import pytest
import torch
from torch._subclasses import FakeTensorMode
from torch.optim.swa_utils import AveragedModel

import rrn

TAILS = {"tail": "linear", "tail_range": (-3.3, 2.7)}


@pytest.mark.parametrize(
    ("options", "message"),
    [
        (
            {"version": "B"},
            r"the state has version B with degrees \(5, 4\), this module version A with degrees \(5, 4\)",
        ),
        ({"degrees": (3, 2)}, r"the state has version A with degrees \(3, 2\), this module version A"),
        (
            TAILS,
            r"linear tails at \[-3.3, 2.7\], this module version A with degrees \(5, 4\); build it with the former",
        ),
    ],
)
def test_a_loader_that_goes_past_load_state_dict_compares_the_form_too(options, message):
    state = rrn.Rational(**options).get_extra_state()
    for given in (state, state.double(), state.numpy(), state.tolist()):
        with pytest.raises(ValueError, match=message):
            rrn.Rational().set_extra_state(given)
        rrn.Rational(**options).set_extra_state(given)


def test_the_form_needs_no_float64():
    assert {value.dtype for value in rrn.AffineRational(**TAILS).state_dict().values()} == {torch.float32}


@pytest.mark.parametrize("dtype", [torch.float64, torch.float16, torch.bfloat16, torch.int64])
def test_the_form_loads_in_any_dtype(dtype):
    options = TAILS if dtype.is_floating_point else {}
    module = rrn.Rational("gelu", (7, 6), "N", **options)
    state = module.state_dict()
    state["_extra_state"] = state["_extra_state"].to(dtype)
    module.load_state_dict(state)
    with pytest.raises(RuntimeError, match=r"the state has version N .* this module version C"):
        rrn.Rational("gelu", (7, 6), "C", **options).load_state_dict(state)


def altered():
    a, b, tails = (rrn.Rational(**options).get_extra_state() for options in ({}, {"version": "B"}, TAILS))
    return {
        "mean of A and B": (a + b) / 2,
        "mean of degrees": (a + rrn.Rational("identity", (8, 7)).get_extra_state()) / 2,
        "noise": a + torch.tensor([0.1, -0.2, 0.1]),
        "too large": a + 7,
        "zeros": a * 0,
        "not a number": a * math.nan,
        "infinite": a + math.inf,
        "longer": torch.cat([a, a[:1]]),
        "empty": a[:0],
        "mean of A and B with tails": tails + torch.tensor([0.5, 0, 0, 0, 0]),
    }


@pytest.mark.parametrize("state", altered().values(), ids=altered())
def test_numbers_that_were_changed_are_not_called_another_version(state):
    module = rrn.Rational()
    with pytest.raises(RuntimeError) as caught:
        module.load_state_dict({**module.state_dict(), "_extra_state": state})
    message = str(caught.value)
    assert "for _extra_state, expected [0, 5, 4]; these numbers name the form and are not trained: a mean" in message
    assert "build it with" not in message


def test_a_mean_over_models_of_one_form_loads():
    modules = [rrn.Rational(name, **TAILS) for name in ("gelu", "tanh", "silu")]
    states = [module.state_dict() for module in modules]
    mean = {key: sum(state[key] for state in states) / 3 for key in states[0]}
    modules[0].load_state_dict(mean)
    average = AveragedModel(modules[0], use_buffers=True)
    average.update_parameters(modules[1])
    AveragedModel(modules[2]).load_state_dict(average.state_dict())


def test_arrays_in_a_state_are_refused_by_torch_in_its_own_words():
    module = rrn.Rational()
    state = {key: value.numpy() for key, value in module.state_dict().items()}
    with pytest.raises(RuntimeError, match=r"expected torch.Tensor or Tensor-like object .*ndarray"):
        module.load_state_dict(state)
    module.load_state_dict({key: torch.from_numpy(value) for key, value in state.items()})
    arrays = {**module.state_dict(), "_extra_state": np.array([1.0, 5, 4])}
    with pytest.raises(RuntimeError, match="the state has version B"):
        module.load_state_dict(arrays)


def test_fake_tensors_and_those_without_memory_are_taken():
    real = rrn.AffineRational("gelu", **TAILS)
    real.load_state_dict(copy.deepcopy(real).to("meta").state_dict(), assign=True)
    state = rrn.AffineRational("gelu", **TAILS).state_dict()
    with FakeTensorMode(allow_non_fake_inputs=True) as mode:
        fake = rrn.AffineRational("gelu", **TAILS)
        assert fake(torch.ones(2, 3)).shape == (2, 3)
        fake.load_state_dict(fake.state_dict())
        fake.load_state_dict(state)
        fake.reset_parameters()
        fake.load_state_dict({key: mode.from_tensor(value) for key, value in state.items()})


def test_a_state_without_the_form_loads_without_strict():
    module = rrn.Rational("gelu")
    state = {key: value + 1 for key, value in module.state_dict().items() if key != "_extra_state"}
    with pytest.raises(RuntimeError, match=r"Missing key.*_extra_state"):
        module.load_state_dict(state)
    assert module.load_state_dict(state, strict=False).missing_keys == ["_extra_state"]
    assert torch.equal(module.numerator, state["numerator"])


def test_accelerate_takes_a_model_with_rationals(tmp_path):
    """Load by load_state_dict, then dispatch: accelerate itself sets tensors by the names of parameters and buffers."""
    accelerate = pytest.importorskip("accelerate")
    safetensors = pytest.importorskip("safetensors.torch")

    def network(version="A"):
        act = rrn.RecurrentRational("gelu", version=version)
        return torch.nn.Sequential(torch.nn.Linear(4, 4), act, torch.nn.Linear(4, 4), act.again())

    model, x = network(), torch.randn(3, 4)
    safetensors.save_model(model, tmp_path / "model.safetensors")
    state = safetensors.load_file(tmp_path / "model.safetensors")
    with accelerate.init_empty_weights():
        other, empty = network("B"), network()
    with pytest.raises(RuntimeError, match=r"1: the state has version A .* this module version B"):
        other.load_state_dict(state, assign=True)
    empty.load_state_dict(state, assign=True)
    placed = accelerate.dispatch_model(empty, {"": "cpu"}, force_hooks=True)
    assert torch.equal(placed(x), model(x))
    assert torch.equal(accelerate.cpu_offload(copy.deepcopy(model), torch.device("cpu"))(x), model(x))
    weights = {key: value for key, value in state.items() if not key.endswith("_extra_state")}
    safetensors.save_file(weights, tmp_path / "weights.safetensors")
    with accelerate.init_empty_weights():
        empty = network()
    placed = accelerate.load_checkpoint_and_dispatch(empty, str(tmp_path / "weights.safetensors"), {"": "cpu"})
    assert torch.equal(placed(x), model(x))
