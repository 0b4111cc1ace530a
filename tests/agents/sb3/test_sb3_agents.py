"""agent=sb3_dqn and agent=sb3_ppo: our games and loop around stable-baselines3, and our own updates beside theirs."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from helpers.marks import slow
from helpers.small_runs import cartpole, pong
from stable_baselines3 import DQN, PPO
from stable_baselines3.common.type_aliases import ReplayBufferSamples

from rrn.agents import make_agent, make_learner
from rrn.agents.ppo.agent import RolloutBatch
from rrn.agents.ppo.gae import gae
from rrn.common.errors import UserError
from rrn.config.compose import compose_config
from rrn.envs import make_envs
from rrn.runs import checkpoint

CPU = torch.device("cpu")
OURS = {"dqn": "sb3_dqn", "ppo": "sb3_ppo"}


def learner_for(agent, *overrides, env="Pong", copies=2):
    small = ["agent.buffer_size=500", "agent.learning_starts=100"] if agent == "sb3_dqn" else []
    small += ["agent.n_steps=20", "agent.batch_size=10"] if agent == "sb3_ppo" else []
    config = compose_config([f"agent={agent}", f"env={env}", f"env.num_envs={copies}", *small, *overrides])
    return make_learner(config, make_envs(config.env, copies, (0,)), CPU)


def copy_weights(model, network, heads) -> None:
    """From a policy of stable-baselines3 to a network of ours; `heads` are its last layers."""
    network.layers.load_state_dict(model.features_extractor.layers.state_dict(), strict=False)
    with torch.no_grad():
        network.layers.output.weight.copy_(torch.cat([head.weight for head in heads]))
        network.layers.output.bias.copy_(torch.cat([head.bias for head in heads]))


def largest_difference(model, network, heads) -> float:
    theirs = dict(model.features_extractor.layers.named_parameters())
    ours = dict(network.layers.named_parameters())
    differences = [(ours[name] - value).abs().max() for name, value in theirs.items()]
    differences.append((ours["output.weight"] - torch.cat([head.weight for head in heads])).abs().max())
    return max(difference.item() for difference in differences)


@pytest.mark.slow
@pytest.mark.parametrize("act", ["relu", "recurrent_rational"])
def test_20_updates_of_dqn_equal_those_of_stable_baselines3(act):
    """The same algorithm: no clipping of the gradient, the same weights and batches of real transitions."""
    ours = learner_for(
        *("dqn", f"act={act}", "agent.learning_rate=1e-4", "agent.replay_capacity=500", "agent.warmup=400")
    )
    theirs = learner_for("sb3_dqn", f"act={act}", "agent.max_grad_norm=1e30")
    while ours.warming_up:
        ours.warmup_step()
    model, network = theirs.model, ours.agent.network
    heads = [model.q_net.q_net[0]]
    with torch.no_grad():  # a target unlike the network, and values that differ enough to learn from
        for parameter in model.q_net_target.parameters():
            parameter.add_(torch.randn_like(parameter) * 0.02)
        heads[0].weight.mul_(3)
    copy_weights(model.q_net, network, heads)
    copy_weights(model.q_net_target, ours.agent.target, [model.q_net_target.q_net[0]])
    generator = torch.Generator().manual_seed(1)
    before = largest_difference(model.q_net, ours.agent.target, heads)
    for number in range(20):
        batch = ours.replay.sample(32, generator)
        seen = ReplayBufferSamples(
            batch.states.float(),
            batch.actions[:, None],
            batch.next_states.float(),
            batch.terminated.float()[:, None],
            batch.rewards.clamp(-1, 1),
        )
        model.replay_buffer.sample = lambda size, env, seen=seen: seen
        model.train(gradient_steps=1, batch_size=32)
        measured = ours.agent.update(batch)
        assert measured["loss"] == pytest.approx(model.logger.name_to_value["train/loss"], rel=1e-4)
        if number == 9:
            model.q_net_target.load_state_dict(model.q_net.state_dict())
            ours.agent.copy_target()
    moved = largest_difference(model.q_net, ours.agent.target, heads)
    assert moved > 4e-4
    assert largest_difference(model.q_net, network, heads) < 0.02 * moved
    assert before > 0


@pytest.mark.slow
@pytest.mark.parametrize("act", ["relu", "recurrent_rational"])
def test_20_updates_of_ppo_equal_those_of_stable_baselines3(act, monkeypatch):
    """On one rollout of theirs: the same estimates, the same minibatches, the same weights afterwards."""
    steps, copies = 50, 2
    theirs = learner_for(
        *("sb3_ppo", f"act={act}", f"agent.n_steps={steps}", "agent.batch_size=20", "agent.anneal=false")
    )
    ours = learner_for("ppo", f"act={act}", f"agent.rollout={steps}", "agent.batch_size=20", "agent.anneal=false")
    model, agent = theirs.model, ours.agent
    heads = [model.policy.action_net, model.policy.value_net]
    copy_weights(model.policy, agent.network, heads)
    start = agent.network.layers.hidden.weight.detach().clone()
    theirs._collect()
    buffer = model.rollout_buffer
    buffer.rewards[:] = np.random.default_rng(0).normal(size=buffer.rewards.shape)  # the first steps of Pong have none
    last = torch.from_numpy(theirs.games.observations)
    ends = torch.from_numpy(model._last_episode_starts)
    with torch.no_grad():
        buffer.compute_returns_and_advantage(model.policy.predict_values(last), model._last_episode_starts)
    values, rewards = torch.from_numpy(buffer.values.copy()), torch.from_numpy(buffer.rewards.copy())
    over = torch.cat((torch.from_numpy(buffer.episode_starts[1:]) > 0, ends[None]))
    estimates = gae(rewards, values, over, agent.value(last), 0.99, 0.95)
    assert torch.allclose(estimates, torch.from_numpy(buffer.advantages), atol=1e-5)
    parts = (
        torch.from_numpy(buffer.observations.copy()),
        torch.from_numpy(buffer.actions.copy()).long().squeeze(-1),
        torch.from_numpy(buffer.log_probs.copy()),
        values,
        estimates,
        estimates + values,
    )
    orders = [np.random.default_rng(epoch).permutation(steps * copies) for epoch in range(4)]
    left = iter(orders)
    monkeypatch.setattr(np.random, "permutation", lambda size: next(left))
    # theirs are numbered game by game, ours step by step
    mine = iter([torch.from_numpy(order % steps * copies + order // steps) for order in orders])
    monkeypatch.setattr(torch, "randperm", lambda size, generator: next(mine))
    model.train()
    measured = agent.update(RolloutBatch(*(part.flatten(0, 1) for part in parts)))
    assert len(measured) == 20
    assert measured[-1]["loss"] == pytest.approx(model.logger.name_to_value["train/loss"], rel=1e-3)
    moved = (agent.network.layers.hidden.weight - start).abs().max().item()
    assert moved > 1e-3
    assert largest_difference(model.policy, agent.network, heads) < 0.02 * moved


@pytest.mark.parametrize("env", ["MinAtar-Breakout", *slow("Breakout")])
def test_the_games_are_ours_and_a_lost_life_is_done(env):
    learner = learner_for("sb3_dqn", env=env)
    games = learner.model.env
    twin = make_envs(compose_config([f"env={env}"]).env, 2, (0,))
    lost = ended = 0
    for actions in np.random.default_rng(0).integers(0, twin.num_actions, (600, 2)):
        before = twin.observations.copy()
        step = twin.step(actions)
        seen, rewards, done, infos = games.step(actions)
        shape = games.observation_space.shape
        assert np.array_equal(seen, step.observations.reshape(2, *shape))
        assert games.observation_space.contains(seen[0])
        assert np.array_equal(rewards, np.clip(step.rewards, -1, 1) if env == "Breakout" else step.rewards)
        assert np.array_equal(done, step.terminated | step.truncated)
        for env_number in np.flatnonzero(done):
            last = infos[env_number]["terminal_observation"].reshape(before[0].shape)
            if step.done[env_number]:
                ended += 1
                assert np.array_equal(last[-1], step.final_frames[env_number])
                assert np.array_equal(last[:-1], before[env_number, 1:])
            else:
                lost += 1
                assert np.array_equal(last, step.observations[env_number])
    assert ended > 0
    assert lost > 0 or env != "Breakout"


@pytest.mark.slow
@pytest.mark.parametrize("agent", ["sb3_dqn", "sb3_ppo"])
def test_the_zip_beside_a_checkpoint_is_for_stable_baselines3_and_plays_alike(trained_run, agent):
    """In a process that imports stable-baselines3 only, too: tests/test_sb3.py."""
    folder = trained_run(*pong(agent, "recurrent_rational"))
    assert len(list((folder / "checkpoints").glob("*.zip"))) == len(checkpoint.find(folder / "checkpoints")) == 2
    path, state = checkpoint.load_last(folder / "checkpoints")
    config = compose_config(["experiment=smoke", f"agent={agent}", "env=Pong", "act=recurrent_rational"])
    ours = make_agent(config, make_envs(config.env, 1, (0,)), CPU)
    ours.load_state_dict(state["agent"])
    observations = np.random.default_rng(0).integers(0, 256, (20, 4, 84, 84), dtype=np.uint8)
    theirs = (DQN if agent == "sb3_dqn" else PPO).load(path.with_suffix(".zip"), device="cpu")
    with torch.no_grad():
        seen = ours._seen(torch.from_numpy(observations))
        values = ours.policy(seen) if agent == "sb3_dqn" else ours.policy.get_distribution(seen).distribution.logits
    assert np.array_equal(theirs.predict(observations, deterministic=True)[0], values.argmax(1).numpy())


@pytest.mark.slow
@pytest.mark.parametrize("agent", ["sb3_dqn", "sb3_ppo"])
def test_frozen_coefficients_and_those_of_another_run(trained_run, train_here, agent):
    source = trained_run(*cartpole(agent, "rational", "seed=1", "steps=50"))
    taken = train_here(*cartpole(agent, "rational", "steps=50", f"act.from={source}"))
    states = [checkpoint.load_last(folder / "checkpoints")[1]["agent"]["network"] for folder in (source, taken)]
    for place in ("act1", "act2"):
        name = f"layers.{place}.numerator"
        assert torch.equal(states[0][name], states[1][name])
    assert not torch.equal(states[0]["layers.hidden1.weight"], states[1]["layers.hidden1.weight"])


def test_what_stable_baselines3_has_not_is_refused():
    with pytest.raises(UserError, match=r"act\.lr: stable-baselines3 sets one learning rate"):
        learner_for("sb3_dqn", "act=rational", "act.lr=1e-3")
    with pytest.raises(UserError, match=r"act\.share: expected 4 numbers"):
        learner_for("sb3_dqn", "act=rational", "act.share=[1,2]")
    with pytest.raises(UserError, match=r"agent: stable-baselines3 says: .*batch_size"):
        learner_for("sb3_ppo", "agent.batch_size=1", env="CartPole")


@pytest.mark.parametrize("validate", [True, False])  # torch._dynamo, once loaded, switches torch's own check off
def test_a_loss_that_is_not_finite_stops_the_run(validate, monkeypatch):
    monkeypatch.setattr(torch.distributions.Distribution, "_validate_args", validate)
    learner = learner_for("sb3_ppo", env="CartPole")
    with torch.no_grad():
        learner.model.policy.value_net.weight.fill_(float("inf"))
    with pytest.raises(UserError, match=r"is not finite.*; try a smaller"):  # the loss, or after an update the policy
        learner.training_step(0, False)
    learner = learner_for("sb3_ppo", env="CartPole")
    with torch.no_grad():
        learner.model.policy.action_net.weight.fill_(3e38)  # finite, but what comes out of it is not
    with pytest.raises(UserError, match="the policy is not finite, its network gives NaN or inf; try a smaller"):
        learner.training_step(0, False)
    with pytest.raises(UserError, match="the policy is not finite"):
        learner.agent.act(learner.games.observations, 0.0)


def test_games_of_random_play_are_not_those_of_training():
    learner = learner_for("sb3_dqn", "agent.learning_starts=200", env="CartPole")
    while learner.warming_up:
        learner.warmup_step()
    assert learner.model.num_timesteps >= 200
    assert learner.model.env.finished == []
