"""`rrn.evaluate` shows games: in a window, in a video of each run, and of several runs side by side."""

from __future__ import annotations

import imageio.v2 as imageio
import pytest

from rrn.common.errors import UserError
from rrn.training.evaluate_runs import evaluate_runs

pytestmark = pytest.mark.slow
SMOKE = ("experiment=smoke", "act=relu")


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


def test_the_games_are_shown_in_a_window_and_no_file_is_written(train_here, command, monkeypatch):
    monkeypatch.setenv("SDL_VIDEODRIVER", "dummy")
    folder = train_here(*SMOKE, "env=CartPole")
    shown = []
    monkeypatch.setattr("pygame.display.set_caption", shown.append)
    done = command("rrn.evaluate", str(folder), "episodes=2", "render=human")
    assert (done.returncode, done.stderr) == (0, "")
    assert [title.partition(", score")[0] for title in dict.fromkeys(shown)] == [
        "CartPole, game 1 of 2",
        "CartPole, game 2 of 2",
    ]
    assert not (folder / "videos").exists()


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
