"""`rrn.evaluate` shows games: in a window, in a video of each run, and of several runs side by side."""

from __future__ import annotations

from pathlib import Path

import imageio.v2 as imageio
import numpy as np
import pygame
import pytest

from rrn.common.animation import Video
from rrn.common.errors import UserError
from rrn.envs import VectorEnv
from rrn.training.evaluate_runs import evaluate_runs

pytestmark = pytest.mark.slow
SMOKE = ("experiment=smoke", "act=relu")
SETTINGS = {"episodes": 2, "epsilon": 0.3, "seed": 5, "checkpoint": None, "device": "cpu", "replace": None}
SETTINGS["deterministic"] = False


def test_the_best_games_of_two_runs_are_filmed_side_by_side(train_here, command):
    train_here(*SMOKE, "env=CartPole"), train_here(*SMOKE, "env=CartPole", "agent=ppo")
    names = ["runs/CartPole/dqn-relu/seed0", "runs/CartPole/ppo-relu/seed0"]
    done = command("rrn.evaluate", *names, "episodes=2", "deterministic=true", "video=both.gif")
    assert done.returncode == 0, done.stderr
    lines = done.stdout.splitlines()
    assert [lines[0], lines[4]] == [f"{name}:" for name in names]
    assert lines[2].endswith("playing 2 games with deterministic actions")
    assert lines[-1] == "video of the best games: both.gif"
    best = max(float(line.split("max ")[1].split()[0]) for line in (lines[3], lines[7]))
    with imageio.get_reader("both.gif") as film:
        frames = list(film)
    assert best <= len(frames) <= best + 1  # equal pictures may be one in the file
    assert frames[0].shape[:2] == (432, 1208)
    twice = command("rrn.evaluate", names[0], f"{names[0]}/", "video=both.gif")
    assert (twice.returncode, twice.stderr) == (2, f"error: expected runs that differ, got {names[0]} {names[0]}.\n")


def test_runs_of_different_environments_are_not_shown_together(train_here):
    folders = [train_here(*SMOKE, "env=CartPole"), train_here(*SMOKE, "env=MinAtar-Breakout")]
    with pytest.raises(UserError, match=r"expected runs of one environment .* got CartPole of .*MinAtar-Breakout of"):
        evaluate_runs(folders, video="both.mp4", render=None)


def captions(monkeypatch) -> list[str]:
    """The titles of a window that shows nothing, as they are set."""
    monkeypatch.setenv("SDL_VIDEODRIVER", "dummy")
    shown: list[str] = []
    monkeypatch.setattr("pygame.display.set_caption", shown.append)
    return shown


@pytest.mark.parametrize("env", ["CartPole", "MinAtar-Breakout", "Pong"])
def test_a_game_is_shown_while_it_is_played_and_is_that_of_one_environment(train_here, monkeypatch, env):
    folder, shown = train_here(*SMOKE, f"env={env}", "env.frame_cap=160" if env == "Pong" else "seed=0"), []
    titles = captions(monkeypatch)
    step = VectorEnv.step
    monkeypatch.setattr(VectorEnv, "step", lambda games, actions: (shown.append(len(titles)), step(games, actions))[1])
    ((*live,),) = evaluate_runs([folder], video=None, render="human", **SETTINGS)
    frames = 4 if env == "Pong" else 1
    assert shown[:3] == [1, 1 + frames, 1 + 2 * frames]  # pictures before each step: it is played when they are shown
    assert list(dict.fromkeys(titles)) == [f"{env}, game 1 of 2", f"{env}, game 2 of 2"]
    assert not (folder / "videos").exists()
    ((*unseen,),) = evaluate_runs([folder], video=None, render=None, num_envs=1, **SETTINGS)
    assert [(game.seed, game.score) for game in live] == [(game.seed, game.score) for game in unseen]
    assert all(a.actions.tobytes() == b.actions.tobytes() for a, b in zip(live, unseen, strict=True))


def test_games_of_several_environments_are_shown_afterwards(train_here, command, monkeypatch):
    titles = captions(monkeypatch)
    folder = train_here(*SMOKE, "env=CartPole")
    done = command("rrn.evaluate", str(folder), "episodes=2", "num_envs=2", "render=human")
    assert (done.returncode, done.stderr) == (0, "")
    assert [title.partition(", score")[0] for title in dict.fromkeys(titles)] == [
        "CartPole, game 1 of 2",
        "CartPole, game 2 of 2",
    ]
    assert all(", score" in title for title in titles)


@pytest.mark.parametrize("after", [1, 2])
def test_games_that_end_before_the_window_is_closed_count(train_here, command, monkeypatch, after):
    titles = captions(monkeypatch)
    folder = train_here(*SMOKE, "env=CartPole")
    quits = [pygame.event.Event(pygame.QUIT)]
    monkeypatch.setattr("pygame.event.get", lambda: quits if len(set(titles)) == after else [])
    done = command("rrn.evaluate", str(folder), "episodes=3", "render=human", "video=best.gif")
    assert (done.returncode, done.stderr) == (0, "")
    assert "the window was closed" in done.stdout
    assert ("of 1 game" in done.stdout) == (after == 2)
    assert Path("best.gif").exists() == (after == 2)


def test_an_environment_without_a_screen_is_refused_before_it_plays(train_here, command, monkeypatch):
    captions(monkeypatch)
    folder = train_here(*SMOKE, "env=CartPole")
    monkeypatch.setattr("rrn.config.CartPoleConfig.video", None)
    done = command("rrn.evaluate", str(folder), "render=human")
    assert (done.returncode, done.stderr[:34]) == (2, "error: CartPole has no screen of i")


def test_what_a_drawing_asks_of_the_actions_is_that_of_the_whole_game(train_here, monkeypatch):
    """A user's function may take their number or an array of them; then the game is played to its end first."""
    folder, asked = train_here(*SMOKE, "env=CartPole"), []

    def draw(config, episode):
        asked.append((len(episode.actions), np.asarray(episode.actions), episode.actions[-1], episode.actions[0]))
        return Video([np.zeros((8, 8, 3), np.uint8)], 1000)

    captions(monkeypatch)
    monkeypatch.setattr("rrn.training.shown_play.import_string", lambda *_: draw)
    ((*games,),) = evaluate_runs([folder], video=None, render="human", **SETTINGS)
    for game, (number, actions, last, first) in zip(games, asked, strict=True):
        assert (number, last, first) == (game.length, game.actions[-1], game.actions[0])
        assert np.array_equal(actions, game.actions)
        assert actions.dtype == game.actions.dtype


def test_minatar_is_filmed_in_the_folder_of_the_run(train_here, command):
    folder = train_here(*SMOKE, "env=MinAtar-Breakout")
    done = command("rrn.evaluate", str(folder), "episodes=2", "epsilon=1")
    assert done.returncode == 0, done.stderr
    (film,) = (folder / "videos").iterdir()
    with imageio.get_reader(film) as video:
        assert video.get_meta_data()["size"] == (400, 400)
        assert video.get_meta_data()["fps"] == 20


def test_a_video_that_cannot_be_made_costs_the_scores_nothing(train_here, command, monkeypatch):
    folder = train_here(*SMOKE, "env=CartPole")
    monkeypatch.setattr("rrn.config.CartPoleConfig.video", None)
    done = command("rrn.evaluate", str(folder), "episodes=1")
    assert done.returncode == 0, done.stderr
    assert "no video: CartPole has no screen of its own" in done.stdout
    asked = command("rrn.evaluate", str(folder), "episodes=1", "video=a.mp4")
    assert (asked.returncode, asked.stderr[:34]) == (2, "error: CartPole has no screen of i")
