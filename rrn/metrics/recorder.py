"""Measure plasticity at each evaluation of a run, and keep what the measures need between two evaluations."""

from __future__ import annotations

import sys
from contextlib import ExitStack
from pathlib import Path

import torch
from torch import Tensor, nn

from rrn.activations.inspection.snapshots import SNAPSHOT_FILE, Snapshot, read_snapshots
from rrn.activations.rational import coefficients_of
from rrn.activations.sites import named_activations
from rrn.agents.base import Agent
from rrn.common.eager import eagerly
from rrn.metrics.plasticity import dormant, effective_rank, mean_activity, moved, norm


class record_activity:
    """Context manager that records the mean activity of each unit, and the features, in one forward pass.

    Args:
        layers: module with activations, see `rrn.activations.sites.named_activations`.

    Attributes:
        activity: mean of |h| of each unit by name of the site, [units].
        features: outputs of the activation that was computed last, that of the last hidden layer, [N, units].

    Within the context torch.compile is off: compiled models run eagerly, so that their activity is recorded.
    """

    def __init__(self, layers: nn.Module):
        self.modules = dict(named_activations(layers))
        self.activity: dict[str, Tensor] = {}
        self.features = torch.empty(0)

    def __enter__(self) -> record_activity:
        self.open = ExitStack()
        self.open.enter_context(eagerly())
        for name, module in self.modules.items():
            self.open.callback(module.register_forward_hook(self._keep(name)).remove)
        return self

    def _keep(self, name: str):
        def hook(module: nn.Module, inputs: tuple[Tensor, ...], outputs: Tensor) -> None:
            self.activity[name], self.features = mean_activity(outputs), outputs.flatten(1)

        return hook

    def __exit__(self, *error) -> None:
        self.open.close()


class PlasticityRecorder:
    """Measure the plasticity of one run.

    A checkpoint holds the norms of the gradients, not the gradients: a resumed run logs these norms until its next
    update.

    Args:
        agent: agent before training, in which all parameters that are trained require gradients.
    """

    def __init__(self, agent: Agent):
        self.agent = agent
        self.learning = [  # names of the sites whose activation is trained
            name
            for name, module in named_activations(agent.network.layers)
            if any(p.requires_grad for p in coefficients_of(module).parameters())
        ]
        self.gradients: dict[str, float] = {}  # norms, of the last update before the checkpoint
        self.first: Snapshot | None = None
        self.last: Snapshot | None = None

    def take(self, recorded: record_activity, now: Snapshot) -> dict[str, float]:
        """Measure the network as it is now, and return the values by their names in the log.

        Args:
            recorded: from a forward pass of recent observations.
            now: the activations, with the histograms of the same pass.
        """
        measures = _dormant(recorded.activity) | {"effective_rank": effective_rank(recorded.features)}
        measures |= {
            f"weight_norm/{name}": norm(p.detach() for p in layer) for name, layer in self.agent.layers().items()
        }
        measures |= {f"gradient_norm/{name}": value for name, value in self.gradient_norms().items()}
        measures |= self._moved("moved", self.last, now) | self._moved("moved_since_start", self.first, now)
        self.first, self.last = self.first or now, now
        return measures

    def gradient_norms(self) -> dict[str, float]:
        """Compute the norm of the gradient of each trained layer at the last update; empty before the first one.

        These are the gradients that the optimiser used: after clipping, if the agent clips.
        """
        layers = {name: [p.grad for p in layer if p.grad is not None] for name, layer in self.agent.layers().items()}
        return {name: norm(gradients) for name, gradients in layers.items() if gradients} or self.gradients

    def _moved(self, label: str, before: Snapshot | None, now: Snapshot) -> dict[str, float]:
        if before is None:
            return {}
        distances = {}
        for name in self.learning:
            then, site = before.places[name].to_module(), now.places[name]
            if then is not None and site.inputs.counts.any():
                distances[f"{label}/{name}"] = moved(then, site.to_module(), site.inputs)
        return distances

    def read_snapshots(self, folder: Path) -> None:
        """Read the first and the last snapshot of a run that is resumed; print a warning if they are damaged."""
        path = folder / SNAPSHOT_FILE
        if not path.exists() or not path.stat().st_size:  # the run has had no evaluation yet
            return
        try:
            first, *_, last = [*read_snapshots(folder)] * 2
            if not first.places.keys() == last.places.keys() >= set(self.learning):
                raise ValueError(f"{path}: expected the activation sites of this run, got others.")
        except ValueError as error:
            print(f"warning: {error} The moves of activations are measured from now on.", file=sys.stderr)
            return
        self.first, self.last = first, last

    def state_dict(self) -> dict:
        """Return the state that the files of the run do not hold."""
        return {"gradients": self.gradient_norms()}

    def load_state_dict(self, state: dict) -> None:
        self.gradients = state["gradients"]


def _dormant(activity: dict[str, Tensor]) -> dict[str, float]:
    """Compute the share of dormant units at each site, and of all units together."""
    dormant_units = {name: dormant(units).double() for name, units in activity.items()}
    shares = {f"dormant/{name}": units.mean().item() for name, units in dormant_units.items()}
    return {"dormant": torch.cat(list(dormant_units.values())).mean().item(), **shares}
