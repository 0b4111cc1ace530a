"""An exported policy acts as the agent does, in onnxruntime, in torch without rrn and in Stable-Baselines3."""

from __future__ import annotations

import json
import subprocess
import sys
from types import SimpleNamespace

import numpy as np
import onnx
import onnxruntime
import pytest
import torch
from helpers.paths import ROOT
from helpers.saved_runs import OBSERVATIONS, saved_run
from safetensors import safe_open
from safetensors.torch import load_file
from torch import nn

import rrn
from rrn.activations.registry import ACTIVATIONS
from rrn.common.errors import UserError
from rrn.config.compose import compose_config
from rrn.networks.base import input_shape
from rrn.policies.acting import acting_module

CASES = [
    ("CartPole", "agent=dqn", "act=rational"),
    ("Pendulum-v1", "agent=ppo", "act=rational", "agent.normalise_observations=true", "agent.normalise_rewards=true"),
    ("MinAtar-Breakout", "agent=pqn", "act=recurrent_rational"),
]
SLOW_CASES = [
    ("CartPole", "agent=dqn", "act=recurrent_rational", "agent.dueling=true", "agent.distributional=true"),
    ("CartPole", "agent=ppo", "act=relu", "agent.normalise_observations=true"),
    ("CartPole", "agent=sb3_dqn", "act=rational"),
    ("MinAtar-Breakout", "agent=dqn", "act=rational", "act.per=channel", "act.version=C", "agent.noisy=true"),
    ("MinAtar-Breakout", "agent=sb3_ppo", "act=rational"),
    ("Pong", "agent=dqn", "act=recurrent_rational", "agent.dueling=true", "agent.distributional=true"),
    ("Pong", "agent=der", "act=rational"),
    ("Pong", "agent=ppo", "act=rational", "network=small"),
    ("gym_toys:Levers-v0", "agent=ppo", "act=rational"),
    ("Pong", "agent=pqn", "act=relu"),
]
all_cases = pytest.mark.parametrize("case", CASES + [pytest.param(c, marks=pytest.mark.slow) for c in SLOW_CASES])


@pytest.fixture(autouse=True)
def own_environments(monkeypatch):
    """The folder with the module gym_toys."""
    monkeypatch.syspath_prepend(ROOT / "tests" / "data" / "own")


def saved(folder, env, *overrides, **options):
    return saved_run(folder, f"env={env}", *overrides, **options)


def draw(env, number=100):
    return OBSERVATIONS[env](np.random.default_rng(0), number)


def expected(agent, observations):
    """Greedy actions and what they are chosen by, by the methods with which the agent acts."""
    with torch.no_grad():
        actions, values = agent.act_with_values(observations, 0.0)
        seen = torch.from_numpy(observations)
        if hasattr(agent, "model"):
            features = agent.forward(seen)
            policy = agent.policy.action_net(features) if agent.on_policy else agent.policy.q_net(features)
        elif hasattr(agent, "head"):
            policy = agent.outputs_and_values(agent.normalise(seen))[0]
        else:
            outputs = agent.network(seen)
            policy = agent.values.q(outputs) if hasattr(agent, "values") else outputs
    if hasattr(agent, "head") and agent.action_space.kind == "Box":
        low, high = agent.action_space.low, agent.action_space.high
        return policy.numpy().clip(low, high), [policy, agent.network.log_std.expand_as(policy), values]
    if hasattr(agent, "head") and agent.action_space.kind == "MultiDiscrete":
        choices = [part.argmax(1) for part in policy.split(agent.action_space.sizes, 1)]
        return torch.stack(choices, 1).numpy(), [policy, values]
    if hasattr(agent, "head") or getattr(agent, "on_policy", False):  # act samples
        return policy.argmax(1).numpy(), [policy, values]
    return actions, [policy]


def assert_same(found, agent, observations):
    actions, others = expected(agent, observations)
    assert found[0].dtype == actions.dtype
    assert np.abs(found[0] - actions).max() <= (1e-5 if actions.dtype == np.float32 else 0)
    assert len(found) == 1 + len(others)
    for theirs, ours in zip(found[1:], (other.detach().numpy() for other in others), strict=True):
        assert theirs.shape == ours.shape
        assert np.abs(theirs - ours).max() <= 1e-5 * max(1, np.abs(ours).max())


@all_cases
def test_onnxruntime_gives_the_same_actions_and_values(tmp_path, case):
    agent = saved(tmp_path, *case)
    path = rrn.export_policy(tmp_path, "onnx")
    session = onnxruntime.InferenceSession(path)
    for number in (1, 100):
        observations = draw(case[0], number)
        assert_same(session.run(None, {"observations": observations}), agent, observations)
    kinds = {node.op_type for node in onnx.load(path).graph.node}
    assert "ScatterND" not in kinds  # pixels are converted in one operator
    names = [output.name for output in session.get_outputs()]
    assert names in (
        ["action", "q_values"],
        ["action", "logits", "value"],
        ["action", "mean", "log_std", "value"],
    )


@all_cases
def test_torchscript_gives_the_same_actions_and_values(tmp_path, case):
    agent = saved(tmp_path, *case)
    policy = torch.jit.load(rrn.export_policy(tmp_path, "torchscript"))
    assert "rrn::" not in str(policy.inlined_graph)
    for number in (1, 100):
        observations = draw(case[0], number)
        assert_same([output.detach().numpy() for output in policy(torch.from_numpy(observations))], agent, observations)


@pytest.mark.slow
def test_torchscript_is_loaded_in_a_process_without_rrn(tmp_path):
    agent = saved(tmp_path, "MinAtar-Breakout", "agent=dqn", "act=recurrent_rational")
    path, observations = rrn.export_policy(tmp_path, "torchscript"), draw("MinAtar-Breakout")
    np.save(tmp_path / "seen.npy", observations)
    script = (
        "import sys\nsys.modules['rrn'] = None\nimport numpy as np, torch\n"
        "action, q = torch.jit.load(sys.argv[1])(torch.from_numpy(np.load(sys.argv[2] + '/seen.npy')))\n"
        "np.savez(sys.argv[2] + '/found.npz', action.numpy(), q.detach().numpy())\n"
    )
    subprocess.run([sys.executable, "-c", script, path, tmp_path], check=True)
    found = np.load(tmp_path / "found.npz")
    assert_same([found["arr_0"], found["arr_1"]], agent, observations)


@pytest.mark.slow
@pytest.mark.parametrize("act", ACTIVATIONS)
def test_every_activation_is_exported(tmp_path, act):
    agent, observations = saved(tmp_path, "CartPole", "agent=dqn", f"act={act}"), draw("CartPole")
    session = onnxruntime.InferenceSession(rrn.export_policy(tmp_path, "onnx"))
    assert_same(session.run(None, {"observations": observations}), agent, observations)


@pytest.mark.parametrize(
    "case",
    [
        ("CartPole", "agent=dqn", "act=recurrent_rational", "agent.dueling=true", "agent.noisy=true"),
        ("Pendulum-v1", "agent=ppo", "act=recurrent_rational", "agent.normalise_rewards=true"),
        ("CartPole", "agent=ppo", "act=rational"),
        ("gym_toys:Levers-v0", "agent=ppo", "act=relu"),
        pytest.param(("gym_toys:Pixels-v0", "agent=dqn", "act=rational"), marks=pytest.mark.slow),
        pytest.param(("MinAtar-Breakout", "agent=pqn", "act=rational", "network.norm=null"), marks=pytest.mark.slow),
        pytest.param(("MinAtar-Breakout", "agent=ppo", "act=crelu"), marks=pytest.mark.slow),
        pytest.param(("Pong", "agent=dqn", "act=rational"), marks=pytest.mark.slow),
        pytest.param(("CartPole", "agent=sb3_dqn", "act=rational"), marks=pytest.mark.slow),
        pytest.param(("CartPole", "agent=sb3_ppo", "act=recurrent_rational"), marks=pytest.mark.slow),
    ],
)
def test_stable_baselines3_gives_the_same_actions(tmp_path, case):
    import stable_baselines3

    agent, observations = saved(tmp_path, *case, step=200), draw(case[0])
    kind = stable_baselines3.PPO if "ppo" in case[1] else stable_baselines3.DQN
    model = kind.load(rrn.export_policy(tmp_path, "sb3"), device="cpu")
    seen = observations.reshape(100, *input_shape(observations.shape[2:], observations.shape[1]))
    actions = model.predict(seen, deterministic=True)[0]
    assert np.abs(actions - expected(agent, observations)[0]).max() <= (1e-5 if actions.dtype == np.float32 else 0)
    assert model.num_timesteps == 200
    if "ppo" in case[1]:
        with torch.no_grad():
            values = model.policy.predict_values(torch.from_numpy(seen))[:, 0]
        assert torch.allclose(values, expected(agent, observations)[1][-1], atol=1e-5)


def test_safetensors_has_the_weights_and_the_settings(tmp_path):
    agent = saved(tmp_path, "CartPole", "agent=ppo", "act=recurrent_rational", "agent.normalise_observations=true")
    path = rrn.export_policy(tmp_path, "safetensors")
    tensors = load_file(path)
    assert torch.equal(tensors.pop("observed.mean"), agent.observed.mean)
    assert torch.equal(tensors.pop("observed.variance"), agent.observed.variance)
    before = {name: value.clone() for name, value in agent.network.state_dict().items()}
    nn.init.zeros_(agent.network.layers.hidden1.weight)
    agent.network.load_state_dict(tensors)
    assert all(torch.equal(value, before[name]) for name, value in agent.network.state_dict().items())
    with safe_open(path, "pt") as file:
        metadata = file.metadata()
    assert json.loads(metadata["config"])["act"]["name"] == "recurrent_rational"
    assert metadata["observations"] == "[N, 1, 4] float32"


class Branching(nn.Module):
    """A network whose operations depend on values."""

    def __init__(self, shape, outputs, activation):
        super().__init__()
        self.hidden, self.act, self.last = nn.Linear(shape[0], 8), activation(8), nn.Linear(8, outputs)

    def forward(self, x):
        if x.shape[1] != 4:  # which a recording can follow
            raise ValueError
        x = self.act(self.hidden(x))
        if x.mean() > 100:
            x = -x
        return self.last(x)


class Checking(Branching):
    """A network that looks at sizes alone."""

    def forward(self, x):
        assert x.shape[1] == 4
        return self.last(self.act(self.hidden(x)))


def test_a_network_of_ones_own_may_look_at_sizes(tmp_path):
    agent = saved(tmp_path, "CartPole", "act=recurrent_rational", f"network.target={__name__}:Checking")
    policy, observations = torch.jit.load(rrn.export_policy(tmp_path, "torchscript")), draw("CartPole")
    assert_same([output.numpy() for output in policy(torch.from_numpy(observations))], agent, observations)


DEPENDS = r"test_export\.py, line \d+: expected operations that do not depend on values"


@pytest.mark.parametrize(
    ("to", "words", "sentence"),
    [
        (
            "torchscript",
            [f"network.target={__name__}:Branching"],
            DEPENDS,
        ),
        (
            "onnx",
            [f"network.target={__name__}:Branching"],
            DEPENDS,
        ),
        ("sb3", ["agent.distributional=true"], r"expected agent\.distributional=false"),
        ("sb3", ["agent.dueling=true", "agent.dueling_hidden=true"], r"expected agent\.dueling_hidden=false"),
        ("sb3", ["network.norm=layer"], "got network=default with a norm"),
        ("sb3", [f"network.target={__name__}:Branching"], f"got network={__name__}:Branching"),
        ("sb3", ["agent=ppo", "agent.normalise_observations=true"], r"expected agent\.normalise_observations=false"),
    ],
)
def test_what_a_format_cannot_hold_is_a_sentence(tmp_path, to, words, sentence):
    saved(tmp_path, "CartPole", "act=rational", *words)
    with pytest.raises(UserError, match=sentence):
        rrn.export_policy(tmp_path, to)
    assert not list((tmp_path / "export").rglob("*.*"))


def test_mistakes_are_sentences(tmp_path, monkeypatch):
    with pytest.raises(UserError, match="no run is here"):
        rrn.export_policy(tmp_path, "onnx")
    saved(tmp_path / "run", "CartPole", "act=relu")
    with pytest.raises(UserError, match="to: expected one of onnx, torchscript, safetensors, sb3, got 'tf'"):
        rrn.export_policy(tmp_path / "run", "tf")
    with pytest.raises(UserError, match=r"out: expected a name that ends in \.onnx, got .*policy\.pt"):
        rrn.export_policy(tmp_path / "run", "onnx", tmp_path / "policy.pt")
    with pytest.raises(UserError, match="there is no such file"):
        rrn.export_policy(tmp_path / "run", "onnx", checkpoint="none.pt")
    with pytest.raises(UserError, match="agent: expected DQN, PPO, PQN or one of Stable-Baselines3, got SimpleNamespa"):
        acting_module(SimpleNamespace())
    (tmp_path / "README.md").write_text("mine")
    with pytest.raises(UserError, match=r"README\.md: a README\.md of somebody else is here"):
        rrn.export_policy(tmp_path / "run", "onnx", tmp_path / "policy.onnx")
    monkeypatch.setitem(sys.modules, "onnx", None)
    with pytest.raises(UserError, match=r"an export to onnx needs onnx: pip install 'rrn\[export\]'"):
        rrn.export_policy(tmp_path / "run", "onnx")


def test_the_command_writes_the_file_of_a_checkpoint(tmp_path, command):
    saved(tmp_path / "run", "CartPole", "act=relu", step=300)
    (checkpoint,) = (tmp_path / "run" / "checkpoints").glob("*.pt")
    done = command(
        *("rrn.export", "run", "--to", "safetensors", "--out", "out/mine.safetensors"),
        *("--checkpoint", str(checkpoint)),
    )
    assert (done.returncode, done.stderr) == (0, "")
    assert done.stdout == "out/mine.safetensors, and its model card out/README.md\n"
    assert sorted(path.name for path in (tmp_path / "out").iterdir()) == ["README.md", "mine.safetensors"]
    assert compose_config(["env=CartPole"]).env.protocol().removeprefix("protocol: ") in (
        tmp_path / "out" / "README.md"
    ).read_text("utf-8")
