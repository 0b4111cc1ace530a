"""How long an activation takes beside leaky_relu, on the CPU or on a GPU.

    python scripts/bench/activation.py                    # every case; also writes bench_activation.json
    python scripts/bench/activation.py --cases "conv1 batch 32" "16 M"
    python scripts/bench/activation.py --device cuda --dtype bfloat16

All activations of a case run in turn, over and over, in one process, each turn beginning with the next of them. A time
is the median over the turns; a ratio is the median, with the quartiles, of the ratios to leaky_relu in the same turn.
"forward and backward" is what a layer does in a network: the gradients of the input and of the coefficients through
autograd. On a GPU a copy of the same bytes runs with them, and the cases below a million elements run inside a CUDA
graph. `rational_activations` is another package, measured where it is installed
(pip install --no-deps rational-activations==0.2.0).
"""

from __future__ import annotations

import argparse
import json
import platform
import statistics
import time
from collections import deque
from collections.abc import Callable
from pathlib import Path

import torch
from torch import Tensor, nn

import rrn
from rrn.activations.registry import ACTIVATIONS, make_activations

CASES = {
    f"{place} batch {batch}": (batch, *shape)
    for batch in (32, 1)
    for place, shape in {"conv1": (32, 20, 20), "conv2": (64, 9, 9), "conv3": (64, 7, 7), "hidden": (512,)}.items()
} | {"16 M": (2**24,), "64 M": (2**26,), "256 M": (2**28,)}
BASE = "leaky_relu"
SMALL = 2**20  # elements
SECONDS = 1.5  # for one activation of a case, about
LARGEST_PLAIN = 2**24  # elements up to which plain torch, which keeps many tensors, is measured


class Plain(nn.Module):
    """The default rational in plain torch operations, with the gradients of torch's autograd."""

    def __init__(self):
        super().__init__()
        start = rrn.Rational()
        self.numerator, self.denominator = nn.Parameter(start.numerator[0]), nn.Parameter(start.denominator[0])

    def forward(self, x: Tensor) -> Tensor:
        y, b = x.abs(), self.denominator.abs()
        p, s = self.numerator[-1], b[-1]
        for coefficient in reversed(self.numerator[:-1].unbind()):
            p = coefficient + p * x
        for coefficient in reversed(b[:-1].unbind()):
            s = coefficient + s * y
        return p / (1 + s * y)


class _Empty(torch.autograd.Function):
    @staticmethod
    def forward(ctx, x: Tensor, numerator: Tensor, denominator: Tensor) -> Tensor:
        ctx.save_for_backward(x, numerator, denominator)
        return torch.empty_like(x)

    @staticmethod
    def backward(ctx, grad: Tensor) -> tuple[Tensor, ...]:
        return tuple(torch.empty_like(saved) for saved in ctx.saved_tensors)


class Empty(rrn.Rational):
    """What a rational would cost if its kernel took no time: the way through Python alone."""

    def forward(self, x: Tensor) -> Tensor:
        return _Empty.apply(x, self.numerator, self.denominator)


class Copy(nn.Module):
    def forward(self, x: Tensor) -> Tensor:
        return x.clone()


def candidates(device: torch.device, dtype: torch.dtype, elements: int) -> dict[str, nn.Module]:
    """What is measured on an input of this size: everything on a small one."""
    found: dict[str, nn.Module] = {
        BASE: nn.LeakyReLU(),
        "copy": Copy(),
        "rational": rrn.Rational(),
        "empty kernel": Empty(),
    }
    if elements <= SMALL:
        found |= {
            name: make_activations(name, 4)[-1] for name in ACTIVATIONS if name not in (BASE, "rational", "crelu")
        }
        found.pop("recurrent_rational")  # the same operator as rational
    for module in found.values():
        module.to(device)
    if elements > LARGEST_PLAIN:
        return found
    torch.compiler.reset()
    found["plain torch"] = Plain().to(device, dtype)
    found["torch.compile of it"] = torch.compile(Plain().to(device, dtype), dynamic=False)
    try:
        from rational.torch import Rational as Other
    except ImportError:
        return found
    return found | {"rational_activations": Other(cuda=device.type == "cuda")}


def forward(module: nn.Module, x: Tensor, grad: Tensor) -> Callable[[], None]:
    def run() -> None:
        with torch.no_grad():
            module(x)

    return run


def forward_and_backward(module: nn.Module, x: Tensor, grad: Tensor) -> Callable[[], None]:
    inputs = [x.requires_grad_(), *module.parameters()]

    def run() -> None:
        torch.autograd.grad(module(x), inputs, grad)

    return run


PASSES = {"forward": forward, "forward and backward": forward_and_backward}


def captured(run: Callable[[], None]) -> Callable[[], None]:
    """The same as one CUDA graph."""
    stream = torch.cuda.Stream()
    with torch.cuda.stream(stream):
        run()
    torch.cuda.current_stream().wait_stream(stream)
    graph = torch.cuda.CUDAGraph()
    with torch.cuda.graph(graph):
        run()
    return graph.replay


def seconds(run: Callable[[], None], calls: int, device: torch.device) -> float:
    """Seconds of one call, from `calls` in a row."""
    if device.type == "cpu":
        start = time.perf_counter()
        for _ in range(calls):
            run()
        return (time.perf_counter() - start) / calls
    begin, end = (torch.cuda.Event(enable_timing=True) for _ in range(2))
    begin.record()
    for _ in range(calls):
        run()
    end.record()
    end.synchronize()
    return begin.elapsed_time(end) / 1e3 / calls


def quartiles(values: list[float]) -> tuple[float, float, float]:
    low, middle, high = statistics.quantiles(values, n=4)
    return low, middle, high


def measure(
    shape: tuple[int, ...], direction: str, device: torch.device, dtype: torch.dtype, turn: float
) -> list[dict]:
    """One row for each activation: microseconds, and the ratio to leaky_relu with its quartiles."""
    x = torch.randn(shape, device=device, dtype=dtype)
    if len(shape) == 4:
        x = x.to(memory_format=torch.channels_last)  # as in AtariNetwork
    grad = torch.randn_like(x)
    runs = {}
    for name, module in candidates(device, dtype, x.numel()).items():
        own = (t.detach().contiguous() if name == "rational_activations" else t for t in (x, grad))  # it wants that
        try:
            run = PASSES[direction](module, *own)
            run()
            runs[name] = captured(run) if x.numel() <= SMALL and device.type == "cuda" else run
        except (RuntimeError, NotImplementedError) as error:  # out of memory, a type the other package does not know
            print(f"{name}: left out, {str(error).splitlines()[0][:100]}")
    calls = {name: max(1, int(turn / seconds(run, 3, device))) for name, run in runs.items()}
    turns = {name: max(4, int(SECONDS / calls[name] / seconds(run, calls[name], device))) for name, run in runs.items()}
    times: dict[str, list[float]] = {name: [] for name in runs}
    for index in range(min(200, turns[BASE])):
        order = deque(runs)
        order.rotate(-index)  # what runs before another leaves it caches, and memory that the system has taken back
        for name in order:
            if index < turns[name]:
                times[name].append(seconds(runs[name], calls[name], device))
    rows = []
    for name, values in times.items():
        low, ratio, high = quartiles([t / base for t, base in zip(values, times[BASE], strict=False)])
        extra = statistics.median(t - base for t, base in zip(values, times[BASE], strict=False))
        rows.append(
            {
                "activation": name,
                "microseconds": statistics.median(values) * 1e6,
                "ratio": ratio,
                "low": low,
                "high": high,
                "on_top_microseconds": extra * 1e6,
                "turns": len(values),
            }
        )
    return rows


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--device", default="cpu")
    parser.add_argument("--dtype", default="float32")
    parser.add_argument("--threads", type=int, default=torch.get_num_threads())
    parser.add_argument("--cases", nargs="+", default=list(CASES), choices=CASES, metavar="CASE")
    parser.add_argument("--turn", type=float, default=2e-4, help="seconds of calls in a row; short: on cold caches")
    parser.add_argument("--output", type=Path, default=Path("bench_activation.json"))
    options = parser.parse_args()
    torch.set_num_threads(options.threads)
    device, dtype = torch.device(options.device), getattr(torch, options.dtype)
    machine = (
        torch.cuda.get_device_name() if device.type == "cuda" else f"{platform.machine()}, {options.threads} threads"
    )
    results = {"machine": machine, "torch": torch.__version__, "dtype": options.dtype, "rows": []}
    print(f"{machine}, torch {torch.__version__}, {options.dtype}")
    for direction in PASSES:
        for case in options.cases:
            print(f"\n{case} ({torch.Size(CASES[case]).numel():,} elements), {direction}")
            print(f"{'':24}{'us':>12}{'ratio':>9}{'quartiles':>16}{'on top, us':>13}")
            for row in measure(CASES[case], direction, device, dtype, options.turn):
                results["rows"].append({"case": case, "pass": direction, **row})
                spread = f"{row['low']:.2f} to {row['high']:.2f}"
                print(
                    f"{row['activation']:24}{row['microseconds']:12.1f}{row['ratio']:9.2f}{spread:>16}"
                    f"{row['on_top_microseconds']:13.1f}",
                    flush=True,
                )
    options.output.write_text(json.dumps(results, indent=1) + "\n")


if __name__ == "__main__":
    main()
