"""Present an rrn VectorEnv as a VecEnv of Stable-Baselines3."""

from __future__ import annotations

import numpy as np
import torch
from gymnasium import spaces
from stable_baselines3.common.vec_env import VecEnv

from rrn.envs import Episode, VectorEnv


class SB3VecEnv(VecEnv):
    """Wrap a VectorEnv; a lost life is `done`, and the game goes on."""

    def __init__(self, games: VectorEnv, clip_rewards: bool) -> None:
        self.games, self.clip_rewards = games, clip_rewards
        self.finished: list[Episode] = []  # episodes that the learner has not taken yet
        super().__init__(games.num_envs, observation_space(games), spaces.Discrete(games.num_actions))

    def reset(self) -> np.ndarray:
        """Return the current observations; the environments reset by themselves."""
        return self._seen(self.games.observations)

    def step_async(self, actions: np.ndarray) -> None:
        self.games.send(actions)

    def step_wait(self) -> tuple[np.ndarray, np.ndarray, np.ndarray, list[dict]]:
        before, step = self.games.observations, self.games.receive()
        self.finished += step.episodes
        rewards = np.clip(step.rewards, -1, 1) if self.clip_rewards else step.rewards
        done = step.terminated | step.truncated
        infos: list[dict] = [{} for _ in range(self.num_envs)]
        for env in np.flatnonzero(done):
            last = step.observations[env]
            if step.done[env]:
                last = np.concatenate((before[env, 1:], step.final_frames[env][None]))
            cut = bool(step.truncated[env] and not step.terminated[env])
            infos[env] = {"terminal_observation": self._seen(last[None])[0], "TimeLimit.truncated": cut}
        return self._seen(step.observations), rewards.astype(np.float32), done, infos

    def _seen(self, observations: np.ndarray) -> np.ndarray:
        """Reshape observations [N, stack, *frame] to those of the space."""
        return observations.reshape(-1, *self.observation_space.shape).astype(self.observation_space.dtype)

    def close(self) -> None:
        pass

    def get_attr(self, attr_name, indices=None) -> list:
        return [None] * self.num_envs

    def set_attr(self, attr_name, value, indices=None) -> None:
        pass

    def env_method(self, method_name, *args, indices=None, **kwargs) -> list:
        return [None] * self.num_envs

    def env_is_wrapped(self, wrapper_class, indices=None) -> list[bool]:
        return [False] * self.num_envs


def observation_space(games: VectorEnv) -> spaces.Box:
    """Make the space: [stack * channels, height, width] for pixels and MinAtar, [features] for others."""
    first, *rest = games.frame_shape
    if games.frame_type == torch.uint8:
        channels = games.stack * int(np.prod(games.frame_shape[:-2]))
        return spaces.Box(0, 255, (channels, *games.frame_shape[-2:]), np.uint8)
    kind = (0, 1, (games.stack * first, *rest), np.uint8) if rest else (-np.inf, np.inf, (games.stack * first,))
    return spaces.Box(*kind)
