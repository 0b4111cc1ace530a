"""Play Atari games in ale-py's vector environment, and avoid its traps.

Rewards are raw, `done` is the true end of a game, and a lost life is `terminated`. The emulator reports ends of games
only; a life is lost when its counter falls. In some games the counter is 0 while the last life is played, and the
emulator's `life_loss_info` misses the loss of that life.
"""

from __future__ import annotations

from functools import cache

import numpy as np
import torch
from ale_py import Action, ALEInterface, LoggerMode, roms
from ale_py.vector_env import AtariVectorEnv

from rrn.config import AtariConfig
from rrn.config.games import atari_games
from rrn.envs.base import VectorEnv
from rrn.envs.resize import bilinear

FIRE = 1  # index of the action, in the games that have it


class AtariEnv(VectorEnv):
    """Step N copies of one Atari game; observations [N, stack, size, size] uint8, oldest frame first."""

    frame_type = torch.uint8

    def __init__(self, config: AtariConfig, num_envs: int, seeds: tuple[int, ...], reseed_after: int = 0):
        super().__init__(num_envs, seeds, reseed_after)
        self.life_loss = config.life_loss
        self.frame_shape = (config.size, config.size)
        self.stack = config.stack
        self.bilinear = config.resize == "bilinear"
        game = atari_games()[config.name]
        self.presses_fire = config.fire and has_fire(game)
        height, width = screen_shape(game) if self.bilinear else self.frame_shape
        self.emulator = AtariVectorEnv(
            game=game,
            img_height=height,
            img_width=width,
            stack_num=1 if self.bilinear else self.stack,
            **emulator_options(config, num_envs),
        )
        self.num_actions = int(self.emulator.single_action_space.n)  # type: ignore[attr-defined]
        self.observations = np.zeros((num_envs, self.stack, *self.frame_shape), dtype=np.uint8)
        self.fire_next = np.zeros(num_envs, dtype=bool)
        self.reset()

    def reset_rows(self, rows: np.ndarray, seeds: list[int]) -> np.ndarray:
        # the first reset of the emulator must reset all copies
        options = None if rows.all() else {"reset_mask": rows}
        observations, info = self.emulator.reset(seed=np.array(seeds), options=options)
        return self._after_reset(rows, observations, info)

    def reset_rows_unseeded(self, rows: np.ndarray) -> np.ndarray:
        return self._after_reset(rows, *self.emulator.reset(options={"reset_mask": rows}))

    def _after_reset(self, rows: np.ndarray, screens: np.ndarray, info: dict) -> np.ndarray:
        """Return the observations [N, stack, *frame] after the copies `rows` [N] were reset."""
        self.lives = info["lives"].copy()
        self.fire_next = np.where(rows, self.presses_fire, self.fire_next)
        if not self.bilinear:
            return screens
        observations = self.observations.copy()
        observations[rows, :-1] = 0  # as the emulator does
        observations[rows, -1] = bilinear(screens[rows, 0], self.frame_shape[0])
        return observations

    def replace_actions(self, actions: np.ndarray) -> np.ndarray:
        return np.where(self.fire_next, FIRE, actions)

    def start_step(self, actions: np.ndarray) -> None:
        self.emulator.send(actions)

    def step_rows(self, actions: np.ndarray):
        observations, rewards, ended, truncated, info = self.emulator.recv()
        if self.bilinear:
            frames = bilinear(observations[:, 0], self.frame_shape[0])
            observations = np.concatenate((self.observations[:, 1:], frames[:, None]), axis=1)
        lost_life = (info["lives"] < self.lives) & ~ended
        self.lives = info["lives"].copy()
        self.fire_next = lost_life & self.presses_fire
        return observations, rewards, ended | (lost_life & self.life_loss), truncated, ended | truncated


def screen_shape(game: str) -> tuple[int, int]:
    """Return height and width of the screen of a game of ale-py, in pixels."""
    return _load_game(game).getScreenDims()


def has_fire(game: str) -> bool:
    """Return whether a game of ale-py has the action FIRE."""
    return _load_game(game).getMinimalActionSet()[FIRE] == Action.FIRE


@cache
def _load_game(game: str) -> ALEInterface:
    ALEInterface.setLoggerMode(LoggerMode.Error)
    emulator = ALEInterface()
    emulator.loadROM(roms.get_rom_path(game))
    return emulator


def emulator_options(config: AtariConfig, num_envs: int) -> dict:
    """Translate the settings that the course of a game depends on to options of AtariVectorEnv."""
    return {
        "num_envs": num_envs,
        "frameskip": config.frame_skip,
        "maxpool": config.max_pool,
        "repeat_action_probability": config.sticky_actions,
        "noop_max": config.noop_max,
        "life_loss_info": False,  # misses a life, and hides the frame cap if a life is lost with the last frame
        "max_num_frames_per_episode": config.frame_cap,
        "full_action_space": config.full_action_space,
        "episodic_life": False,  # resets the whole game at each lost life
        "reward_clipping": False,  # hides the score
        "use_fire_reset": False,  # presses it at the start of games, not of lives
    }
