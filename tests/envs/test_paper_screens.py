"""What the paper's environment does and ale-py's own does not: bilinear resizing, and FIRE at the start of a life."""

from __future__ import annotations

import ale_py
import numpy as np
import pytest
import torch
from ale_py import ALEInterface
from helpers.atari import games_of, random_actions
from hypothesis import given
from hypothesis import strategies as st

from rrn.config.compose import compose_config
from rrn.envs.atari import FIRE
from rrn.envs.resize import bilinear
from rrn.reference.tables import games as games_of_the_paper


@given(st.integers(1, 300), st.integers(1, 200), st.integers(1, 100), st.integers(0, 2**32 - 1))
def test_bilinear_is_that_of_torch_to_one_grey_level(height, width, size, seed):
    screens = np.random.default_rng(seed).integers(0, 256, (2, height, width), dtype=np.uint8)
    frames = bilinear(screens, size)
    exact = torch.nn.functional.interpolate(torch.from_numpy(screens)[:, None].double(), (size, size), mode="bilinear")
    assert (frames.shape, frames.dtype) == ((2, size, size), np.uint8)
    # half a level by rounding to a whole one, and less than half by the rounding of the weights
    assert np.abs(frames - exact[:, 0].numpy()).max() < 1


@pytest.mark.parametrize("value", [0, 87, 255])
def test_an_even_screen_stays_as_it_is(value):
    assert (bilinear(np.full((1, 210, 160), value, np.uint8), 84) == value).all()


def test_a_small_thing_keeps_more_contrast_than_by_areas():
    """The ball of Pong, 2 pixels by 4, wherever it is: its squared differences from the background."""
    screens = np.full((10 * 40, 210, 160), 87, np.uint8)  # 5 lines become 2, and 40 columns 21: all places there are
    for i, screen in enumerate(screens):
        y, x = 60 + i // 40, 60 + i % 40
        screen[y : y + 4, x : x + 2] = 236
    by_areas = np.einsum("yh,nhw,xw->nyx", shares(210), screens, shares(160), optimize=True)
    energy = [((frames - 87.0) ** 2).sum() for frames in (bilinear(screens, 84), by_areas)]
    assert 1.3 < energy[0] / energy[1] < 1.5


def shares(length: int) -> np.ndarray:
    """[84, length] share of each pixel of a line in each of 84 that average over it."""
    edges = np.arange(85)[:, None] * length / 84
    pixel = np.arange(length)
    return (np.minimum(edges[1:], pixel + 1) - np.maximum(edges[:-1], pixel)).clip(0) * 84 / length


@pytest.mark.parametrize("name", ["Pong", "Adventure"])  # screens of 210 and of 250 lines
def test_frames_are_those_of_the_emulators_screen(name):
    games = games_of(name, copies=1, resize="bilinear", noop_max=0)
    emulator = ALEInterface()
    emulator.setFloat("repeat_action_probability", 0.0)
    emulator.loadROM(ale_py.roms.get_rom_path(name.lower()))
    actions = emulator.getMinimalActionSet()
    stack = [np.zeros((84, 84), np.uint8)] * 3 + [bilinear(emulator.getScreenGrayscale()[None], 84)[0]]
    assert np.array_equal(games.observations[0], stack)
    for action in random_actions(games, 60)[:, 0]:
        for _ in range(4):
            emulator.act(actions[action])
        stack = [*stack[1:], bilinear(emulator.getScreenGrayscale()[None], 84)[0]]
        assert np.array_equal(games.step(np.array([action])).observations[0], stack)


@pytest.mark.slow
@pytest.mark.parametrize("life_loss", ["true", "false"])
def test_the_first_action_of_each_life_is_fire(life_loss):
    games, lost = games_of("Breakout", fire="true", life_loss=life_loss), 0
    first, lives = np.ones(2, dtype=bool), games.lives
    for _ in range(200):
        step = games.step(np.full(2, 3))
        played = [actions[-1] if actions else None for actions in games.actions]  # None: the game is over
        assert all(action in (FIRE if begins else 3, None) for action, begins in zip(played, first, strict=True))
        first = (games.lives != lives) | step.done
        lost += (games.lives < lives).sum()
        lives = games.lives
    assert lost > 8
    assert all(game.actions[0] == FIRE for game in step.episodes)


@pytest.mark.slow
def test_fire_is_pressed_in_the_games_that_have_it_and_if_asked():
    without = {"Asterix", "Skiing", "Tutankham"}
    for name in (*without, "Pong", "Seaquest"):
        games = games_of(name, copies=1, fire="true")
        games.step(np.array([0]))
        assert games.actions[0][0] == (0 if name in without else FIRE), name
    games = games_of("Breakout", copies=1)
    games.step(np.array([0]))
    assert games.actions[0][0] == 0


def test_the_papers_protocol_has_both():
    for game in games_of_the_paper():
        env = compose_config([f"env={game}", "experiment=paper"]).env
        assert (env.resize, env.fire) == ("bilinear", True)
    assert compose_config(["env=Pong"]).env.resize == "area"
