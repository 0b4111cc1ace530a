"""Whole runs on the real Pong: each agent with each activation, and what a run leaves behind."""

from __future__ import annotations

import re

import imageio.v2 as imageio
import numpy as np
import pytest
from helpers.scalars import read_scalars
from helpers.small_runs import CARTPOLE, cartpole, pong
from tensorboard.backend.event_processing.event_accumulator import EventAccumulator

from rrn.common.errors import UserError
from rrn.config.load import load_run_config

MEASURED = {
    "dqn": {"q_mean", "q_max", "gradient_norm", "epsilon"},
    "ppo": {"policy_loss", "value_loss", "entropy", "approx_kl", "clip_fraction", "gradient_norm", "learning_rate"},
    "pqn": {"q_mean", "q_max", "gradient_norm", "epsilon", "learning_rate"},
    "sb3_dqn": {"epsilon"},
    "sb3_ppo": {"policy_gradient_loss", "value_loss", "entropy_loss", "approx_kl", "clip_fraction", "clip"},
}
MEASURED |= dict.fromkeys(("ddqn", "drq", "der", "der_dopamine"), MEASURED["dqn"])


def check(folder, agent: str, places: set[str]) -> dict[str, list[tuple[int, float]]]:
    """What every run has logged; the places are those of its rationals."""
    values: dict[str, list[tuple[int, float]]] = {}
    for step, name, value in read_scalars(folder):
        assert np.isfinite(value), name
        values.setdefault(name, []).append((step, value))
    assert [step for step, _ in values["evaluation/mean"]] == [0, 400]
    assert [step for step, _ in values["train/loss"]] == [100, 200, 300, 400]
    assert MEASURED[agent] <= {n.split("/")[1] for n in values if n.startswith("train")}
    assert {n.split("/")[1] for n in values if n.startswith("coefficients")} == places
    for name in (f"coefficients/{place}/b1" for place in places):
        assert len({value for _, value in values[name]}) == 4  # it learns
    assert (folder / "shapes.png").stat().st_size > 10_000
    return values


PONG = [  # crelu has twice as many channels, recurrent_rational one module at four places
    ("dqn", "recurrent_rational"),
    *(
        pytest.param(agent, act, marks=pytest.mark.slow)
        for agent, act in [
            ("dqn", "rational"),
            ("ddqn", "crelu"),
            ("ppo", "recurrent_rational"),
            ("pqn", "recurrent_rational"),
            ("sb3_dqn", "recurrent_rational"),
            ("sb3_ppo", "recurrent_rational"),
        ]
    ),
]


@pytest.mark.parametrize(("agent", "act"), PONG)
def test_smoke_on_the_real_pong(trained_run, agent, act):
    sets = {"rational": {"act1", "act2", "act3", "act4"}, "recurrent_rational": {"act1"}}
    values = check(trained_run(*pong(agent, act)), agent, sets.get(act, set()))
    assert all(-21 <= value <= 21 for _, value in values["evaluation/mean"])


@pytest.mark.parametrize(("agent", "act"), CARTPOLE)
def test_each_agent_and_each_activation_on_cartpole(trained_run, agent, act):
    sets = {"rational": {"act1", "act2"}, "recurrent_rational": {"act1"}}
    check(trained_run(*cartpole(agent, act)), agent, sets.get(act, set()))


def test_what_a_run_leaves_behind(trained_run):
    folder = trained_run(*cartpole("dqn", "recurrent_rational"))
    events = EventAccumulator(str(folder), size_guidance={"images": 0, "scalars": 0}).Reload()
    in_events = {(scalar.step, tag): scalar.value for tag in events.Tags()["scalars"] for scalar in events.Scalars(tag)}
    for step, name, value in read_scalars(folder):
        assert in_events[step, name] == pytest.approx(value, rel=1e-6)
    assert {
        "game/return",
        "game/length",
        "train/steps_per_second",
        *(f"evaluation/{name}" for name in ("mean", "median", "min", "max", "games")),
    } <= set(events.Tags()["scalars"])
    assert [image.step for image in events.Images("shapes")] == [0, 400]
    texts = {tag for tag in events.Tags()["tensors"] if "text_summary" in tag}
    assert texts == {"configuration/text_summary", "protocol/text_summary"}
    assert "_hparams_/session_start_info" in events.summary_metadata
    config = load_run_config(folder)
    assert (folder / "config.yaml").read_text().startswith(f"# {config.env.protocol()}\n")


def test_a_size_that_fits_nowhere_is_named(train_here, monkeypatch):
    def no_memory(*arguments):
        raise RuntimeError("[enforce fail at alloc_cpu.cpp:124] DefaultCPUAllocator: can't allocate memory")  # of torch

    monkeypatch.setattr("rrn.training.trainer.make_learner", no_memory)
    with pytest.raises(UserError, match=r"the memory is full .*; begin another run with smaller sizes"):
        train_here("env=CartPole", "experiment=smoke", "run_dir=full")


@pytest.mark.slow
def test_output_in_a_file_is_readable(process):
    done = process("rrn.train", "experiment=smoke", "env=CartPole", "act=relu")
    assert done.returncode == 0, done.stderr
    assert "\r" not in done.stdout + done.stderr
    assert done.stdout.startswith("protocol: ")
    assert re.search(r"^step 0: evaluation mean [\d.]+, median", done.stderr, re.MULTILINE)
    assert re.search(r"400/400 \d+/s left 0s return \d+ eval [\d.]+ eps 0\.10", done.stderr)
    assert all(len(line) <= 100 for line in done.stderr.splitlines())


@pytest.mark.slow
def test_evaluate_plays_games_and_films_the_best(train_here, command):
    folder = train_here("experiment=smoke", "env=Pong", "act=recurrent_rational", "steps=20", "env.frame_cap=480")
    process = command("rrn.evaluate", str(folder), "episodes=2", "epsilon=0.1")
    assert process.returncode == 0, process.stderr
    assert re.search(r"mean -?[\d.]+  median -?[\d.]+  min -?\d+  max -?\d+  of 2 games", process.stdout)
    best = int(re.search(r"max (-?\d+)", process.stdout)[1])
    film = next((folder / "videos").iterdir())
    assert film.name == f"step_0000000020_score_{best}.mp4"
    with imageio.get_reader(film) as video:
        assert video.get_meta_data()["fps"] == 60
        assert video.get_meta_data()["size"] == (320, 420)
        frames = video.count_frames()
        last = video.get_data(frames - 1)
    assert frames > 400
    assert best < 0  # the right, green side is ours and loses
    assert last.std() > 10
    again = command("rrn.evaluate", str(folder), "episodes=2", "epsilon=0.1", "video=null")
    assert again.stdout.splitlines()[2] == process.stdout.splitlines()[2]


@pytest.mark.slow
def test_evaluate_with_the_rationals_replaced(train_here, command):
    folder = train_here("experiment=smoke", "env=CartPole", "act=rational", "act.share=[1,1]")
    process = command("rrn.evaluate", str(folder), "episodes=2", "replace=best_fit")
    assert process.returncode == 0, process.stderr
    lines = process.stdout.splitlines()
    for name, line in zip(("act1", "act2"), lines, strict=False):
        assert re.fullmatch(name + r" is replaced by .*\(.*\).*, distance \S+ \(\d+\.\d+% of the outputs\)", line)
    assert "of 2 games" in process.stdout
    plain = train_here("experiment=smoke", "env=CartPole", "act=relu", "steps=20")
    refused = command("rrn.evaluate", str(plain), "replace=best_fit")
    assert refused.returncode == 2
    assert "has no rationals; leave it out" in refused.stderr


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ([], "expected the folder of a run, got none: python -m rrn.evaluate RUN"),
        (["nowhere"], "nowhere: no run is here"),
        (["."], ".: no run is here"),
        (["nowhere", "episods=3"], "episods: no such setting. Did you mean episodes?"),
        (["nowhere", "episodes=x"], "episodes: expected a whole number, got 'x'."),
        (["nowhere", "episodes=0"], "episodes: expected a number from 1 to 1000000, got 0."),
        (["nowhere", "epsilon=2"], "epsilon: expected a number from 0 to 1"),
        (["nowhere", "replace=best"], "replace: expected best_fit, or null, got best."),
        (["nowhere", "video=film.avi"], "ends in .mp4 or .gif"),
    ],
)
def test_mistakes_of_evaluate_are_sentences(command, arguments, message):
    process = command("rrn.evaluate", *arguments)
    assert process.returncode == 2
    assert process.stderr.startswith("error: ")
    assert message in process.stderr
    assert len(process.stderr.strip().splitlines()) == 1
