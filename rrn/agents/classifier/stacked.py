"""Train several classifiers as one program, with their parameters stacked: one update is that of all."""

from __future__ import annotations

from collections.abc import Sequence

import torch
from torch import Tensor
from torch.nn import functional as F

from rrn.agents.base import NotFinite
from rrn.agents.classifier.learner import ClassifierLearner
from rrn.agents.classifier.stacked_network import StackedNetwork
from rrn.agents.learner import Stack


class StackedClassifiers(Stack):
    """Make the updates of S learners together, to rounding the same as those of each on its own.

    Between two calls of `train` the learners and their agents are as if each had trained alone.

    Args:
        learners: of one configuration but for the seed, at the same step.
    """

    def __init__(self, learners: Sequence[ClassifierLearner]):
        self.learners = learners
        self.task: int | None = None  # whose examples are stacked

    def train(self, step: int, number: int, measure: bool) -> tuple[int, dict[int, NotFinite]]:
        """Train all learners for some updates, at most to the end of the task; see `Stack`."""
        first = self.learners[0]
        task = step // first.task_steps
        for learner in self.learners:
            if step % first.task_steps == 0 and learner.begun != task:  # begun, if another one failed in this step
                learner.begin_task(task)
        number = min(number, first.task_steps - step % first.task_steps)
        if len({len(learner.labels) for learner in self.learners}) > 1:  # as of classes of other sizes
            return self._one_after_the_other(number, measure)
        if self.task != task:  # large, so once
            self.task = task
            self.inputs = torch.stack([learner.inputs for learner in self.learners]).flatten(0, 1)
            self.labels = torch.stack([learner.labels for learner in self.learners]).flatten()
        return _Stack(self.learners, self.inputs, self.labels).train(number, measure)

    def _one_after_the_other(self, number: int, measure: bool) -> tuple[int, dict[int, NotFinite]]:
        failed = {}
        for index, learner in enumerate(self.learners):
            try:
                for done in range(1, number + 1):
                    learner.update(measure and done == number)
            except NotFinite as error:
                failed[index] = error
        return number, failed


class _Stack:
    """Hold the parameters and the states of the optimisers of all learners, stacked.

    Args:
        learners: with the same number of examples.
        inputs, labels: of all of them, one learner after the other.
    """

    def __init__(self, learners: Sequence[ClassifierLearner], inputs: Tensor, labels: Tensor):
        self.learners, self.agents = learners, [learner.agent for learner in learners]
        self.network = StackedNetwork([agent.network for agent in self.agents])
        self.own = [dict(agent.network.named_parameters()) for agent in self.agents]
        self.optimiser = self._stacked_optimiser()
        self.inputs, self.labels = inputs, labels
        self.firsts = torch.arange(0, len(labels), len(learners[0].labels), device=labels.device)[:, None]

    def _stacked_optimiser(self) -> torch.optim.Optimizer:
        """Make an optimiser like those of the agents, in their state."""
        theirs, network, names = self.agents[0].optimiser, self.network, self.network.names
        groups = [
            {**group, "params": [network.parameters[names[id(parameter)]] for parameter in group["params"]]}
            for group in theirs.param_groups
        ]
        stacked = type(theirs)(groups)  # type: ignore[call-arg]  # all its settings are in the groups
        for parameter, state in theirs.state.items():
            name = names[id(parameter)]
            states = [agent.optimiser.state[own[name]] for agent, own in zip(self.agents, self.own, strict=True)]
            stacked.state[network.parameters[name]] = {
                key: value.clone() if key == "step" else network.stack(name, [state[key] for state in states])
                for key, value in state.items()
            }
        return stacked

    def train(self, number: int, measure: bool) -> tuple[int, dict[int, NotFinite]]:
        failed: dict[int, NotFinite] = {}
        done = 0
        while done < number and not failed:
            rows = torch.stack([learner.next_rows() for learner in self.learners])
            failed = self._update(rows, measure and done == number - 1)
            done += not failed
        self._write_back()
        return done, failed

    def _update(self, rows: Tensor, measure: bool) -> dict[int, NotFinite]:
        """Make one update on rows [S, B] of the examples, or find out for which learners there can be none."""
        flat = (rows + self.firsts).flatten()
        inputs = self.inputs.index_select(0, flat).unflatten(0, rows.shape)
        labels = self.labels.index_select(0, flat)
        outputs = self.network(inputs)
        losses = F.cross_entropy(outputs.flatten(0, 1), labels, reduction="none").view(rows.shape).mean(1)
        labels = labels.view(rows.shape)
        right = (outputs.detach().argmax(2) == labels).sum(1)
        finite = losses.detach().isfinite().tolist()
        if not all(finite):
            for learner, own in zip(self.learners, rows, strict=True):
                learner.put_back(own)
            batches = zip(self.agents, inputs, labels, finite, strict=True)
            return {
                index: NotFinite({"inputs": x, "labels": y}, [(agent.network, x)])
                for index, (agent, x, y, good) in enumerate(batches)
                if not good
            }
        for parameter in self.network.parameters.values():
            parameter.grad = None
        losses.sum().backward()
        norms = self._gradient_norms() if measure else [{}] * len(self.learners)
        self.optimiser.step()
        for learner, loss, number, norm in zip(self.learners, losses.tolist(), right.tolist(), norms, strict=True):
            learner.agent.updates += 1
            learner.count(number, rows.shape[1], {"loss": loss} | norm)
        return {}

    def _gradient_norms(self) -> list[dict[str, float]]:
        grads = [p.grad.view(len(p), -1) for p in self.network.parameters.values() if p.grad is not None]
        norms = torch.stack([grad.norm(dim=1) for grad in grads]).norm(dim=0)
        return [{"gradient_norm": norm} for norm in norms.tolist()]

    @torch.no_grad()
    def _write_back(self) -> None:
        """Give each agent its parameters, their gradients of the last update, and the state of its optimiser."""
        for name, stacked in self.network.parameters.items():
            for own, value in zip(self.own, self.network.unstack(name, stacked), strict=True):
                own[name].copy_(value)
            grads = [None] * len(self.own) if stacked.grad is None else self.network.unstack(name, stacked.grad)
            for own, grad in zip(self.own, grads, strict=True):
                own[name].grad = None if grad is None else grad.clone(memory_format=torch.contiguous_format)
            state = self.optimiser.state.get(stacked, {})
            for key, values in state.items():
                each = [values] * len(self.agents) if key == "step" else self.network.unstack(name, values)
                for agent, own, value in zip(self.agents, self.own, each, strict=True):
                    agent.optimiser.state[own[name]][key] = value.clone(memory_format=torch.contiguous_format)
