"""The plan of a study: what belongs to it, its parts, state and cost, and a start that goes on after a kill."""

from __future__ import annotations

import itertools
import os
import re
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest
from helpers.made_runs import make_run
from helpers.tiny_study import TINY
from hypothesis import given
from hypothesis import strategies as st

from rrn.common.errors import UserError
from rrn.config.compose import compose_config
from rrn.reference import published
from rrn.reference.tables import games
from rrn.runs.status_file import read_status
from rrn.study import cost
from rrn.study import plan as study_plan
from rrn.study.__main__ import main, states
from rrn.study.plan import load_plan, read_number, take_part
from rrn.study.start import sweeps
from rrn.training.run import train


def listed(capsys, *words: str) -> str:
    with pytest.raises(SystemExit) as ended:
        main([*words, "measure=false"])
    assert ended.value.code == 0
    return capsys.readouterr().out


def test_the_papers_plan_is_the_papers_comparison():
    plan = load_plan("paper")
    assert sorted(plan.games) == sorted(games())
    main_table = {(one.agent, one.act) for one in published() if "pretrained" not in one.act}
    assert {(method.agent, method.act) for method in plan.methods} == main_table
    runs = take_part(plan, []).runs()
    assert len(runs) == len({run.folder for run in runs}) == 15 * 6 * 5
    for run in runs[:: 5 * 6 + 5]:  # another game and method each time
        words = [f"env={run.game}", f"agent={run.method.agent}", f"act={run.method.act}", f"seed={run.seed}"]
        config = compose_config(["experiment=paper", *words])
        assert (config.run_dir, config.steps) == (str(run.folder), run.steps)


@pytest.mark.parametrize(
    ("words", "number", "steps"),
    [
        (["env=Pong,SpaceInvaders", "frames=40M"], 60, {1_500_000, 13_333_333}),  # Pong has fewer; frame skip of 3
        (["env=Pong", "act=rational,silu", "seed=0,3"], 4, {1_500_000}),
        (["env=Pong", "agent=ddqn", "steps=500k"], 5, {500_000}),
        (["env=Pong", "act=rational, silu", "seed=range(0,3)"], 6, {1_500_000}),
        (["env=glob(*)", "agent=ddqn", "seed=0"], 15, None),
    ],
)
def test_a_part_of_the_plan(words, number, steps):
    runs = take_part(load_plan("paper"), words).runs()
    assert len(runs) == number
    assert steps is None or {run.steps for run in runs} == steps


def test_numbers():
    for text, number in (("200000", 200_000), ("500k", 500_000), ("1.5M", 1_500_000), ("2e6", 2_000_000)):
        assert read_number("steps", text) == number


@pytest.mark.parametrize(
    ("words", "message"),
    [
        ([], "expected a plan first, as in python -m rrn.study paper; --help says what there is."),
        (["papr"], "papr: no such plan. There are atari100k, continual, gymnasium, minatar, mujoco, paper"),
        (["nowhere/plan.yaml"], "no such plan"),
        (["paper", "measure=maybe"], "measure=maybe: expected measure=true or measure=false."),
        (["paper", "act=tanh"], "act=tanh: not among the activations of this plan. It has d_silu, leaky_relu"),
        (["paper", "env=Pung"], "Did you mean Pong?"),
        (["paper", "seed=5"], "seed=5: not among the seeds of this plan. It has 0, 1, 2, 3, 4."),
        (["paper", "agent=ddqn", "act=silu"], "no method of the plan has both"),
        (["paper", "frames=many"], "frames=many: expected a number such as"),
        (["paper", "frames=1M", "steps=1M"], "give one of them"),
        (["paper", "begin"], "begin: expected key=value, or start"),
        (["paper", "env=Pong", "run_dir=here"], "several runs would share a folder"),
        (["paper", "env=Pong", "agent.learning_rat=1"], "Did you mean agent.learning_rate?"),
        (["minatar", "frames=1M"], "no emulator that counts them; give steps="),
    ],
)
def test_a_mistake_is_one_sentence(words, message, capsys):
    with pytest.raises(SystemExit) as ended:
        main(words)
    error = capsys.readouterr().err
    assert ended.value.code == 2
    assert message in error
    assert error.count("\n") == 1


def test_a_typo_in_any_activation_of_a_plan_is_found(tmp_path, monkeypatch, capsys):
    monkeypatch.chdir(tmp_path)
    methods = "methods: [{agent: dqn, act: relu}, {agent: dqn, act: rationall}]"
    Path("plan.yaml").write_text(f"overrides: []\ngames: [CartPole]\n{methods}\nseeds: 1\n")
    with pytest.raises(SystemExit) as ended:
        main(["plan.yaml", "measure=false"])
    assert ended.value.code == 2
    assert capsys.readouterr().err == "error: plan.yaml: act=rationall: no such act. Did you mean rational?\n"


def test_a_plan_that_is_none_is_refused(tmp_path):
    for text in ("games: [Pong]\ntypo: 1\n", "games: [", "overrides: []\ngames: []\nmethods: []\nseeds: 1\n"):
        (tmp_path / "plan.yaml").write_text(text)
        with pytest.raises(UserError, match="expected"):
            load_plan(str(tmp_path / "plan.yaml"))
    (tmp_path / "plan.yaml").write_bytes(TINY.encode("utf-16"))
    with pytest.raises(UserError, match="expected"):
        load_plan(str(tmp_path / "plan.yaml"))


def test_the_listing_shows_the_state_of_each_run(tmp_path, monkeypatch, capsys):
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("COLUMNS", "80")
    runs = Path("runs")
    make_run(runs, "Pong", "rational", 0, steps=1_500_000)
    make_run(runs, "Pong", "rational", 1, steps=100_000)  # of a smaller budget
    make_run(runs, "Pong", "rational", 2, steps=1_500_000, done=0.2, state="failed", why="no memory")
    make_run(runs, "Pong", "rational", 3, steps=1_500_000, done=0.4, state="stopped", why="SIGTERM")
    make_run(runs, "Pong", "rational", 4, steps=3_000_000, done=0.6, state="stopped")  # beyond the budget
    make_run(runs, "Pong", "silu", 1, steps=1_500_000, experiment="default")  # as the README's first command does
    printed = listed(capsys, "paper", "env=Pong", "act=rational,silu")
    assert re.search(r"Pong +\.o\.{3} +dhfsd", printed)
    text = " ".join(printed.split())
    assert re.search(r"seed1: other settings at step 1,500,000 of 1,500,000 \(\S+ was \S+ and is \S+", text), text
    assert "seed1: done at step 100,000 of 1,500,000" in printed
    assert "seed2: failed at step 300,000 of 1,500,000 (no memory)" in printed
    assert all(len(line) <= 80 for line in printed.splitlines() if "runs/" not in line)
    assert re.search(r"Pong +d", listed(capsys, "paper", "env=Pong", "act=rational", "steps=100k", "seed=1"))


def test_a_run_that_was_stopped_before_its_last_evaluation_is_not_done(tmp_path, monkeypatch):
    """It has all its steps, but no score of the end; of a run that is planned shorter than it is, that is enough."""
    monkeypatch.chdir(tmp_path)
    for seed, steps in enumerate((1_500_000, 3_000_000)):
        make_run(Path("runs"), "Pong", "rational", seed, steps=steps, state="stopped")
    part = take_part(load_plan("paper"), ["env=Pong", "act=rational", "seed=0,1"])
    assert [state for _, state, _ in states(part)] == ["stopped", "done"]


def test_the_whole_plan_is_listed_without_composing_each_run(tmp_path, monkeypatch, capsys):
    monkeypatch.chdir(tmp_path)
    composed = []
    compose = study_plan.compose_unresolved
    monkeypatch.setattr(study_plan, "compose_unresolved", lambda words: composed.append(words) or compose(words))
    assert "450 runs" in listed(capsys, "paper")
    assert 0 < len(composed) < 40  # each takes 0.1 to 0.4 seconds


def test_only_what_is_left_is_started_and_no_run_beyond_the_part():
    part = take_part(load_plan("paper"), ["env=Pong,SpaceInvaders", "seed=0,1", "frames=4M", "device=cpu"])
    words = sweeps(part, part.runs())
    assert len(words) == 4  # two agents, and two numbers of steps
    first = ["experiment=paper", "agent=dqn", "seed=0,1", "env=Pong"]  # the seed changes last
    acts = "act=leaky_relu,silu,d_silu,rational,recurrent_rational"
    assert words[0] == ["-m", "rrn.train", "-m", *first, acts, "steps=1000000", "device=cpu", "resume=true"]


def test_each_agent_has_its_own_memory():
    part = take_part(load_plan("minatar"), ["env=MinAtar-Breakout", "seed=0"])
    assert {(run.method.agent, run.transitions) for run in part.runs()} == {("ppo", 0), ("dqn", 100_000)}


def test_at_80_columns_the_letters_of_a_cell_stay_together(tmp_path, monkeypatch, capsys):
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("COLUMNS", "80")
    printed = listed(capsys, "minatar")
    assert printed.count("MinAtar-Asterix") == 2  # a table for each agent
    assert len(re.findall(r"\.{5}(?!\.)", printed)) == 30
    assert "left: 150 runs, 150.0 M agent steps\n" in printed
    assert "start them: python -m rrn.study minatar start" in printed


def test_cost_is_shown_without_the_packages_of_sweeps_too(tmp_path, monkeypatch, capsys):
    monkeypatch.setitem(sys.modules, "joblib", None)
    monkeypatch.chdir(tmp_path)
    (tmp_path / "plan.yaml").write_text(TINY)
    for act in ("relu", "rational"):
        make_run(Path("runs"), "CartPole", act, 0, done=0.5, state="stopped", why="SIGTERM")
    with pytest.raises(SystemExit) as ended:
        main(["plan.yaml"])
    assert ended.value.code == 0
    assert "with 1 at a time" in " ".join(capsys.readouterr().out.split())


@pytest.mark.slow
def test_the_disk_of_a_run_is_about_that_of_its_checkpoints(tmp_path, monkeypatch):
    monkeypatch.setattr(cost, "SECONDS", 1.0)
    words = ["env=CartPole", "experiment=smoke", "act=relu", f"run_dir={tmp_path}", "device=cpu", "threads=1"]
    train(
        compose_config(
            [*words, "steps=1000", "evaluation.every=1000", "checkpoint.every=500", "agent.replay_capacity=500"]
        )
    )
    real = sum(path.stat().st_size for path in (tmp_path / "checkpoints").iterdir())
    guess = cost.measure(compose_config([*words, "agent.replay_capacity=500"])).disk
    assert 0.7 * real < guess < 1.4 * real


@pytest.mark.slow
def test_a_study_that_is_killed_goes_on_and_does_what_is_left(tmp_path, command):
    # the first run is so long that it is not over before the test has looked
    plan = TINY.replace("steps=400", "steps=2500, evaluation.every=2500").replace("seeds: 2", "seeds: 1")
    (tmp_path / "plan.yaml").write_text(plan.replace("act.lr=1e-4", "act.lr=1e-4, steps=100"))
    words = ["rrn.study", "plan.yaml", "start"]
    typed = [sys.executable, "-m", *words]
    folders = [tmp_path / f"runs/CartPole/dqn-{act}/seed0" for act in ("relu", "rational")]

    def states() -> list[str]:
        return [status.state if (status := read_status(folder)) else "missing" for folder in folders]

    def wait_for(question) -> None:
        end = time.monotonic() + 900
        while not question():
            assert time.monotonic() < end, states()
            time.sleep(0.1)

    with subprocess.Popen(typed, cwd=tmp_path, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL) as killed:
        wait_for(lambda: any((status := read_status(one)) and status.step > 100 for one in folders))
        killed.kill()
    wait_for(lambda: "running" not in states())
    assert states()[1] == "missing"  # the second sweep did not begin
    with subprocess.Popen(typed, cwd=tmp_path, stdout=subprocess.PIPE, text=True) as stopped:
        wait_for(lambda: "running" in states())
        os.kill(stopped.pid, signal.SIGINT)
        printed, _ = stopped.communicate(timeout=900)
    assert stopped.returncode == 128 + signal.SIGINT, printed
    assert printed.endswith("stopped; the same command goes on\n")
    ended = subprocess.run(typed, cwd=tmp_path, capture_output=True, text=True, timeout=900)
    assert ended.returncode == 0, ended.stdout + ended.stderr
    assert states() == ["done"] * 2
    again = command(*words)
    assert again.stdout.endswith("nothing is left to do\n")


def test_a_method_has_steps_and_a_folder_of_its_own(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    Path("plan.yaml").write_text(
        "overrides: [env=CartPole]\ngames: [CartPole]\nseeds: 1\nmethods:\n"
        "  - {agent: dqn, act: relu}\n  - {agent: dqn, act: relu, overrides: [agent.learning_rate=1e-3, steps=200]}\n"
    )
    where = "run_dir=runs/${agent.learning_rate}"
    part = take_part(load_plan("plan.yaml"), [where])
    runs = part.runs()
    assert len({run.folder for run in runs}) == 2
    assert [run.steps == 200 for run in runs] == [False, True]
    assert all(sum(word.startswith("steps=") for word in words) == 1 for words in sweeps(part, runs))


@pytest.mark.slow
@given(st.sets(st.integers(0, 2 * 3 * 2 - 1), min_size=1))
def test_a_start_is_of_these_runs_and_no_others(chosen):
    part = take_part(load_plan("paper"), ["env=Pong,Breakout", "act=rational,silu", "agent=dqn", "seed=0,1,2"])
    left = [run for number, run in enumerate(RUNS_OF_A_PART) if number in chosen]
    found = []
    for words in sweeps(part, left):
        values = {key: value.split(",") for key, _, value in (word.partition("=") for word in words)}
        found += itertools.product(values["env"], values["act"], map(int, values["seed"]))
    assert sorted(found) == sorted((run.game, run.method.act, run.seed) for run in left)


RUNS_OF_A_PART = take_part(
    load_plan("paper"), ["env=Pong,Breakout", "act=rational,silu", "agent=dqn", "seed=0,1,2", "frames=4M"]
).runs()


def test_what_is_left_of_a_run_counts(tmp_path, monkeypatch, capsys):
    monkeypatch.chdir(tmp_path)
    make_run(Path("runs"), "Pong", "rational", 0, steps=1_500_000, done=0.4, state="stopped")
    assert "left: 1 runs, 0.9 M agent steps" in listed(capsys, "paper", "env=Pong", "act=rational", "seed=0")


TASKS = """
overrides:
  - steps=20
  - task.task_steps=10
  - task.data=gaussian
  - "run_dir='runs/${act.name}-${agent.learning_rate}/seed${seed}'"
games: [random_labels]
methods:
"""
MANY = [(act, rate) for rate in ("1e-3", "1e-2") for act in ("relu", "silu", "tanh", "gelu", "elu", "mish", "rational")]


@pytest.fixture
def plan_of_tasks(tmp_path, monkeypatch) -> Path:
    """A plan of many methods, whose seeds are 100 and 101 and whose folders have the learning rate."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("COLUMNS", "80")
    path = Path("plan.yaml")
    methods = [f"  - {{agent: classifier, act: {act}, overrides: [agent.learning_rate={rate}]}}" for act, rate in MANY]
    own = "agent.reset=all, \"run_dir='runs/reset/seed${seed}'\""
    methods.append(f"  - {{agent: classifier, act: relu, overrides: [{own}]}}")
    path.write_text(TASKS + "\n".join(methods) + "\nseeds: 2\nfirst_seed: 100\n")
    return path


def test_a_plan_has_seeds_from_another_one_on_and_settings_of_the_runs_in_its_folders(plan_of_tasks):
    runs = take_part(load_plan("plan.yaml"), []).runs()
    assert [str(run.folder) for run in runs[:3]] == [
        "runs/relu-0.001/seed100",
        "runs/relu-0.001/seed101",
        "runs/silu-0.001/seed100",
    ]
    assert [run.seed for run in take_part(load_plan("plan.yaml"), ["seed=101"]).runs()] == [101] * (len(MANY) + 1)
    with pytest.raises(UserError, match=r"seed=0: not among the seeds of this plan\. It has 100, 101"):
        take_part(load_plan("plan.yaml"), ["seed=0"])


def test_a_run_of_a_task_belongs_to_its_plan_and_many_methods_are_listed_by_method(plan_of_tasks, capsys):
    words = ["task=random_labels", "act=silu", "agent.learning_rate=1e-2", "task.data=gaussian", "task.task_steps=10"]
    folder = "runs/silu-0.01/seed101"
    train(compose_config([*words, "steps=20", "seed=101", f"run_dir={folder}", "device=cpu", "threads=1"]))
    capsys.readouterr()
    printed = listed(capsys, "plan.yaml")
    assert re.search(r"classifier silu agent.learning_rate=1e-2 +\.d", printed), printed
    assert len(re.findall(r" \.\.\s", printed)) == len(MANY)
    assert re.search(r"classifier relu agent.reset=all +\.\.", printed), printed  # without its folder
    assert "run_dir" not in printed
    assert max(map(len, printed.splitlines())) <= 80
