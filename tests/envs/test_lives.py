"""Lost lives and ends of games, as the emulator's own interface has them: it counts lives and says when it is over.

In eleven games the counter is 0 while the last life is played: "0 lives" is not "over". In KeystoneKapers that life
comes after some 3,000 steps; the other ten are played here.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import pytest
from ale_py import ALEInterface, roms
from helpers.atari import games_of, random_actions

from rrn.config.games import atari_games
from rrn.envs.atari import FIRE
from rrn.reference.tables import games as games_of_the_paper

# steps in which the last life comes, with 0 on the counter, and what to play: always the same action, or random ones
RESERVE = {
    "Atlantis": (440, "action", 0),
    "Atlantis2": (480, "action", 0),
    "BankHeist": (370, "seed", 5),
    "DonkeyKong": (420, "action", 1),
    "Frogger": (260, "seed", 4),
    "LostLuggage": (770, "action", 0),
    "MrDo": (340, "action", 2),
    "SirLancelot": (390, "seed", 4),
    "Turmoil": (460, "action", 4),
    "WizardOfWor": (280, "action", 2),
}
# of these, the step that loses the last life of the counter, and the one that ends the game
STEPS = {"MrDo": (271, 318), "Turmoil": (409, 446), "WizardOfWor": (244, 261)}
GAMES = [("MrDo", "true"), ("Turmoil", "false"), ("WizardOfWor", "true"), ("WizardOfWor", "false")]


def actions_in(name: str, games) -> Sequence[np.ndarray]:
    steps, what, number = RESERVE.get(name, (80, "seed", 0))
    return random_actions(games, steps, number) if what == "seed" else np.full((steps, games.num_envs), number)


@pytest.mark.slow
@pytest.mark.parametrize(("name", "life_loss"), GAMES)
def test_the_life_that_leaves_none_in_reserve_is_lost(name, life_loss):
    games, (lost, end) = games_of(name, copies=1, noop_max=0, life_loss=life_loss), STEPS[name]
    for t, actions in enumerate(actions_in(name, games)):
        step = games.step(actions)
        assert step.done[0] == (t == end)
        if t == lost:
            assert games.lives[0] == 0
        if t >= lost:
            assert step.terminated[0] == (t == end or (t == lost and life_loss == "true"))
        if t == end:
            return


@pytest.mark.slow
@pytest.mark.parametrize("name", ["MrDo", "WizardOfWor"])
def test_it_is_lost_with_the_last_frame_before_the_cap_too(name):
    lost = STEPS[name][0]
    games = games_of(name, copies=1, noop_max=0, frame_cap=4 * (lost + 1))
    for actions in actions_in(name, games)[: lost + 1]:
        step = games.step(actions)
    assert step.terminated[0]
    assert step.truncated[0]
    assert step.done[0]
    assert not step.observations[0, :3].any()  # the next game has begun


@pytest.mark.slow
@pytest.mark.parametrize(("name", "life_loss"), GAMES[1:3])
def test_the_next_life_begins_with_fire(name, life_loss):
    games, last_lives, begins = games_of(name, fire="true", life_loss=life_loss), 0, np.ones(2, dtype=bool)
    for actions in actions_in(name, games):
        lives, step = games.lives, games.step(actions)
        for env in np.flatnonzero(~step.done):
            assert games.actions[env][-1] == (FIRE if begins[env] else actions[env])
        last_lives += (begins & (lives == 0)).sum()
        begins = (games.lives < lives) | step.done
    assert last_lives > 0


@pytest.mark.slow
def test_a_recorded_game_is_played_again_as_it_was_recorded():
    """FIRE is in the record; a checkpoint from when the last life of these games began without it goes on."""
    games, other = (games_of("WizardOfWor", fire="true", seeds=seeds) for seeds in ((7,), (99,)))
    zeros = 0
    for actions in actions_in("WizardOfWor", games):
        games.fire_next &= games.lives > 0  # as it was
        games.step(actions)
        zeros += (games.lives == 0).sum()
    assert zeros > 0
    assert np.array_equal(other.load_state_dict(games.state_dict()), games.observations)


@pytest.mark.slow
@pytest.mark.parametrize("name", [*games_of_the_paper(), *RESERVE])
def test_rewards_lives_and_ends_are_those_of_the_emulators_interface(name):
    games = games_of(name, copies=1, noop_max=0)
    emulator = ALEInterface()
    emulator.setFloat("repeat_action_probability", 0.0)
    emulator.setInt("random_seed", games.episode_seed(0))
    emulator.loadROM(roms.get_rom_path(atari_games()[name]))
    emulator.reset_game()
    buttons, lives, last_lives = emulator.getMinimalActionSet(), emulator.lives(), 0
    for action in actions_in(name, games)[:, 0]:
        reward, frames = 0, 0
        while frames < 4 and not emulator.game_over():
            reward, frames = reward + emulator.act(buttons[action]), frames + 1
        over, lost = emulator.game_over(), emulator.lives() < lives
        step = games.step(np.array([action]))
        assert (step.rewards[0], step.done[0], step.terminated[0]) == (reward, over, over or lost)
        last_lives += lost and not over and emulator.lives() == 0
        if over:
            emulator.setInt("random_seed", games.episode_seed(0))
            emulator.reset_game()
        lives = emulator.lives()
        assert games.lives[0] == lives
    assert (last_lives > 0) == (name in RESERVE)
