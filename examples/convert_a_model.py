"""Replace the activations of a trained PyTorch model by rationals, and fine-tune it.

python examples/convert_a_model.py

Needs: rrn without extras.
"""

import torch
from torch import nn

import rrn


def train(model: nn.Module, steps: int) -> float:
    """Fit sin(3x) on [-2, 2]; the mean squared error after the last step."""
    x = torch.linspace(-2, 2, 400)[:, None]
    optimizer = torch.optim.Adam(model.parameters(), lr=0.005)
    for _ in range(steps):
        loss = nn.functional.mse_loss(model(x), torch.sin(3 * x))
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
    return loss.item()


torch.manual_seed(0)
model = nn.Sequential(nn.Linear(1, 32), nn.GELU(), nn.Linear(32, 32), nn.GELU(), nn.Linear(32, 1))
print(f"trained with GELU: {train(model, 200):.5f}")

# "rational": one for each activation site; "recurrent_rational": one for all. Each starts as what it replaces.
x = torch.linspace(-2, 2, 400)[:, None]
before = model(x).detach()
model, report = rrn.replace_activations(model, "rational")
print(report)
print(f"largest change of the outputs by the replacement: {(model(x) - before).abs().max().item():.5f}")

print(f"fine-tuned with rationals: {train(model, 200):.5f}")
