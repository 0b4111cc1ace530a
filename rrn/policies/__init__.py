"""Trained policies of torch as models of Flax and Keras, and as files for other programs.

These are a folder above `training`, and not a part of rrn/convert.py: they need torch, the environment of the run and
its checkpoint, where the conversion of rationals does without.
"""

from __future__ import annotations

from os import PathLike
from pathlib import Path
from typing import Any

from rrn.common.extras import needs

TARGETS = {"nnx": "jax", "keras": "keras"}  # framework: extra
CHANNELS = ("first", "last")


def policy(run: str | PathLike, to: str, *, checkpoint: str | None = None, channels: str = "first") -> Any:
    """Make a model of Flax or Keras with the weights of a trained DQN or PPO, and the same outputs.

    Args:
        run: folder of the run, whose network is one of ours: nature, minatar, mlp or small, without network.norm.
        to: "nnx" for a `flax.nnx.Module`, "keras" for a functional `keras.Model`.
        checkpoint: a file; None: the last one of the run.
        channels: "first" for observations as our environments give them, [N, stack, *frame]; "last" for pixels
            [N, height, width, stack * channels]. Convolutions are computed with channels last in any case, as Keras on
            TensorFlow has no others on a CPU; the weights behind the last one are permuted to suit.

    The activations are modules called act1, act2, ..., as in the run. A recurrent rational is one module at all its
    sites, with one pair of coefficients in the tree. Noisy layers keep their means, as in evaluation; a dueling head is
    folded into the last layer.

    Returns:
        A model of observations: Q-values [N, actions] of a DQN; logits [N, actions] and values [N, 1] of a PPO.

    Raises:
        ValueError: another framework, or a network or activation that has no such model.
        UserError: no run or checkpoint is there.
        MissingPackage: the framework is not installed.
    """
    if to not in TARGETS:
        raise ValueError(f"to: expected one of {', '.join(TARGETS)}, got {to!r}.")
    if channels not in CHANNELS:
        raise ValueError(f"channels: expected first or last, got {channels!r}.")
    with needs("rrn.policies", "rl"):
        from rrn.policies.read import read_policy
    with needs(f"a policy of {to}", TARGETS[to]):
        if to == "nnx":
            from rrn.policies.nnx import build
        else:
            from rrn.policies.keras import build
    return build(read_policy(Path(run), checkpoint), channels == "last")


def export_policy(
    run: str | PathLike, to: str, out: str | PathLike | None = None, *, checkpoint: str | None = None
) -> Path:
    """Write the policy of a trained run as a file for other programs, and a model card, README.md, beside it.

    The files of onnx, torchscript and sb3 take observations as our environments give them, [N, stack, *frame]; scaling
    of pixels and normalisation of observations are inside. Their outputs are the greedy action and what it is chosen
    by: Q-values [N, actions] of DQN and PQN (of a distribution, its mean); logits, or mean and log_std, and values [N]
    of PPO. The file is loaded again, and must give the outputs of the agent on observations of the environment.

    Args:
        run: folder of the run.
        to: "onnx" for onnxruntime; "torchscript" for `torch.jit.load`, without rrn; "sb3" for DQN or PPO of
            Stable-Baselines3, with rrn; "safetensors" for the weights, with the settings of the run as metadata.
        out: the file; None: export/TO/policy in the folder of the run, with the suffix of the format.
        checkpoint: a file; None: the last one of the run.

    Returns:
        The file.

    Raises:
        UserError: there is no run or checkpoint, the format cannot hold this policy, or a README.md of somebody else
            is where the card goes.
        MissingPackage: a package of the format is not installed.
    """
    with needs("rrn.export_policy", "rl"):
        from rrn.policies.export import export
    return export(Path(run), to, None if out is None else Path(out), checkpoint)
