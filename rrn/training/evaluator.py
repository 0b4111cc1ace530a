"""Evaluate a run in training: whole episodes, measures of plasticity, and the figure of its activations."""

from __future__ import annotations

from collections.abc import Callable
from functools import cached_property

import torch

from rrn.activations.inspection.plot import draw, in_rows
from rrn.activations.inspection.recording import record_inputs
from rrn.activations.inspection.snapshots import snapshot
from rrn.agents.learner import Learner
from rrn.common.eval_mode import eval_mode
from rrn.config import Config
from rrn.envs import VectorEnv, make_envs
from rrn.metrics.curvature import distance, largest_curvature
from rrn.metrics.overestimation import Predictions
from rrn.metrics.recorder import PlasticityRecorder, record_activity
from rrn.runs.logger import RunLogger
from rrn.training.play import play, summary

EVALUATION = 1  # second part of the key of a game's seed; training has 0
SHAPE_STATES = 2  # observations behind one snapshot and its measures, for each unit of the last hidden layer
SHAPE_BINS = 128  # of these histograms, over about twice the range of the inputs


class Evaluator:
    """Evaluate the agent of a learner.

    Args:
        config: of the run.
        learner: its agent is evaluated, on games of their own.

    Attributes:
        measures: of the plasticity of the network; part of the run's state.
        states: number of observations behind a snapshot.
    """

    def __init__(self, config: Config, learner: Learner):
        self.config, self.learner = config, learner
        self.measures = PlasticityRecorder(learner.agent)
        self.states = SHAPE_STATES * learner.agent.network.widths[-1]

    @cached_property
    def games(self) -> VectorEnv:
        """Make the environments of evaluations, apart from those of training, when the first evaluation is due."""
        config = self.config.evaluation
        copies = config.num_envs if config.episodes is not None else 1
        return make_envs(self.config.env, copies, (self.config.seed, EVALUATION))

    def evaluate(self, step: int, records: RunLogger, stop: Callable[[], bool]) -> dict[str, float] | None:
        """Play, measure, draw, and log all of it; return the summary of the scores, or None if `stop` returned True.

        Raises:
            NotFinite: what the agent acts by is NaN or infinite.
        """
        scores = self.learner.evaluate()
        if scores is None:
            scores = self._play(step, records, stop)
        if scores is not None:
            records.scalars(step, {f"evaluation/{name}": value for name, value in scores.items()})
            self.draw(step, records)
        return scores

    def _play(self, step: int, records: RunLogger, stop: Callable[[], bool]) -> dict[str, float] | None:
        """Play whole episodes and log how far the values are off; return the summary of the scores."""
        config = self.config.evaluation
        self.games.at_step(step)
        seeds = (self.config.seed, EVALUATION, step)
        predictions = Predictions(self.config.agent.gamma, self.config.env.clip_rewards)
        limits = config.epsilon, config.episodes, config.steps
        games = play(self.learner.agent, self.games, seeds, *limits, stop, predictions)
        if games is None:
            return None
        log_measures(records, step, predictions.summary())
        return summary(games)

    @torch.no_grad()
    def draw(self, step: int, records: RunLogger) -> None:
        """Log a snapshot of the activations, with their inputs for recent observations, and if it is due its figure."""
        generator = torch.Generator().manual_seed(self.config.seed + step)
        observations, agent = self.learner.sample_observations(self.states, generator), self.learner.agent
        recording = record_inputs(agent.network.layers, SHAPE_BINS), record_activity(agent.network.layers)
        with eval_mode(agent.network), recording[0] as inputs, recording[1] as activity:
            agent.forward(observations)
        now = snapshot(agent.network.layers, step, inputs)
        log_measures(records, step, self.measures.take(activity, now) | self._curvature())
        records.snapshot(now)
        number = step // self.config.evaluation.every
        if step < self.config.steps and number % self.config.evaluation.figure_every:
            return
        figure = draw(in_rows(now.shapes()), f"{self.config.env.name}, {self.config.act.name}, step {step}")
        figure.set_dpi(120)
        records.figure(step, "shapes", figure)

    @torch.enable_grad()
    def _curvature(self) -> dict[str, float]:
        """Measure the curvature of the loss and the distance from the start, of learners that offer them."""
        parameters, start, measures = self.learner.agent.parameters, self.learner.start, {}
        with eval_mode(self.learner.agent.network):
            loss = self.learner.sample_loss()
        if loss is not None:
            measures["curvature"] = largest_curvature(loss, [p for p in parameters if p.requires_grad])
        if start is not None:
            measures["distance"] = distance(parameters, start)
        return measures


def log_measures(records: RunLogger, step: int, values: dict[str, float]) -> None:
    """Log measures of plasticity, by name."""
    records.scalars(step, {f"plasticity/{name}": value for name, value in values.items()})
