"""Inputs are recorded from compiled models and nested tensors, and what is compiled works on afterwards."""

from __future__ import annotations

import pytest
import torch
from torch import nn

import rrn


def compiled(model: nn.Module, how: str):
    """Return what to call, with the model compiled in one of torch's ways."""
    backend = {"backend": "eager"}
    if how == "model.compile()":
        model.compile(**backend)
    elif how == "a part":
        model[1].compile(**backend)
    elif how == "torch.compile(model)":
        return torch.compile(model, fullgraph=True, **backend)
    elif how == "a function":
        return torch.compile(lambda x: 2 * model(x), **backend)
    return model


@pytest.mark.slow
@pytest.mark.parametrize("how", ["model.compile()", "a part", "torch.compile(model)", "a function"])
@pytest.mark.parametrize("called_before", [True, False])
def test_a_compiled_model_is_recorded(how, called_before):
    model, x = nn.Sequential(nn.Linear(2, 2), rrn.Rational("gelu"), nn.ReLU()), torch.randn(5, 2)
    call = compiled(model, how)
    if called_before:
        call(x)
    for _ in range(2):  # also where it was recorded before
        with rrn.record_inputs(model) as inputs:
            recorded = call(x)
        assert {name: histogram.total for name, histogram in inputs.items()} == {"1": 10, "2": 10}
    assert torch.equal(call(x), recorded)
    torch.compiler.reset()


@pytest.mark.slow
def test_the_compiler_is_on_again_after_the_recording():
    calls = []

    def backend(graph, inputs):
        calls.append(graph)
        return graph.forward

    act = rrn.Rational()
    with rrn.record_inputs(act):
        torch.compile(act, backend=backend)(torch.ones(2))
    assert not calls
    torch.compile(act, backend=backend)(torch.ones(2))
    assert calls


@pytest.mark.parametrize("layout", [torch.strided, torch.jagged])
def test_a_nested_tensor_is_recorded(layout):
    parts = [torch.randn(3, 4), torch.randn(2, 4)]
    act = rrn.Rational()
    with rrn.record_inputs(act, range=(-9, 9)) as inputs:
        act(torch.nested.nested_tensor(parts, layout=layout))
    with rrn.record_inputs(act, range=(-9, 9)) as expected:
        act(torch.cat(parts))
    assert inputs[""].state_dict() == expected[""].state_dict()


@pytest.mark.parametrize("bins", [2.5, "8", None])
def test_bins_that_are_no_whole_number_are_refused_before_anything_is_recorded(bins):
    with pytest.raises(ValueError, match="bins: expected a whole number, got"):
        rrn.record_inputs(rrn.Rational(), bins=bins)
