"""Classifiers that are trained as one program are, to rounding, those that each trains alone."""

from __future__ import annotations

import pytest
import torch

from rrn.agents import make_learner
from rrn.agents.classifier.build import make_stack
from rrn.agents.classifier.learner import ClassifierLearner
from rrn.config.compose import compose_config
from rrn.envs import make_envs

CPU = torch.device("cpu")
SMALL = ["task=random_labels", "task.data=gaussian", "task.examples=50", "task.task_steps=100", "device=cpu"]
SMALL += ["network=mlp", "network.widths=[20,16]"]


def learners(*words, seeds=3) -> list[ClassifierLearner]:
    made = []
    for seed in range(seeds):
        torch.manual_seed(seed)
        config = compose_config([*SMALL, *words, f"seed={seed}"])
        made.append(make_learner(config, make_envs(config.env, 1, (seed, 0)), CPU))
    return made


def train_together(stack, start, end, chunk=30) -> None:
    while start < end:
        done, failed = stack.train(start, min(chunk, end - start), True)
        assert not failed
        start += done


def train_alone(learner, end) -> None:
    for step in range(end):
        learner.training_step(step, False)


def parameters(learner) -> dict[str, torch.Tensor]:
    return dict(learner.agent.network.named_parameters())


CASES = [
    ["act=relu"],
    ["act=relu", "network.norm=layer"],
    ["act=rational", "act.lr=3e-3", "agent.weight_decay=0.01"],
    ["act=rrn:Rational", "act.kwargs={tail: linear}"],
    ["act=rrn:Rational", "act.kwargs={groups: 4, version: B}"],
    ["act=recurrent_rational", "network.norm=layer"],
    ["act=recurrent_rational", "act.share=[0,0,1]", "act.version=B", "network.widths=[20,16,12]"],
    ["act=crelu_equal"],
    ["act=hadamard_tanh"],
    ["act=fourier_equal"],
    ["act=swish"],
    ["act=prelu"],
    ["act=tanh", "agent.reset=last"],
    ["act=silu", "agent.shrink=0.5", "agent.perturb=0.5"],
    ["task=class_incremental", "task.data=digits", "task.examples=200", "act=relu"],
]


@pytest.mark.parametrize("words", CASES, ids=" ".join)
def test_200_updates_are_those_of_each_alone(words):
    together, alone = learners(*words), learners(*words)
    train_together(make_stack(together), 0, 200)
    for mine, theirs in zip(together, alone, strict=True):
        train_alone(theirs, 200)
        assert mine.agent.updates == theirs.agent.updates == 200
        assert torch.equal(mine.order, theirs.order)
        assert torch.equal(mine.agent.generator.get_state(), theirs.agent.generator.get_state())
        for name, value in parameters(theirs).items():
            torch.testing.assert_close(parameters(mine)[name], value, atol=2e-4, rtol=2e-3, msg=lambda m, n=name: n + m)
            states = (one.agent.optimiser.state.get(parameters(one)[name], {}) for one in (mine, theirs))
            for (key, found), (_, wanted) in zip(*(state.items() for state in states), strict=True):
                torch.testing.assert_close(found, wanted, atol=2e-4, rtol=5e-2, msg=lambda m, k=key: k + m)
        assert mine.evaluate()["mean"] == pytest.approx(theirs.evaluate()["mean"], abs=0.5)


def test_seeds_differ():
    together = learners("act=rational")
    train_together(make_stack(together), 0, 20)
    first, second, _ = (parameters(learner)["layers.act1.numerator"] for learner in together)
    assert not torch.equal(first, second)
