"""Record what enters each activation of a model, draw it, and name the known function nearest to what was learned.

python examples/watch_inputs.py

Needs: the extra `plot`.
"""

import torch
from torch import nn

import rrn

torch.manual_seed(0)
model = nn.Sequential(nn.Linear(8, 32), rrn.Rational("silu"), nn.Linear(32, 32), rrn.Rational("silu"), nn.Linear(32, 1))
optimizer = torch.optim.Adam(model.parameters(), lr=0.01)
x = torch.randn(1000, 8)
target = x.prod(dim=1, keepdim=True)

snapshots = []
for step in range(100):
    if step % 25 == 0:
        # A histogram for each activation, of fixed size however many inputs there are.
        with rrn.record_inputs(model), torch.no_grad():
            model(x)
        snapshots.append(rrn.snapshot(model, step=step))
    optimizer.zero_grad()
    nn.functional.mse_loss(model(x), target).backward()
    optimizer.step()

with rrn.record_inputs(model) as inputs, torch.no_grad():
    model(x)
for name, histogram in inputs.items():
    low, high = histogram.span(0.98)
    print(f"{name}: {histogram.counts.sum():,} inputs, 98% of them in [{low:.2f}, {high:.2f}]")

rrn.plot(model).savefig("shapes.png")  # each activation over the histogram of its inputs
rrn.animate(snapshots, "shapes.gif")
print("the nearest known functions to the first activation, by distance:")
print(rrn.best_fit(model[1], ["silu", "gelu", "sin", "relu"]))
