"""The context of eval mode."""

from __future__ import annotations

from torch import nn

from rrn.common.eval_mode import eval_mode


def test_each_module_gets_its_own_mode_back():
    shared, frozen = nn.Dropout(), nn.BatchNorm1d(3).eval()
    network = nn.Sequential(shared, nn.Sequential(frozen, shared), nn.Linear(3, 3))
    network.register_module("absent", None)
    before = {name: module.training for name, module in network.named_modules()}
    with eval_mode(network):
        assert not any(module.training for module in network.modules())
    assert {name: module.training for name, module in network.named_modules()} == before
    assert not frozen.training
