"""Sites of a recurrent rational keep their coefficients where other libraries copy, replicate, move or shard models."""

from __future__ import annotations

import copy
import os
import pickle
import warnings

import pytest
import torch
from torch import distributed, nn
from torch.nn.parallel import replicate

import rrn


def network(site_first: bool = False) -> nn.Sequential:
    act = rrn.RecurrentRational("gelu")
    acts = (act.again(), act) if site_first else (act, act.again())
    blocks = [nn.Sequential(nn.Linear(4, 4), module) for module in acts]
    return nn.Sequential(*blocks)


class TopOwner(nn.Module):
    """Network that has the owner at the top, and sites alone in its layers."""

    def __init__(self, layers: int = 3):
        super().__init__()
        self.act = rrn.RecurrentRational("gelu")
        self.layers = nn.ModuleList(nn.Sequential(nn.Linear(4, 4), self.act.again()) for _ in range(layers))

    def forward(self, x):
        for layer in self.layers:
            x = layer(x)
        return self.act(x)


@pytest.mark.parametrize("site_first", [False, True])
def test_a_copy_of_the_model_has_its_own_coefficients_at_all_sites(site_first):
    model, x = network(site_first), torch.randn(2, 4)
    again = copy.deepcopy(copy.deepcopy(model))
    owner, site = (again[int(site_first)][1], again[int(not site_first)][1])
    assert site.owner is owner
    assert owner is not model[int(site_first)][1]
    with torch.no_grad():
        owner.numerator.mul_(2)
    assert torch.equal(site(x), 2 * model[1][1](x))


def test_a_copy_of_a_part_shares_the_coefficients_of_the_model():
    model = network()
    block = copy.deepcopy(model[1])
    assert block[1].owner is model[0][1]
    assert block[0] is not model[1][0]
    pair = copy.deepcopy([model[1], model[1][1], model[0]])
    assert pair[0][1] is pair[1]
    assert pair[1].owner is pair[2][1]
    with pytest.warns(UserWarning, match="1: the coefficients are of a RecurrentRational that is not in this model"):
        rrn.parameter_groups(block, 1e-3, 1e-4)


@pytest.mark.parametrize("trained_by", ["nobody", "Adam", "hand"])
def test_coefficients_that_no_optimiser_has_are_named(trained_by):
    """As with activation_fn=act.again in a script of stable-baselines3; sums of up to 999 gradients are in order."""
    act = rrn.RecurrentRational("gelu")
    site, x = act.again(), torch.ones(1)
    model = nn.Sequential(nn.Linear(1, 1), site)
    optimiser = torch.optim.Adam([*model.parameters(), *(act.parameters() if trained_by == "Adam" else [])])
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        for _ in range(1002):
            model(x).sum().backward()
            optimiser.step()
            optimiser.zero_grad(set_to_none=False)
            if trained_by == "hand":
                act.numerator.data.sub_(act.numerator.grad, alpha=1e-3)
                act.numerator.grad.zero_()
    assert [str(warning.message)[:43] for warning in caught] == (
        ["the gradient of shared coefficients was add"] if trained_by == "nobody" else []
    )


def test_layers_of_a_transformer_encoder_share_the_coefficients_of_the_model():
    model = nn.Module()
    model.act = rrn.RecurrentRational("gelu")
    layer = nn.TransformerEncoderLayer(8, 2, 16, activation=model.act.again())
    model.encoder = nn.TransformerEncoder(layer, 3, enable_nested_tensor=False)
    assert {layer.activation.owner for layer in model.encoder.layers} == {model.act}
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        assert len(rrn.rational_parameters(model)) == 2
    (model.encoder(torch.randn(3, 1, 8)) * torch.arange(8)).sum().backward()
    assert (model.act.numerator.grad != 0).any()
    target = copy.deepcopy(model)
    assert {layer.activation.owner for layer in target.encoder.layers} == {target.act} != {model.act}
    assert pickle.loads(pickle.dumps(target)).encoder.layers[2].activation.owner is not target.act


@pytest.mark.parametrize("site_first", [False, True])
def test_a_replica_of_data_parallel_uses_the_coefficients_on_its_device(site_first, monkeypatch):
    """The two devices here are the CPU and meta, whose tensors cannot be mixed either."""
    devices = ["cpu", "meta"]

    def broadcast(tensors, devices, detach=False):
        return [[tensor.to(device) * 1 for tensor in tensors] for device in devices]

    monkeypatch.setitem(replicate.__globals__, "_get_device_index", lambda device, optional: device)
    monkeypatch.setitem(replicate.__globals__, "_broadcast_coalesced_reshape", broadcast)
    model, x = network(site_first), torch.randn(2, 4)
    for _ in range(2):  # of training, each step of which makes replicas
        parts = replicate(model, devices)
        model.zero_grad()
        assert torch.equal(parts[0](x), model(x))
        assert parts[1](x.to("meta")).device.type == "meta"
        parts[0](x).sum().backward()
        through_replica = model[int(site_first)][1].numerator.grad.clone()
        model.zero_grad()
        model(x).sum().backward()
        assert torch.allclose(model[int(site_first)][1].numerator.grad, through_replica)
        with torch.no_grad():
            model[int(site_first)][1].numerator.mul_(1.5)


def test_offloaded_coefficients_are_loaded_for_each_site():
    """As accelerate's cpu_offload does it: parameters on the meta device, and a forward that loads them."""
    model, x = network(), torch.randn(2, 4)
    expected = model(x)
    owner = model[0][1]
    values, forward = dict(owner._parameters), owner.forward

    def load_and_call(x):
        owner._parameters.update(values)
        y = forward(x)
        owner._parameters.update(empty)
        return y

    empty = {name: nn.Parameter(value.to("meta")) for name, value in values.items()}
    owner._parameters.update(empty)
    owner.forward = load_and_call
    assert torch.equal(model(x), expected)
    with pytest.raises(ValueError, match="coefficients move with the module that owns them"):
        model[1][1].evaluate(x)


def test_the_noise_of_a_site_is_that_of_its_own_mode():
    act = rrn.RecurrentRational(version="D")
    site, x = act.again(), torch.ones(5)
    act.eval()
    assert not torch.equal(site(x), site(x))
    site.eval()
    act.train()
    assert torch.equal(site(x), site(x))


@pytest.mark.slow
def test_a_site_compiles_as_one_graph():
    model, x = network(), torch.randn(2, 4)
    assert torch.allclose(torch.compile(model, fullgraph=True, backend="aot_eager")(x), model(x))
    assert torch.allclose(torch.fx.symbolic_trace(model)(x), model(x))
    assert torch.allclose(torch.export.export(model, (x,)).module()(x), model(x))


@pytest.mark.skipif(torch.__version__.startswith("2.6."), reason="torch 2.6 has no fully_shard on a CPU")
@pytest.mark.slow
def test_fsdp_trains_an_owner_at_the_top_and_refuses_one_within_a_layer(tmp_path):
    """In two processes, as with one nothing is sharded."""
    torch.multiprocessing.spawn(_train_sharded, (str(tmp_path),), nprocs=2)
    found = torch.load(tmp_path / "0")
    assert list(found) == ["fully_shard", "flat", "original"]
    for how, (top, within, reference) in found.items():
        assert torch.allclose(top, reference), how
        assert "register the RecurrentRational at the top of the model (self.act = act), and put act.again()" in within


def _train_sharded(rank: int, folder: str) -> None:
    distributed.init_process_group("gloo", init_method=f"file://{folder}/rendezvous", rank=rank, world_size=2)
    torch.manual_seed(1)
    x, found = torch.randn(2, 4), {}
    for how in ("fully_shard", "flat", "original"):
        top, within = TopOwner(), network()
        reference = top(x).detach()
        y = _shard(top, top.layers, how)(x)
        y.sum().backward()
        try:
            _shard(within, within, how)(x)
            message = "no error"
        except ValueError as error:
            message = str(error)
        found[how] = y.detach(), message, reference
    torch.save(found, f"{folder}/{rank}")
    os._exit(0)  # the process group waits for the pass that was refused


def _shard(model: nn.Module, layers: nn.Module, how: str) -> nn.Module:
    from torch.distributed import fsdp

    if how == "fully_shard":
        for layer in layers:
            fsdp.fully_shard(layer)
        return fsdp.fully_shard(model)
    options = {"device_id": torch.device("cpu"), "use_orig_params": how == "original"}
    for i, layer in enumerate(layers):
        layers[i] = fsdp.FullyShardedDataParallel(layer, **options)
    return fsdp.FullyShardedDataParallel(model, **options)
