"""Play games with the agents of one or more runs, and show them: in videos, or in a window."""

from __future__ import annotations

import os
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

from rrn.common.animation import Video, write_frames
from rrn.common.errors import UserError
from rrn.common.side_by_side import side_by_side
from rrn.common.window import require_display, show
from rrn.envs import Episode
from rrn.runs.folder import load_config
from rrn.training.evaluate_run import Evaluated, evaluate_run
from rrn.training.shown_play import make_video

NUM_ENVS = 8  # games in parallel, if nothing else is said


def evaluate_runs(
    folders: Sequence[Path], *, video: str | None, render: str | None, num_envs: int | None = None, **settings: Any
) -> list[list[Episode]]:
    """Play games with the agent of each run, print the summaries, show the games, and return those of each run.

    Args:
        folders: of the runs.
        video: a .mp4 or .gif file for the best game of each run, side by side; "auto": a file in the folder of each
            run, unless `render` is given; None: no video.
        render: "human": show the games in a window; None: do not. The games of one run are shown while they are played,
            one after the other, unless `num_envs` says otherwise. Of several runs the best game of each is shown
            afterwards, side by side.
        num_envs: parallel environments; None: 8, or 1 where games are shown while they are played.
        settings: the other arguments of `evaluate_run`.

    Raises:
        UserError: there is no run or no checkpoint that fits it, or the games cannot be shown.
    """
    if render:
        require_display(f"render={render}")
    if len(folders) > 1:
        _check_together(folders, video not in ("auto", None) or render)
    live = bool(render) and len(folders) == 1 and num_envs in (None, 1)
    num_envs = num_envs or (1 if live else NUM_ENVS)
    runs = []
    for folder in folders:
        if len(folders) > 1:
            print(f"{folder}:")
        runs.append(evaluate_run(folder, num_envs=num_envs, live=live, **settings))
        if video == "auto" and not render:
            _write_automatic(runs[-1])
    if video not in ("auto", None) and runs[0].games:
        _write(Path(video), _best_games(runs), "the best game" if len(runs) == 1 else "the best games")
    if render and not live and not show(_shown(runs)):
        print("the window was closed")
    return [run.games for run in runs]


def _check_together(folders: Sequence[Path], shown_together: object) -> None:
    names = {folder: load_config(folder).env.name for folder in folders}
    if len({folder.resolve() for folder in folders}) < len(folders):
        raise UserError(f"expected runs that differ, got {' '.join(map(str, folders))}.")
    if shown_together and len(set(names.values())) > 1:
        played = ", ".join(f"{name} of {folder}" for folder, name in names.items())
        raise UserError(f"expected runs of one environment to show side by side, got {played}.")


def _write_automatic(run: Evaluated) -> None:
    """Write a video of the best game in the folder of the run, or say why there is none."""
    target = run.folder / "videos" / f"{run.checkpoint.stem}_score_{run.best.score:g}.mp4"
    try:
        _write(target, make_video(run.env, run.best), "the best game")
    except UserError as error:
        print(f"no video: {error}")


def _write(target: Path, video: Video, of: str) -> None:
    try:
        write_frames(target, video.frames, video.per_second)
    except OSError as error:
        raise UserError(f"video={target}: {error.strerror or error}; choose another file.") from error
    print(f"video of {of}: {target}")


def _best_games(runs: Sequence[Evaluated]) -> Video:
    """Return the best game of each run; of several runs they are side by side, with names and scores under them."""
    videos = [make_video(run.env, run.best) for run in runs]
    if len(runs) == 1:
        return videos[0]
    folders = [run.folder.resolve() for run in runs]
    common = os.path.commonpath(folders)
    names = [os.path.relpath(folder, common) for folder in folders]
    return side_by_side(videos, [f"{name}, score {run.best.score:g}" for name, run in zip(names, runs, strict=True)])


def _shown(runs: Sequence[Evaluated]) -> Iterator[tuple[str, Video]]:
    """Yield what a window shows after the games, with its titles: each game of one run, or the best ones of several."""
    env = runs[0].env
    if len(runs) > 1:
        yield env.name, _best_games(runs)
        return
    for number, game in enumerate(runs[0].games, 1):
        yield f"{env.name}, game {number} of {len(runs[0].games)}, score {game.score:g}", make_video(env, game)
