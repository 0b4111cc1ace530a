"""Atari games in ale-py's vector environment, with its traps closed.

The rest of the program sees raw scores, true ends of games, and lost lives as `terminated`.
"""

from __future__ import annotations

import numpy as np
import torch
from ale_py import roms
from ale_py.vector_env import AtariVectorEnv

from rrn.config import AtariConfig
from rrn.envs.games import VectorGames

# ale-py lists these games but ends the process when one is opened for a single player
TWO_PLAYERS = ("Combat", "Joust", "MazeCraze", "Warlords")


def atari_games() -> dict[str, str]:
    """The games for one player, name as in the papers (SpaceInvaders) to name in ale-py (space_invaders)."""
    names = {rom.title().replace("_", ""): rom for rom in roms.get_all_rom_ids()}
    return {name: names[name] for name in sorted(names) if name not in TWO_PLAYERS}


class AtariGames(VectorGames):
    """N copies of one Atari game; observations [N, stack, size, size] uint8, oldest frame first."""

    frame_type = torch.uint8

    def __init__(self, config: AtariConfig, num_envs: int, seeds: tuple[int, ...], reseed_after: int = 0):
        super().__init__(num_envs, seeds, reseed_after)
        self.life_loss = config.life_loss
        self.step_cap = -(-config.frame_cap // config.frame_skip)
        self.emulator = AtariVectorEnv(
            game=atari_games()[config.name],
            img_height=config.size,
            img_width=config.size,
            stack_num=config.stack,
            **emulator_options(config, num_envs),
        )
        self.num_actions = int(self.emulator.single_action_space.n)
        self.frame_shape = (config.size, config.size)
        self.stack = config.stack
        self.reset()

    def _reset(self, rows: np.ndarray, seeds: list[int]) -> np.ndarray:
        # the first reset of the emulator must be one of all copies
        options = None if rows.all() else {"reset_mask": rows}
        observations, info = self.emulator.reset(seed=np.array(seeds), options=options)
        self.lives = info["lives"].copy()
        return observations

    def _restart(self, rows: np.ndarray) -> np.ndarray:
        observations, info = self.emulator.reset(options={"reset_mask": rows})
        self.lives = info["lives"].copy()
        return observations

    def _send(self, actions: np.ndarray) -> None:
        self.emulator.send(actions)

    def _receive(self):
        observations, rewards, terminated, truncated, info = self.emulator.recv()
        # `terminated` with lives left is a lost life; Adventure ends with its one life left
        lost_life = (info["lives"] > 0) & (info["lives"] < self.lives) & self.life_loss
        self.lives = info["lives"].copy()
        # a life that is lost with the last frame hides from us that the emulator will start the next game
        capped = np.array([len(actions) >= self.step_cap for actions in self.actions])
        truncated = truncated | (lost_life & capped)
        return observations, rewards, terminated, truncated, (terminated & ~lost_life) | truncated


def emulator_options(config: AtariConfig, num_envs: int) -> dict:
    """Options of AtariVectorEnv on which the course of a game depends, from our names to its own."""
    return {
        "num_envs": num_envs,
        "frameskip": config.frame_skip,
        "maxpool": config.max_pool,
        "repeat_action_probability": config.sticky_actions,
        "noop_max": config.noop_max,
        "life_loss_info": config.life_loss,
        "max_num_frames_per_episode": config.frame_cap,
        "full_action_space": False,
        "episodic_life": False,  # would restart the whole game at each lost life
        "reward_clipping": False,  # would hide the score
        "use_fire_reset": False,  # the paper's environment does not press FIRE
    }
