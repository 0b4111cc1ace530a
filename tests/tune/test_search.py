"""A search: trials that are scored, pruned, fail and go on, with runs that are only written; and one that trains."""

from __future__ import annotations

import signal
import time
from pathlib import Path

import pytest

from rrn.common.errors import UserError
from rrn.config import Config
from rrn.config.compose import hydra_ready
from rrn.tune import search as tune_search
from rrn.tune.__main__ import make_study, read_options
from rrn.tune.search import Search
from rrn.tune.space import read_space

WORDS = ["env=CartPole", "act=relu", "steps=1000", "agent.gamma=interval(0,1)"]


class WrittenRun:
    """In place of a process: a run whose score rises with gamma, an evaluation more each time that it is looked at."""

    def __init__(self, config: Config, stop_file: Path):
        self.config, self.stop_file, self.pid, self.returncode = config, stop_file, 1, 0
        self.folder, self.evaluations, self.state = Path(config.run_dir), 0, "running"
        (self.folder / "checkpoints").mkdir(parents=True, exist_ok=True)

    def poll(self) -> int | None:
        if self.state == "running":
            self.evaluations += 1
            steps = [number * 100 for number in range(min(self.evaluations, 11))]
            rows = "".join(f"{s},evaluation/mean,{s * self.config.agent.gamma + self.config.seed}\n" for s in steps)
            (self.folder / "scalars.csv").write_text(f"step,name,value\n{rows}")
            if self.evaluations > 3 and self.config.agent.gamma > 0.99:
                self.state = "failed"
            elif self.stop_file.exists():
                self.state = "stopped"
            elif steps[-1] == 1000:
                self.state = "done"
        return None if self.state == "running" else 0


@pytest.fixture
def make(tmp_path, monkeypatch):
    """Make a search in an empty folder, whose runs are only written; the words are those of the command."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(tune_search, "start_runs", lambda configs, command, stop, output: WrittenRun(configs[0], stop))
    monkeypatch.setattr(tune_search, "outcome", lambda child, *rest: (child.state, "the loss is NaN"))
    with hydra_ready():

        def one(*words: str) -> Search:
            options, settings = read_options(words)
            space = read_space([*WORDS, *settings])
            config = tune_search.compose_runs(space.words({"agent.gamma": 0.5}))[0]
            study = make_study(tmp_path, space, config, options)
            seeds = [config.seed + number for number in range(options.seeds)]
            return Search(study, space, tmp_path, seeds, options.objective, options.keep)

        yield one


def run(search: Search, gamma: float) -> str:
    """Run one trial with this value to its end; the line about it."""
    search.study.enqueue_trial({"agent.gamma": gamma})
    assert search.begin() == ""
    while not (lines := search.look()):
        pass
    return lines[0]


def test_the_best_trial_is_found_and_keeps_its_checkpoints(make):
    search = make("prune=false")
    assert run(search, 0.25) == "trial0: 250, the best so far; agent.gamma=0.25"
    assert run(search, 0.75) == "trial1: 750, the best so far; agent.gamma=0.75"
    assert run(search, 0.5) == "trial2: 500; agent.gamma=0.5"
    assert [trial.value for trial in search.scored()] == [750, 500, 250]
    assert [path.parts[-3] for path in Path().glob("trial*/seed*/checkpoints")] == ["trial1"]
    assert len(list(Path().glob("trial*/seed0/scalars.csv"))) == 3


def test_seeds_and_area_make_the_score(make):
    search = make("prune=false", "seeds=3", "objective=area", "seed=10", "keep=true")
    assert run(search, 0.5) == "trial0: 261, the best so far; agent.gamma=0.5"  # 250, and seeds of 10, 11, 12
    assert sorted(path.name for path in Path("trial0").iterdir()) == ["seed10", "seed11", "seed12"]
    run(search, 0.25)
    assert len(list(Path().glob("trial*/seed*/checkpoints"))) == 6


def test_a_trial_below_the_median_is_pruned(make):
    search = make()
    for gamma in (0.5, 0.6, 0.7, 0.8, 0.9):
        run(search, gamma)
    assert "trial5: pruned after" in run(search, 0.1)
    assert int(run(search, 0.2).partition("after ")[2].split()[0]) in range(3, 6)  # a quarter of 10 evaluations
    assert (len(search.scored()), search.ended()) == (5, 7)


def test_a_trial_whose_loss_is_nan_counts_as_a_poor_one(make):
    search = make("prune=false")
    assert run(search, 0.999) == "trial0: failed (the loss is NaN); agent.gamma=0.999"
    run(search, 0.998)
    with pytest.raises(UserError, match="3 trials failed and none has a score: the loss is NaN"):
        run(search, 0.997)
    assert search.ended() == 3


def test_a_search_that_was_killed_goes_on_in_the_same_folders(make):
    first = make()
    first.study.enqueue_trial({"agent.gamma": 0.3})
    first.begin()
    second = make("trials=30")  # the first one is gone, its trial half done
    assert second.take_up() == 1
    assert second.begin() == ""
    assert [(one.folder.name, one.trial.params) for one in second.running] == [("trial0", {"agent.gamma": 0.3})]
    while not (lines := second.look()):
        pass
    assert lines == ["trial0: 300, the best so far; agent.gamma=0.3"]
    assert (second.take_up(), second.ended()) == (0, 1)


def test_a_stopped_search_leaves_its_trials_to_the_next_command(make):
    search = make()
    search.study.enqueue_trial({"agent.gamma": 0.3})
    search.begin()
    search.stop(signal.SIGINT)
    search.wait()
    assert make().take_up() == 1


@pytest.mark.parametrize("words", [["seeds=2"], ["objective=area"], ["agent.n_step=2"]])
def test_another_search_is_refused_in_the_folder(make, words):
    make()
    with pytest.raises(UserError, match="set folder= to another one"):
        make(*words)


@pytest.mark.parametrize("word", ["trials=0", "trials=x", "prune=1", "objective=best", "run_dir=x"])
def test_wrong_options_are_sentences(word):
    with pytest.raises(UserError, match=f"^{word}: "):
        read_options([word])


@pytest.mark.slow
def test_a_search_trains_is_killed_and_goes_on(start, tmp_path):
    words = ["agent=ppo", "env=CartPole", "agent.learning_rate=interval(1e-4,1e-2)", "experiment=smoke", "device=cpu"]
    command = ["rrn.tune", *words, "trials=3", "n_jobs=2", "prune=false", "steps=3000"]
    first = start(*command)
    while len(list(tmp_path.glob("runs/tune/*/trial?/seed1000/checkpoints/*.pt"))) < 3:
        assert first.poll() is None, first.communicate()
        time.sleep(0.1)
    first.kill()
    second = start(*command)
    text = second.communicate()[0]
    assert second.returncode == 0, text
    assert "going on with 2 trials of an earlier command" in text
    assert "the best of 3 trials" in text
    assert "train with the best: python -m rrn.train agent=ppo env=CartPole experiment=smoke device=cpu" in text
    assert len(list(tmp_path.glob("runs/tune/CartPole-ppo-recurrent_rational/trial*/seed1000"))) == 3
