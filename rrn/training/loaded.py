"""Load a trained agent to act with: `rrn.load(RUN)`."""

from __future__ import annotations

from functools import cached_property
from pathlib import Path
from typing import Any

import gymnasium
import numpy as np
from torch import nn

from rrn.agents.base import Agent
from rrn.common.device import pick_device
from rrn.common.files import expand_home
from rrn.common.notebook import html_table
from rrn.config import Config, GymConfig
from rrn.envs import VectorEnv, make_envs
from rrn.envs.gym_spaces import Frames, Translation, actions_of, frames_of
from rrn.envs.gymnasium import make_copy
from rrn.envs.shape import EnvShape
from rrn.envs.single import SingleEnv
from rrn.runs.folder import load_config
from rrn.training.play import play, summary
from rrn.training.trained_agent import load_agent, load_checkpoint

LOADED = 3  # second part of the key of a game's seed; training has 0, its evaluations 1, the command 2


class TrainedAgent:
    """Act as a run has learned to.

    Attributes:
        agent: of rrn, for all that is not here.
        network: an ordinary module, in evaluation mode.
        config: of the run.
        step: agent steps of training after which these weights were kept.
        score: mean score of their evaluation, NaN if they come from a checkpoint.
        path: of the file.
    """

    def __init__(self, agent: Agent, config: Config, shape: EnvShape, path: Path, step: int, score: float):
        self.agent, self.config, self.shape, self.path, self.step, self.score = agent, config, shape, path, step, score
        self.agent.network.eval()

    @property
    def network(self) -> nn.Module:
        return self.agent.network

    def act(self, observation: Any, epsilon: float = 0.0, deterministic: bool = True) -> Any:
        """Choose an action as the environment takes it, or one for each of a batch of observations.

        Args:
            observation: one of `make_env()`; of the environment itself where that is one of Gymnasium. A batch has one
                dimension more.
            epsilon: probability of a random action.
            deterministic: take the action that is preferred; False: draw it from the policy, if the agent has one.

        Raises:
            ValueError: the observation has another shape.
        """
        frames, single = self._frames(observation)
        self.agent.deterministic = deterministic
        actions = self._to_env(self.agent.act(frames, epsilon))
        if not single:
            return actions
        return actions[0].item() if actions.ndim == 1 else actions[0]

    def _frames(self, observation: Any) -> tuple[np.ndarray, bool]:
        """Return a batch [N, stack, *frame] for the agent, and whether it is of one observation."""
        given, stack, frame = np.asarray(observation), self.shape.stack, self.shape.frame_shape
        if self._spaces is not None and stack == 1:
            space, frames = self._spaces[0], self._spaces[1]
            if given.shape in (space.shape, (len(given), *space.shape) if given.ndim else ()):
                single = given.shape == space.shape
                return frames.of(given[None] if single else given)[:, None], single
        wanted = (stack, *frame)
        if given.shape == wanted or (stack == 1 and given.shape == frame):
            return given.reshape(1, *wanted), True
        if given.ndim == len(wanted) + 1 and given.shape[1:] == wanted:
            return given, False
        raise ValueError(
            f"expected an observation {list(wanted)} of {self.config.env.name}, or a batch of them, got "
            f"{list(given.shape)}; make_env() has such ones."
        )

    def _to_env(self, actions: np.ndarray) -> np.ndarray:
        checked = self.shape.action_space.check(actions, len(actions))
        return checked if self._spaces is None else self._spaces[2](checked)

    @cached_property
    def _spaces(self) -> tuple[gymnasium.Space, Frames, Translation] | None:
        """Return the observations of an environment of Gymnasium, and how they and our actions are translated."""
        config = self.config.env
        if not isinstance(config, GymConfig):
            return None
        env = make_copy(config)
        name = f"env.id={config.id}"
        spaces = env.observation_space, frames_of(env.observation_space, name), actions_of(env.action_space, name)[1]
        env.close()
        return spaces

    def make_env(self, **kwargs: Any) -> gymnasium.Env:
        """Make the environment that it was trained in, as one of Gymnasium.

        Args:
            kwargs: more arguments of `gymnasium.make`, such as render_mode="human"; for environments of Gymnasium.
        """
        config = self.config.env
        return make_copy(config, **kwargs) if isinstance(config, GymConfig) else SingleEnv(config, **kwargs)

    def evaluate(self, episodes: int = 10, epsilon: float | None = None, seed: int = 0) -> dict[str, float]:
        """Play whole episodes and return mean, median, min and max of their scores, and their number, as `games`.

        Args:
            episodes: how many.
            epsilon: probability of a random action; None: that of the run's own evaluations.
            seed: of the episodes and the random actions.
        """
        games = make_envs(self.config.env, min(8, episodes), (seed, LOADED))
        epsilon = self.config.evaluation.epsilon if epsilon is None else epsilon
        played = play(self.agent, games, (seed, LOADED), epsilon, episodes)
        assert played is not None
        return summary(played)

    def _facts(self) -> dict[str, str]:
        config = self.config
        facts = {"env": config.env.name, "agent": config.agent.name, "act": config.act.name, "step": f"{self.step:,}"}
        return facts | ({} if np.isnan(self.score) else {"score": f"{self.score:.4g}"}) | {"file": str(self.path)}

    def __repr__(self) -> str:
        return f"TrainedAgent({', '.join(f'{key}={value}' for key, value in self._facts().items())})"

    def _repr_html_(self) -> str:
        return html_table(list(self._facts()), list(self._facts().values()))


def load(run: str | Path, weights: str | int | Path = "best", device: str = "cpu") -> TrainedAgent:
    """Load the agent of a run.

    Args:
        run: its folder.
        weights: "best", of the best evaluation, or "last"; the agent step of an evaluation, where the run kept all
            (checkpoint.weights=all); or the path of a file of weights or a checkpoint. A run of an earlier version has
            checkpoints alone, of which "best" and "last" are the last one.
        device: cpu, cuda, cuda:N, or auto.

    Raises:
        UserError: there is no run or no such file, or they do not belong together.
    """
    folder = Path(expand_home("run", str(run)))
    config = load_config(folder)
    path, state = load_checkpoint(folder, config, str(weights))
    games: EnvShape | VectorEnv
    if "games" in state and not config.agent.builds_network:
        games = shape = EnvShape.from_state(state["games"])
    else:
        games = make_envs(config.env, 1, (0, LOADED))
        shape = EnvShape.of(games)
    agent = load_agent(folder, config, games, pick_device(device), path, state)
    return TrainedAgent(agent, config, shape, path, state["step"], state.get("score", float("nan")))
