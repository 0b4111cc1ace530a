"""reset_parameters gives every module with parameters the values it was built with."""

from __future__ import annotations

import copy
import pickle
import subprocess
import sys

import pytest
import torch
from torch import nn
from torch.nn.utils import parametrize, prune

import rrn
from rrn.activations.baselines import PELU
from rrn.agents.dqn.noisy import NoisyLinear

PAIR = ([0.1, 0.7, 0.3], [0.2])
MODULES = {
    "named": lambda **to: rrn.Rational("gelu", **to),
    "given": lambda **to: rrn.Rational(PAIR, (2, 1), "B", **to),
    "fitted": lambda **to: rrn.fit("tanh", (2, 1)).as_module(**to),
    "groups": lambda **to: rrn.Rational("silu", version="C", groups=4, **to),
    "tails": lambda **to: rrn.RecurrentRational("relu", tail="linear", **to),
    "affine": lambda **to: rrn.AffineRational("tanh", **to),
    "chain": lambda **to: rrn.RationalChain("tanh", 3, **to),
    "callable": lambda **to: rrn.Rational(torch.sin, (2, 1), **to),
    "pelu": lambda **to: PELU().to(**to) if to else PELU(),
}
SLOW = {"callable": [pytest.mark.slow]}  # it is fitted
every_module = pytest.mark.parametrize(
    "make", [pytest.param(make, id=name, marks=SLOW.get(name, [])) for name, make in MODULES.items()]
)


def reset(model: nn.Module) -> None:
    """Do what loops of users and FSDP's param_init do."""
    for module in model.modules():
        if next(module.parameters(recurse=False), None) is not None:
            module.reset_parameters()


@every_module
@pytest.mark.parametrize("dtype", [torch.float32, torch.float64, torch.bfloat16])
def test_values_return_after_training_and_from_the_meta_device(make, dtype):
    built, trained = make(dtype=dtype), make(dtype=dtype)
    with torch.no_grad():
        for p in trained.parameters():
            p.add_(torch.randn_like(p))
    with torch.device("meta"):
        on_meta = make(dtype=dtype)
    moved = copy.deepcopy(trained).to("meta")
    state = torch.random.get_rng_state()
    for module in (
        trained,
        on_meta.to_empty(device="cpu"),
        moved.to_empty(device="cpu"),
        pickle.loads(pickle.dumps(trained)),
    ):
        for p in module.parameters():
            assert p.requires_grad
            p.data.fill_(torch.nan)
        identities = [id(p) for p in module.parameters()]
        reset(module)
        assert identities == [id(p) for p in module.parameters()]
        assert {p.dtype for p in module.parameters()} == {dtype}
        assert all(torch.equal(p, q) for p, q in zip(module.parameters(), built.parameters(), strict=True))
    assert torch.equal(state, torch.random.get_rng_state())


@pytest.mark.parametrize("kind", [rrn.Rational, rrn.RecurrentRational])
def test_skip_init_leaves_a_module_that_can_be_reset(kind):
    module = nn.utils.skip_init(kind, "gelu", device="cpu")
    module.reset_parameters()
    assert torch.equal(module(torch.ones(3)), kind("gelu")(torch.ones(3)))


def test_a_changed_form_is_a_new_start():
    module = rrn.AffineRational("gelu", (3, 2), groups=2)
    with torch.no_grad():
        module.numerator[1] *= 2
        module.input_shift += 1
    rrn.change_degrees(module, (3, 3))
    rrn.change_version(module, "B")
    expected = copy.deepcopy(module.state_dict())
    for p in module.parameters():
        p.data.zero_()
    module.reset_parameters()
    assert all(torch.equal(value, expected[key]) for key, value in module.state_dict().items())


def test_a_module_of_a_snapshot_or_table_starts_as_it_was_recorded(tmp_path):
    table = tmp_path / "table.csv"
    table.write_text("set,game,activation,layer,seed,version,center,a0,a1,b1\nx,x,x,x,0,A,0.5,0.1,1,2\n")
    module = rrn.Rational("gelu", groups=2)
    module.numerator.data[1] *= 2
    for made in (
        rrn.snapshot(module).places[""].to_module(),
        rrn.read_learned_activations(table)[0].module,
    ):
        expected = copy.deepcopy(made.state_dict())
        for p in made.parameters():
            p.data.zero_()
        made.reset_parameters()
        assert all(torch.equal(value, expected[key]) for key, value in made.state_dict().items())


def _parametrized(module):
    parametrize.register_parametrization(module, "numerator", nn.Identity())


@pytest.mark.parametrize("wrap", [_parametrized, lambda module: prune.l1_unstructured(module, "denominator", 1)])
def test_wrapped_coefficients_are_not_reset_in_silence(wrap):
    module = rrn.Rational("gelu")
    wrap(module)
    with pytest.raises(ValueError, match=r"pruned or parametrized \(use prune.remove or remove_parametrizations"):
        module.reset_parameters()


def test_a_module_of_an_old_pickle_says_that_its_start_is_unknown():
    module = rrn.Rational("gelu")
    del module.__dict__["_start"]
    with pytest.raises(ValueError, match=r"of an old pickle \(load their state_dict into a new module\)"):
        module.reset_parameters()
    module(torch.ones(2)).sum().backward()
    assert copy.deepcopy(module).double().state_dict().keys() == rrn.Rational("gelu").state_dict().keys()


def test_a_noisy_layer_draws_as_when_it_is_built():
    torch.manual_seed(5)
    built = NoisyLinear(7, 3)
    after = torch.rand(1)
    layer = NoisyLinear(7, 3)
    for p in layer.parameters():
        p.data.fill_(torch.nan)
    torch.manual_seed(5)
    layer.reset_parameters()
    assert torch.equal(after, torch.rand(1))
    assert all(torch.equal(p, q) for p, q in zip(layer.parameters(), built.parameters(), strict=True))
    assert built.weight_sigma[0, 0].item() == pytest.approx(0.5 / 7**0.5)


@pytest.mark.skipif(torch.__version__.startswith("2.6."), reason="torch 2.6 has no fully_shard on a CPU")
@pytest.mark.slow
def test_fsdp_starts_from_the_meta_device(tmp_path):
    """FSDP calls reset_parameters itself, or its user does (fully_shard); one process shards as several do."""
    script = f"""
import torch
from torch import distributed, nn
from torch.distributed import fsdp
import rrn
distributed.init_process_group("gloo", init_method="file://{tmp_path}/rendezvous", rank=0, world_size=1)
def model():
    return nn.Sequential(rrn.RationalChain("silu", 2), rrn.Rational("gelu", groups=3))
with torch.device("meta"):
    flat, sharded = model(), model()
flat = fsdp.FullyShardedDataParallel(flat, device_id=torch.device("cpu"))
fsdp.fully_shard(sharded).to_empty(device="cpu")
for module in sharded.modules():
    if hasattr(module, "reset_parameters"):
        module.reset_parameters()
x = torch.randn(2, 3)
expected = model()(x)
assert torch.equal(flat(x), expected), "flat"
assert torch.equal(sharded(x), expected), "fully_shard"
distributed.destroy_process_group()
"""
    subprocess.run([sys.executable, "-c", script], check=True)
