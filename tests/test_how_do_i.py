"""The answers of docs/how_do_i.md, the example and the notebook with a trained agent run as they stand there."""

from __future__ import annotations

import ast
import json
import re
import shlex
import shutil
import sys

import pytest
from helpers.paths import ROOT

PAGE = (ROOT / "docs/how_do_i.md").read_text("utf-8")
ANSWERS = re.findall(r"^## (.*?)\n(.*?)(?=^## |\Z)", PAGE, re.S | re.M)
SMALL = {"rrn.train": ["experiment=smoke", "device=cpu", "threads=1"]}
SMALL["rrn.tune"] = [*SMALL["rrn.train"], "n_jobs=1"]


@pytest.fixture
def here(command, trained_run, tmp_path, monkeypatch):
    """A folder with the user's own modules and files, and one trained run."""
    for path in (ROOT / "tests/data/own").iterdir():
        (shutil.copytree if path.is_dir() else shutil.copy)(path, tmp_path / path.name)
    run = trained_run("env=CartPole", "experiment=smoke", "act=rational")
    shutil.copytree(run, tmp_path / "runs/CartPole/dqn-rational/seed0")
    monkeypatch.setattr(sys, "path", [str(tmp_path), *sys.path])
    yield command
    for name in ("toy", "gym_toys"):
        sys.modules.pop(name, None)


def test_there_are_answers():
    assert len(ANSWERS) >= 12
    assert all(re.search(r"```(sh|python)\n", text) for _, text in ANSWERS)


@pytest.mark.slow
@pytest.mark.parametrize("text", [text for _, text in ANSWERS], ids=[question for question, _ in ANSWERS])
def test_an_answer_works(here, text):
    for kind, block in re.findall(r"```(\w+)\n(.*?)```", text, re.S):
        if kind == "python":
            exec(block, {})
            continue
        for line in block.splitlines():
            words = shlex.split(line, comments=True)
            module, arguments = words[2], words[3:]
            if "-m" in arguments:  # a sweep, with fewer seeds
                arguments = [word.replace("range(0,5)", "range(0,2)") for word in arguments]
            arguments = [word.replace("trials=30", "trials=2") for word in arguments]
            done = here(module, *arguments, *SMALL.get(module, []))
            assert done.returncode == 0, done.stderr


@pytest.mark.slow
def test_the_notebook_runs_and_its_results_show_themselves(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    cells = json.loads((ROOT / "examples/trained_agent.ipynb").read_text("utf-8"))["cells"]
    names: dict = {}
    shown = []
    for cell in cells:
        if cell["cell_type"] == "code":
            assert cell["outputs"] == []  # made anew by whoever opens it
            source = "".join(cell["source"])
            tree = ast.parse(source)
            last = tree.body.pop() if isinstance(tree.body[-1], ast.Expr) else None
            exec(compile(tree, "cell", "exec"), names)
            shown.append(eval(compile(ast.Expression(last.value), "cell", "eval"), names) if last else None)
    assert sum(hasattr(value, "_repr_png_") for value in shown) == 3  # two curves and the activations
    assert sum(hasattr(value, "_repr_html_") for value in shown) == 4  # the same three and the agent
    assert any(isinstance(value, float) and value > 8 for value in shown)
