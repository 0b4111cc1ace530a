"""The model card of an exported policy: its evaluations, and code that loads the file."""

from __future__ import annotations

import json
import re

import pytest
from helpers.saved_runs import saved_run

import rrn
from rrn.stats import seeds_interval


def made_run(folder, evaluations, *overrides):
    """A run of 3,000 steps so far, with scores of evaluations at each 100 of them."""
    agent = saved_run(folder, "env=CartPole", "act=rational", *overrides, step=3000)
    rows = [
        f"{100 * number},evaluation/{name},{value}"
        for number, score in enumerate(evaluations, 1)
        for name, value in (("mean", score), ("median", score + 1), ("min", 1), ("max", 99), ("games", 5))
    ]
    (folder / "scalars.csv").write_text("\n".join(["step,name,value", *rows, ""]))
    return agent


def card(run, to="safetensors"):
    return rrn.export_policy(run, to).with_name("README.md").read_text("utf-8")


def test_the_scores_are_those_up_to_the_checkpoint(tmp_path):
    scores = [float(number * number % 37) for number in range(40)]  # ten evaluations come later
    made_run(tmp_path, scores)
    text = card(tmp_path)
    assert f"Raw scores of 5 whole games at step 3,000, with epsilon 0.05: mean {scores[29]:g}, median" in text
    assert f"Mean of the last 10 evaluations: {seeds_interval(scores[20:30])}, with the 95 % bootstrap" in text


def test_few_evaluations_have_no_interval(tmp_path):
    made_run(tmp_path, [3.0, 4.0])
    assert "bootstrap" not in card(tmp_path)
    (tmp_path / "scalars.csv").unlink()
    assert "No evaluation before this step is in the log of the run." in card(tmp_path)  # written over the first card


@pytest.mark.parametrize(
    ("to", "agent"), [("safetensors", "dqn"), ("torchscript", "ppo"), ("onnx", "dqn"), ("sb3", "ppo")]
)
def test_its_code_loads_the_file(tmp_path, monkeypatch, to, agent):
    made_run(tmp_path, [], f"agent={agent}")
    text = card(tmp_path, to)
    monkeypatch.chdir(tmp_path / "export" / to)
    names = {"observation": [0.0] * 4}
    exec(re.search(r"```python\n(.*?)```", text, re.DOTALL)[1], names)
    if to == "safetensors":
        assert names["config"]["env"]["name"] == "CartPole"
        assert "layers.hidden1.weight" in names["weights"]
    else:
        assert names["action"] in (0, 1)


def test_it_begins_with_the_tags_of_a_model_hub_and_names_no_folder(tmp_path):
    made_run(tmp_path, [])
    text = card(tmp_path)
    assert text.startswith("---\nlibrary_name: rrn\n")
    tags = re.search(r"^tags: (.*)$", text, re.MULTILINE)[1]
    assert json.loads(tags) == ["reinforcement-learning", "CartPole", "dqn"]
    assert str(tmp_path) not in text
