"""Write the model card of an exported policy: a README.md with what it is, how it scores and how it is loaded."""

from __future__ import annotations

import json
import math
from pathlib import Path

import numpy as np
from omegaconf import OmegaConf

from rrn.common.errors import UserError
from rrn.common.numbers import plural
from rrn.common.printable import printable
from rrn.config import Config
from rrn.config.network import DEFAULT
from rrn.envs import VectorEnv
from rrn.networks.base import input_shape
from rrn.networks.build import default_network
from rrn.runs.scalars import Series, read_measures
from rrn.runs.software import read_software
from rrn.stats import seeds_interval

MARK = "Written by python -m rrn.export"  # a card with it may be overwritten
LAST = 10  # evaluations behind the interval
MOST_BYTES = 1 << 20  # of a card
OF_A_MACHINE = ("run_dir", "resume", "device", "threads")  # settings that tell nothing about the policy
KINDS = {
    "onnx": "ONNX, for onnxruntime",
    "torchscript": "TorchScript, for torch without rrn",
    "safetensors": "weights, with the settings of the run as metadata",
    "sb3": "a model of Stable-Baselines3, which needs rrn",
}
LOAD = {
    "onnx": """import numpy as np
import onnxruntime

session = onnxruntime.InferenceSession("{file}")
observations = np.zeros({shape}, np.{dtype})
{outputs} = session.run(None, {{"observations": observations}})""",
    "torchscript": """import torch

policy = torch.jit.load("{file}")
observations = torch.zeros({shape}, dtype=torch.{dtype})
{outputs} = policy(observations)""",
    "safetensors": """import json

from safetensors import safe_open
from safetensors.torch import load_file

weights = load_file("{file}")
with safe_open("{file}", "pt") as file:
    config = json.loads(file.metadata()["config"])""",
    "sb3": """from stable_baselines3 import {algorithm}  # and: pip install 'rrn[sb3]'

model = {algorithm}.load("{file}")
action, _ = model.predict(observation, deterministic=True)  # of shape {space}""",
}


def check_card(path: Path) -> None:
    """Refuse to overwrite a README.md that is no card of ours.

    Raises:
        UserError: it is not.
    """
    if not path.exists():
        return
    with open(path, "rb") as file:
        if MARK.encode() not in file.read(MOST_BYTES):
            raise UserError(f"{path}: a README.md of somebody else is here, where the card goes; choose another out.")


def shape_text(games: VectorEnv) -> str:
    """Describe the observations of an environment, such as "[N, 4, 84, 84] uint8"."""
    return f"[{', '.join(map(str, ('N', games.stack, *games.frame_shape)))}] {games.observations.dtype}"


def card_text(
    run: Path, config: Config, step: int, games: VectorEnv, file: str, to: str, outputs: tuple[str, ...]
) -> str:
    """Make the card.

    Args:
        run, config: the run, for its evaluations and software.
        step: agent steps of training behind the policy.
        games: the environment.
        file: name of the exported file.
        to: its format.
        outputs: names of what it computes, () for weights.
    """
    title = f"{config.agent.name} on {config.env.name} with {config.act.name}"
    about = [
        ("environment", config.env.name),
        ("protocol", config.env.protocol().removeprefix("protocol: ")),
        ("agent", config.agent.name),
        ("activation", config.act.name),
        ("network", config.network.target or _network(config, games)),
        ("training", f"{step:,} agent steps, seed {config.seed}"),
        ("file", f"{file}: {KINDS[to]}"),
        ("observations", shape_text(games)),
        *([("outputs", ", ".join(outputs))] if outputs else []),
    ]
    code = LOAD[to].format(
        file=file,
        shape=(1, games.stack, *games.frame_shape),
        dtype=games.observations.dtype,
        outputs=", ".join(outputs),
        algorithm="DQN" if "q_values" in outputs else "PPO",
        space=list(input_shape(games.frame_shape, games.stack)),
    )
    tags = ["reinforcement-learning", config.env.name, config.agent.name]
    settings = {name: value for name, value in vars(config).items() if name not in OF_A_MACHINE}
    return (
        "\n\n".join(
            [
                f"---\nlibrary_name: rrn\ntags: {json.dumps(tags)}\n---",
                f"# {title}",
                f"{MARK}. Actions are greedy (the largest Q-value, the likeliest choice, or the mean); choices "
                "are numbered from 0.",
                _table(about),
                "## Scores",
                *_scores(run, config, step),
                "## Load",
                f"```python\n{code}\n```",
                "## Settings",
                f"```yaml\n{OmegaConf.to_yaml(settings).strip()}\n```",
                "## Software",
                _software(run, step),
                "",
            ]
        ).rstrip("\n")
        + "\n"
    )


def _network(config: Config, games: VectorEnv) -> str:
    name = config.network.name
    return str(default_network(games.frame_shape)) if name == DEFAULT else name


def _table(rows: list[tuple[str, str]]) -> str:
    lines = [f"| {name} | {printable(text).replace('|', '/')} |" for name, text in rows]
    return "\n".join(["| | |", "| --- | --- |", *lines])


def _scores(run: Path, config: Config, step: int) -> list[str]:
    """Describe the evaluations up to a step, in paragraphs."""
    try:
        measures = read_measures(run / "scalars.csv")
    except (OSError, ValueError):
        measures = {}
    rows = {name.partition("/")[2]: _until(series, step) for name, series in measures.items()}
    means = rows.get("mean", np.empty((2, 0)))
    if not means.shape[1]:
        return ["No evaluation before this step is in the log of the run."]
    last = {name: values[1, -1] for name, values in rows.items() if name in ("mean", "median", "min", "max", "games")}
    games = plural(int(last.pop("games", math.nan)), "whole game") if "games" in last else "whole games"
    text = [
        f"Raw scores of {games} at step {int(means[0, -1]):,}, with epsilon {config.evaluation.epsilon:g}: "
        + ", ".join(f"{name} {value:.6g}" for name, value in last.items())
        + "."
    ]
    recent = means[1, -LAST:]
    if len(recent) >= 3:
        text.append(
            f"Mean of the last {len(recent)} evaluations: {seeds_interval(recent.tolist())}, with the 95 % bootstrap "
            "interval over these evaluations, which are of this one run. Other seeds of these settings may score "
            "outside it."
        )
    return text


def _until(series: Series, step: int) -> np.ndarray:
    """Return steps and values [2, E] of a series up to a step."""
    steps, values = series
    return np.stack([steps, values])[:, steps <= step]


def _software(run: Path, step: int) -> str:
    lines = [row for row in read_software(run) if isinstance(row.get("step"), int) and row["step"] <= step]
    if not lines:
        return "The run has not noted its software."
    return _table([(str(name), str(value)) for name, value in lines[-1].items() if name != "step"])
