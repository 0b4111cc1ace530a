"""The update of DQN is the one of the papers, and the loop does it as often as it should."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from helpers.small_agents import CPU, agent_for, random_batch
from torch import nn

from rrn.activations.rational import Rational
from rrn.activations.registry import ACTIVATIONS
from rrn.activations.sites import named_activations
from rrn.agents import make_agent
from rrn.common.errors import UserError
from rrn.config.compose import compose_config
from rrn.envs import make_envs
from rrn.networks.build import make_network
from rrn.networks.cnn import AtariNetwork
from rrn.training.run import as_user_errors
from rrn.training.trainer import Trainer


def test_an_agent_alone_takes_no_memory():
    """As to evaluate it on a machine with less than it was trained on."""
    config = compose_config(["env=Pong", "agent.replay_capacity=2000000000"])
    assert make_agent(config, make_envs(config.env, 1, (0,)), CPU).num_actions == 6


def test_update_is_one_step_of_adam_and_leaves_the_target_alone():
    agent = agent_for("act=recurrent_rational")
    target = [p.clone() for p in agent.target.parameters()]
    parameters = [p.detach().clone().requires_grad_() for p in agent.network.parameters()]
    batch = random_batch()
    loss, *_ = agent.loss(batch)
    loss.backward()
    plain = torch.optim.Adam(parameters, lr=agent.config.learning_rate, eps=agent.config.adam_eps)
    for mine, theirs in zip(parameters, agent.network.parameters(), strict=True):
        mine.grad = theirs.grad.clone()
    norm = torch.stack([p.grad.norm() for p in parameters]).norm().item()
    plain.step()
    measured = agent.update(batch, measure_norm=True)
    assert measured["loss"] == pytest.approx(loss.item())
    assert measured["gradient_norm"] == pytest.approx(norm, rel=1e-5)
    for mine, theirs in zip(parameters, agent.network.parameters(), strict=True):
        assert torch.allclose(mine, theirs, atol=1e-7)
    assert all(torch.equal(a, b) for a, b in zip(target, agent.target.parameters(), strict=True))


def test_gradient_clipping():
    free, clipped = agent_for(), agent_for("agent.max_grad_norm=0.001")
    clipped.load_state_dict(free.state_dict())
    batch = random_batch()
    clipped.update(batch)
    total = torch.stack([p.grad.norm() for p in clipped.network.parameters()]).norm()
    assert total.item() == pytest.approx(0.001, rel=1e-3)


def test_epsilon_falls_in_a_line():
    agent = agent_for("agent.epsilon_start=1", "agent.epsilon_end=0.1", "agent.epsilon_steps=1000")
    assert [agent.epsilon(step) for step in (0, 500, 1000, 10**6)] == pytest.approx([1.0, 0.55, 0.1, 0.1])


def test_exploration_is_drawn_for_each_environment():
    """The rate of random actions is epsilon from the first step on, also with several environments."""
    agent = agent_for()
    observations = np.random.default_rng(0).normal(size=(2000, 1, 4)).astype(np.float32)
    greedy = agent.act(observations, 0.0)
    for epsilon in (0.1, 0.6, 1.0):
        other = (agent.act(observations, epsilon) != greedy).mean()
        assert other == pytest.approx(epsilon / 2, abs=0.04)  # half of the random actions are greedy too


@pytest.mark.parametrize(("copies", "times"), [(1, 1), (3, 1), (3, 2)])
def test_ratio_of_updates_and_target_copies_to_steps(tmp_path, copies, times):
    config = compose_config(
        [
            "env=CartPole",
            "experiment=smoke",
            f"env.num_envs={copies}",
            "steps=300",
            "agent.target_every=50",
            f"agent.gradient_steps={times}",
            f"run_dir={tmp_path}",
            "device=cpu",
        ]
    )
    trainer = Trainer(config, tmp_path, lambda: False)
    assert trainer.run()
    assert trainer.step == 300
    assert trainer.agent.updates == 300 // 4 * times
    assert trainer.learner.target_copies == 6
    assert sum(trainer.learner.replay.added) >= 600


def agent_of(*overrides):
    config = compose_config(["env=CartPole", "act=rational", *overrides])
    return make_agent(config, make_envs(config.env, 1, (0,)), CPU)


def test_options_of_rationals_reach_the_agent():
    first, second = (module for _, module in named_activations(agent_of("act.share=[2,2]").network.layers))
    assert second.owner is first
    assert len(list(agent_of("act.share=[1,2]", "act.preset=minimax").network.parameters())) == 6 + 4
    frozen = agent_of("act.trainable=false")
    assert len(frozen.optimiser.param_groups[0]["params"]) == 6
    weights, rationals = agent_of("act.lr=0.5").optimiser.param_groups
    assert (rationals["lr"], len(rationals["params"])) == (0.5, 4)
    assert (weights["lr"], len(weights["params"])) == (compose_config(["env=CartPole"]).agent.learning_rate, 6)
    assert len(agent_of().optimiser.param_groups) == 1


def test_rationals_per_channel():
    config = compose_config(["act=rational", "act.per=channel", "act.share=[1,2,2,3]"])
    games = make_envs(config.env, 1, (0,))
    network = make_network(config, games.frame_shape, games.stack, games.num_actions)
    assert [len(m.numerator) for _, m in named_activations(network.layers) if hasattr(m, "numerator")] == [32, 64, 512]
    with torch.no_grad():
        before = network(torch.from_numpy(games.observations))
        network.layers.act1.numerator[5] *= 2  # the sixth channel of the first convolution alone
        seen = []
        network.layers.act1.register_forward_hook(lambda module, inputs, output: seen.append((inputs[0], output)))
        assert not torch.equal(network(torch.from_numpy(games.observations)), before)
    (x, y), plain = seen[0], Rational()
    assert torch.allclose(y[:, 6:], plain(x[:, 6:]), atol=1e-6)
    assert torch.allclose(y[:, 5], 2 * plain(x[:, 5]), atol=1e-6)
    shared = compose_config(["act=recurrent_rational", "act.per=channel"])
    with pytest.raises(UserError, match="per=channel: site 1 has 32 channels, others that share it 512"):
        make_network(shared, games.frame_shape, games.stack, 6)


@pytest.mark.parametrize("share", [[1, 1, 1, 2], [1, 2, 2, 2], [1, 1, 2, 2], [1, 2, 1, 2]])
def test_partial_sharing(share):
    network = make_network(compose_config(["act=rational", f"act.share={share}"]), (84, 84), 4, 6)
    owners = [getattr(module, "owner", module) for _, module in named_activations(network.layers)]
    assert [[a is b for b in owners] for a in owners] == [[i == j for j in share] for i in share]
    assert sum("numerator" in name for name, _ in network.named_parameters()) == 2


@pytest.mark.parametrize("name", ACTIVATIONS)
def test_network_has_the_activation_at_its_four_places(name):
    config = compose_config([f"act={name}"])
    games = make_envs(config.env, 1, (0,))
    network = make_network(config, games.frame_shape, games.stack, games.num_actions)
    found = dict(named_activations(network.layers))
    assert list(found) == ["act1", "act2", "act3", "act4"]
    observations = torch.randint(256, (2, 4, 84, 84), dtype=torch.uint8)
    q = network(observations)
    assert q.shape == (2, games.num_actions)
    factors = {"crelu": 128, "crelu_equal": 90, "fourier_equal": 90}
    assert network.layers.hidden.in_features == 49 * factors.get(name, 64)
    q.sum().backward()
    assert all(p.grad is not None and p.grad.isfinite().all() for p in network.parameters())
    sizes = {"rational": 4 * 10, "recurrent_rational": 10, "pelu": 4 * 2, "prelu": 672, "swish": 4, "snake": 4}
    weights = sum(p.numel() for m in network.modules() if isinstance(m, nn.Conv2d | nn.Linear) for p in m.parameters())
    assert sum(p.numel() for p in network.parameters()) - weights == sizes.get(name, 0)


def test_d_silu_has_silu_first_and_dsilu_last():
    config = compose_config(["act=d_silu"])
    games = make_envs(config.env, 1, (0,))
    network = make_network(config, games.frame_shape, games.stack, 6)
    assert [type(m).__name__ for _, m in named_activations(network.layers)] == ["SiLU", "SiLU", "DSiLU", "DSiLU"]


def test_weights_are_xavier_with_gain_sqrt_2_and_1_in_the_last_layer():
    config = compose_config(["act=relu"])
    games = make_envs(config.env, 1, (0,))
    network = make_network(config, games.frame_shape, games.stack, 6)
    for module in network.modules():
        if isinstance(module, nn.Conv2d | nn.Linear):
            fan_in, fan_out = nn.init._calculate_fan_in_and_fan_out(module.weight)
            bound = ((1 if module is network.layers.output else 2) * 6 / (fan_in + fan_out)) ** 0.5
            assert module.weight.abs().max() <= bound
            assert module.weight.std().item() == pytest.approx(bound / 3**0.5, rel=0.1)


@pytest.mark.parametrize(
    ("spoil", "where"),
    [
        (lambda agent: agent.network.layers.hidden2.weight.data.fill_(float("nan")), "layer hidden2, parameter weight"),
        (lambda agent: agent.network.layers.act1.numerator.data.fill_(float("inf")), "layer act1, parameter numerator"),
    ],
)
def test_a_loss_that_is_not_finite_stops_and_says_where(tmp_path, spoil, where):
    config = compose_config(["env=CartPole", "experiment=smoke", f"run_dir={tmp_path}", "device=cpu"])
    trainer = Trainer(config, tmp_path, lambda: False)
    spoil(trainer.agent)
    with pytest.raises(UserError, match=f"loss is not finite at step 4; .* {where}.*learning_rate"):
        trainer.run()
    saved = torch.load(tmp_path / "not_finite.pt", weights_only=True)
    assert saved["batch"]["states"].shape == (32, 1, 4)


def watched(calls, name, function):
    def call(*arguments):
        calls.append(name)
        return function(*arguments)

    return call


@pytest.mark.slow
def test_overlapping_emulation_and_learning_changes_no_bit(tmp_path):
    """The plain path and the one that learns while the emulator plays, through lost lives and ends of games."""
    settings = [
        "env=Breakout",
        "experiment=smoke",
        "act=recurrent_rational",
        "env.num_envs=2",
        "steps=200",
        "agent.warmup=100",
        "agent.batch_size=8",
    ]
    found = []
    for overlap in (False, True):
        folder = tmp_path / str(overlap)
        folder.mkdir()
        config = compose_config([*settings, f"env.overlap={overlap}", f"run_dir={folder}", "device=cpu"])
        trainer, calls = Trainer(config, folder, lambda: False), []
        games, agent = trainer.learner.games, trainer.agent
        games.send, games.receive = watched(calls, "send", games.send), watched(calls, "receive", games.receive)
        agent.update = watched(calls, "update", agent.update)
        trainer._evaluate = lambda trainer=trainer: setattr(trainer, "evaluated", trainer.step) or True
        assert trainer.run()
        first = calls.index("update")
        assert calls[first - 1 : first + 2] == [
            "send" if overlap else "receive",
            "update",
            "receive" if overlap else "send",
        ]
        found.append((agent.state_dict(), trainer.learner.replay))
    (plain, memory), (overlapped, other) = found
    assert all(torch.equal(value, overlapped["network"][key]) for key, value in plain["network"].items())
    assert torch.equal(plain["generator"], overlapped["generator"])
    assert np.array_equal(memory.added, other.added)
    assert memory.start.sum() > 2
    for name in ("actions", "rewards", "terminated", "start"):
        assert np.array_equal(getattr(memory, name), getattr(other, name))
    assert torch.equal(memory.frames[: memory.added[0]], other.frames[: memory.added[0]])


@pytest.mark.slow
def test_the_compiled_loss_makes_the_same_updates():
    """To rounding: five updates, one of them after the coefficients were frozen."""
    plain, compiled = (agent_for("act=recurrent_rational", f"agent.compile={on}") for on in ("false", "true"))
    compiled.load_state_dict(plain.state_dict())
    start = torch.cat([p.detach().flatten() for p in plain.network.parameters()])
    for number in range(5):
        for agent in (plain, compiled):
            agent.set_rationals_trainable(number < 4)
        batch = random_batch(seed=number)
        losses = [agent.update(batch)["loss"] for agent in (plain, compiled)]
        assert losses[0] == pytest.approx(losses[1], rel=1e-5)
    ends = [torch.cat([p.detach().flatten() for p in agent.network.parameters()]) for agent in (plain, compiled)]
    moved = (ends[0] - start).abs().max()
    assert moved > 1e-3
    assert (ends[0] - ends[1]).abs().max() < 0.02 * moved


@pytest.mark.slow
def test_without_a_compiler_the_compiled_loss_says_so(tmp_path):
    agent = agent_for("act=relu", "agent.compile=true")
    options = {"cpp.cxx": (None, "no-such-compiler"), "force_disable_caches": True}
    with (
        torch._inductor.config.patch(options),
        pytest.raises(UserError, match=r"agent.compile=true: .*no-such-compiler.*; set agent.compile=false"),
        as_user_errors(tmp_path, "python -m rrn.train"),
    ):
        agent.update(random_batch(size=7))


def test_version_d_draws_no_noise_for_the_target_nor_for_acting():
    agent, batch = agent_for("act=rational", "act.version=D"), random_batch()
    assert torch.equal(agent.target(batch.states), agent.target(batch.states))
    assert not torch.equal(agent.network(batch.states), agent.network(batch.states))
    assert torch.equal(*(agent.act_with_values(batch.states.numpy(), 0.0)[1] for _ in range(2)))


def test_pixels_are_divided_by_255():
    config = compose_config(["act=relu"])
    games = make_envs(config.env, 1, (0,))
    network = make_network(config, games.frame_shape, games.stack, 6)
    pixels = torch.randint(256, (2, 4, 84, 84), dtype=torch.uint8)
    for x in (pixels, pixels.float()):
        assert torch.allclose(network(x), network.layers(pixels.float() / 255), atol=1e-6)


def test_an_update_says_mean_and_largest_q():
    agent, batch = agent_for(), random_batch()
    q = agent.network(batch.states).gather(1, batch.actions[:, None]).detach()
    measured = agent.update(batch)
    assert (measured["q_mean"], measured["q_max"]) == pytest.approx((q.mean().item(), q.max().item()))


class Tenfold(AtariNetwork):
    """A network of a user, which does more than its layers."""

    def forward(self, observations):
        return 10 * super().forward(observations)


@pytest.mark.parametrize("double", [False, True])
def test_both_networks_are_called_whole(double):
    config = compose_config(["env=Pong", f"agent={'ddqn' if double else 'dqn'}", "act=relu"])
    agent = make_agent(config, make_envs(config.env, 1, (0,)), CPU)
    batch = random_batch(4)
    batch.states, batch.next_states = torch.randint(256, (2, 4, 4, 84, 84), dtype=torch.uint8)
    plain = agent.loss(batch)[2]
    agent.network.__class__ = agent.target.__class__ = Tenfold
    gamma = config.agent.gamma * ~batch.terminated
    with torch.no_grad():
        choosing = agent.network(batch.next_states) if double else agent.target(batch.next_states)
        values = agent.target(batch.next_states).gather(1, choosing.argmax(1, keepdim=True)).squeeze(1)
        own = agent.network(batch.states).gather(1, batch.actions[:, None]).squeeze(1)
    expected = (batch.rewards.clamp(-1, 1).squeeze(1) + gamma * values - own).abs()
    found = agent.loss(batch)[2]
    assert torch.allclose(found, expected, rtol=1e-5, atol=1e-5)
    assert not torch.allclose(found, plain, rtol=1e-2)
