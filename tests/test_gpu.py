"""What only a GPU can show: graphs, streams, several GPUs, threads, and tensors of more than 2^31 elements."""

from __future__ import annotations

import threading

import pytest
import torch
from helpers.tensors import coefficients

import rrn
from rrn.activations.ops import cuda, kernels, operator
from rrn.config.compose import compose_config
from rrn.training.trainer import Trainer

pytestmark = pytest.mark.gpu


def test_kernels_run_here():
    assert cuda.problem() is None


def test_cpu_and_gpu_agree_to_rounding():
    module, x = rrn.Rational(), torch.randn(100_000)
    here = torch.autograd.grad(module(x).sum(), tuple(module.parameters()))
    module.cuda()
    there = torch.autograd.grad(module(x.cuda()).sum(), tuple(module.parameters()))
    assert all(torch.allclose(s, t.cpu(), rtol=1e-4) for s, t in zip(here, there, strict=True))


def test_a_graph_repeats_forward_and_backward():
    module = rrn.Rational().cuda()
    x = torch.randn(4096, device="cuda", requires_grad=True)
    side = torch.cuda.Stream()
    with torch.cuda.stream(side):  # the first call compiles
        module(x).sum().backward()
    torch.cuda.current_stream().wait_stream(side)
    x.grad = module.numerator.grad = module.denominator.grad = None
    graph = torch.cuda.CUDAGraph()
    with torch.cuda.graph(graph):
        y = module(x)
        y.sum().backward()
    with torch.no_grad():
        x.copy_(torch.randn(4096))
    graph.replay()
    expected = torch.autograd.grad(module(x).sum(), (x, *module.parameters()))
    assert torch.equal(y, module(x))
    assert all(
        torch.equal(s, t) for s, t in zip((x.grad, *(p.grad for p in module.parameters())), expected, strict=True)
    )


def test_torch_compile_without_a_break():
    module = rrn.Rational().cuda()
    x = torch.randn(1000, device="cuda")
    assert torch.allclose(torch.compile(module, fullgraph=True)(x), module(x))


def test_a_thread_that_never_used_the_gpu():
    module, x, found = rrn.Rational().cuda(), torch.randn(10, device="cuda"), []
    thread = threading.Thread(target=lambda: found.append(module(x)))
    thread.start()
    thread.join()
    assert torch.equal(found[0], module(x))


def test_the_current_stream_is_taken():
    module = rrn.Rational().cuda()
    x = torch.zeros(1 << 24, device="cuda")
    module(x)
    side = torch.cuda.Stream()
    side.wait_stream(torch.cuda.current_stream())
    with torch.cuda.stream(side):
        torch.cuda._sleep(50_000_000)
        x += 1
        y = module(x)
    side.synchronize()
    assert torch.allclose(y, module(torch.ones(1, device="cuda")))


@pytest.mark.skipif(torch.cuda.device_count() < 2, reason="there is one GPU")
def test_a_gpu_that_is_not_the_current_one():
    module, x = rrn.Rational(), torch.randn(1000)
    assert torch.allclose(module.to("cuda:1")(x.to("cuda:1")).cpu(), module.cpu()(x), atol=1e-6)
    assert torch.cuda.current_device() == 0


def test_more_elements_than_an_int_counts():
    if torch.cuda.mem_get_info()[0] < 20 * 2**30:
        pytest.skip("the GPU has less than 20 GiB free")
    a, b = (c.cuda() for c in coefficients("A", 5, 4, 1, torch.float32))
    x = torch.zeros(2**31 + 9, dtype=torch.bfloat16, device="cuda")
    x[-3:] = torch.tensor([1.0, 2.0, 3.0])
    y = operator.rational(x, a, b)
    assert torch.equal(y[-3:], operator.rational(x[-3:].clone(), a, b))
    grad_x, grad_a, _ = kernels.backward(torch.ones_like(x), x, a, b, "A", 0)
    assert grad_x[-1] != grad_x[0]
    assert abs(grad_a[0, 0].item() / 2**31 - 1) < 1e-5


def test_only_the_input_is_kept_for_backward():
    module, x = rrn.Rational().cuda(), torch.randn(1 << 24, device="cuda", requires_grad=True)
    module(x)
    before = torch.cuda.memory_allocated()
    y = module(x)
    assert torch.cuda.memory_allocated() - before <= y.nbytes + 4096


VARIANTS = ["agent.dueling=true", "agent.distributional=true", "agent.n_step=3"]


@pytest.mark.parametrize(("act", "variants"), [("relu", []), ("recurrent_rational", []), ("rational", VARIANTS)])
def test_dqn_compiled_and_with_its_memory_on_the_gpu_learns_the_same(tmp_path, act, variants):
    """A short run on Pong with each switch beside the plain one: the same memory, weights equal to rounding."""
    found = {}
    for name, switches in {
        "plain": [],
        "memory": ["agent.replay_on_device=true"],
        "compiled": ["agent.replay_on_device=true", "agent.compile=true"],
    }.items():
        (tmp_path / name).mkdir()
        settings = ["experiment=smoke", "env=Pong", f"act={act}", "steps=60", "device=cuda", *variants, *switches]
        trainer = Trainer(compose_config([*settings, f"run_dir={tmp_path / name}"]), tmp_path / name, lambda: False)
        trainer._evaluate = lambda trainer=trainer: setattr(trainer, "evaluated", trainer.step) or True
        assert trainer.run()
        memory = trainer.learner.replay
        assert memory.frames.is_cuda == ("agent.replay_on_device=true" in switches)
        weights = torch.cat([p.detach().flatten() for p in trainer.agent.network.parameters()])
        found[name] = weights, memory.frames[: memory.added[0]].cpu()
    for name in ("memory", "compiled"):
        assert torch.equal(found[name][1], found["plain"][1])
        assert torch.allclose(found[name][0], found["plain"][0], atol=2e-4)
