"""A trained policy acts the same as a model of Flax and of Keras, on vectors and on pixels in either layout."""

from __future__ import annotations

from importlib.util import find_spec

import numpy as np
import pytest
from helpers.saved_runs import OBSERVATIONS, saved_run

from rrn.common.errors import UserError
from rrn.policies import policy

pytestmark = pytest.mark.slow  # of the compilers

HERE = [to for to, package in (("nnx", "flax"), ("keras", "keras")) if find_spec(package) and find_spec("torch")]
each_target = pytest.mark.parametrize("to", HERE)


def expected(agent, observations):
    """Q-values, or logits and values, as the agent computes them."""
    import torch

    with torch.no_grad():
        outputs = agent.network(torch.from_numpy(observations))
        if not hasattr(agent, "values"):  # PPO
            return outputs[:, :-1].numpy(), outputs[:, -1:].numpy()
        return (agent.values.q(outputs).numpy(),)


def found(model, observations):
    outputs = model(observations)
    outputs = outputs if isinstance(outputs, list | tuple) else [outputs]
    return [y.detach().cpu().numpy() if hasattr(y, "detach") else np.asarray(y) for y in outputs]


@each_target
@pytest.mark.parametrize(
    ("env", "act", "options"),
    [
        ("CartPole", "recurrent_rational", ["agent=dqn"]),
        ("MinAtar-Breakout", "rational", ["agent=dqn"]),
        *(
            pytest.param(*case, marks=pytest.mark.slow)
            for case in (
                ("CartPole", "rational", ["agent=dqn", "agent.dueling=true", "agent.distributional=true"]),
                ("CartPole", "leaky_relu", ["agent=ppo"]),
                ("MinAtar-Breakout", "recurrent_rational", ["agent=ppo"]),
                ("Pong", "recurrent_rational", ["agent=dqn", "agent.dueling=true", "agent.noisy=true"]),
                ("Pong", "rational", ["agent=ppo", "act.per=channel", "network=small"]),
            )
        ),
    ],
)
def test_actions_are_the_same(tmp_path, to, env, act, options):
    trained = saved_run(tmp_path / "run", f"env={env}", f"act={act}", *options)
    observations = OBSERVATIONS[env](np.random.default_rng(0), 50)
    rows = expected(trained, observations)
    seen = {"first": observations}
    if env != "CartPole":
        seen["last"] = observations.reshape(50, -1, *observations.shape[-2:]).transpose(0, 2, 3, 1)
    for channels, x in seen.items():
        values = found(policy(tmp_path / "run", to, channels=channels), x)
        assert len(values) == len(rows)
        for mine, theirs in zip(values, rows, strict=True):
            assert mine.shape == theirs.shape
            assert np.abs(mine - theirs).max() <= 1e-5 * max(1, np.abs(theirs).max())
        assert np.array_equal(values[0].argmax(1), rows[0].argmax(1))


@each_target
def test_a_recurrent_rational_is_one_pair_in_the_tree(tmp_path, to):
    saved_run(tmp_path / "one", "agent=dqn", "env=CartPole", "act=recurrent_rational")
    model = policy(tmp_path / "one", to)
    if to == "nnx":
        from flax import nnx

        paths = [".".join(map(str, path)) for path, _ in nnx.to_flat_state(nnx.state(model))]
        assert [path for path in paths if path.startswith("act")] == ["act1.denominator", "act1.numerator"]
    else:
        names = [weight.name for weight in model.weights]
        assert [names.count(part) for part in ("numerator", "denominator")] == [1, 1]


@each_target
def test_mistakes_are_sentences(tmp_path, to):
    with pytest.raises(ValueError, match="to: expected one of nnx, keras, got 'tf'"):
        policy(tmp_path, "tf")
    with pytest.raises(ValueError, match="channels: expected first or last, got 'NHWC'"):
        policy(tmp_path, to, channels="NHWC")
    with pytest.raises(UserError, match="no run is here"):
        policy(tmp_path, to)
    saved_run(tmp_path / "run", "agent=dqn", "env=CartPole", "act=pelu")
    with pytest.raises(ValueError, match=r"act1: expected a rational, or one of gelu, .* got PELU"):
        policy(tmp_path / "run", to)


@each_target
def test_hidden_layers_for_value_and_advantages_are_refused(tmp_path, to):
    saved_run(tmp_path, "env=MinAtar-Breakout", "act=relu", "agent.dueling=true", "agent.dueling_hidden=true")
    with pytest.raises(ValueError, match=r"expected one hidden layer before all outputs, got agent\.dueling_hidden"):
        policy(tmp_path, to)


@each_target
@pytest.mark.parametrize("words", [["network=impala"], ["network.norm=layer"]])
def test_a_network_without_such_a_model_is_refused(tmp_path, to, words):
    saved_run(tmp_path / "run", "env=MinAtar-Breakout", "act=relu", *words)
    with pytest.raises(
        ValueError, match="whose network is nature, minatar, mlp or small, without a norm, got dqn with"
    ):
        policy(tmp_path / "run", to)
