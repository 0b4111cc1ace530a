"""Say what is meant by a setting that does not exist: a name like it, or the nearest thing that there is."""

from __future__ import annotations

import difflib
from collections.abc import Collection

CONCEPTS = {  # what other libraries call something that is no setting here, or has another name: where it is
    ("hidden", "hidden_sizes", "layers", "net_arch", "units", "width", "features"): "network=mlp "
    "'network.widths=[64,64]' sets the units of the hidden layers; network.target takes a class of your own.",
    ("mode", "difficulty"): "Games are played in the default mode and difficulty of ale-py.",
    ("optimizer", "optimiser"): "It is Adam, with agent.learning_rate.",
    ("lr",): "Did you mean agent.learning_rate, or act.lr of rationals?",
    ("render", "render_mode"): "python -m rrn.evaluate RUN render=human shows games, and video= films them.",
    ("gpu", "cuda", "use_cuda"): "Did you mean device?",
    ("timesteps", "total_timesteps", "max_steps", "frames", "total_frames"): "Did you mean steps?",
    ("wandb", "logger", "tensorboard", "log_dir"): "A run writes scalars.csv and files for TensorBoard into run_dir.",
    ("activation", "activation_fn"): "Did you mean act?",
}


def suggestion(key: str, known: Collection[str]) -> str:
    """Return a sentence about what may be meant by an unknown setting, empty if nothing is like it.

    Args:
        key: its dotted name. Its last part counts: `agent.hidden` is not like `agent.dueling` because of `agent.`.
        known: dotted names of the settings that exist.
    """
    last = key.rpartition(".")[2]
    if key == "agent.lr":
        return "Did you mean agent.learning_rate?"
    for words, sentence in CONCEPTS.items():
        if last.lower() in words:
            return sentence
    by_last: dict[str, list[str]] = {}
    for name in known:
        by_last.setdefault(name.rpartition(".")[2], []).append(name)
    alike = [name for part in difflib.get_close_matches(last, by_last, 3, 0.6) for name in by_last[part]]
    nearest = difflib.get_close_matches(key, alike, 1, 0)
    return f"Did you mean {nearest[0]}?" if nearest else ""
