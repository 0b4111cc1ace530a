"""PQN computes what its paper says, and its rollouts hold what happened."""

from __future__ import annotations

import numpy as np
import pytest
import torch

from rrn.agents import make_learner
from rrn.agents.pqn.returns import lambda_returns
from rrn.common.errors import UserError
from rrn.config.compose import compose_config
from rrn.envs import make_envs
from rrn.training.trainer import Trainer

CPU = torch.device("cpu")


def learner_for(*overrides, env="CartPole"):
    settings = [f"env={env}", "env.num_envs=3", "agent.learning_rate=2.5e-4", "agent.rollout=40"]
    config = compose_config(["agent=pqn", *settings, *overrides])
    return make_learner(config, make_envs(config.env, config.env.num_envs, (0,)), CPU)


def samples_of(agent, size=24):
    generator = torch.Generator().manual_seed(0)
    observations, returns = torch.randn(size, 1, 4, generator=generator), torch.randn(size, generator=generator)
    return observations, torch.randint(2, (size,), generator=generator), returns


@pytest.mark.parametrize("lam", [0.0, 0.65, 1.0])
def test_returns_are_the_weighted_means_of_those_of_all_numbers_of_steps(lam):
    """The forward view: (1 - lam) lam^(n-1) of the n-step return, and the rest of the longest one."""
    generator = torch.Generator().manual_seed(0)
    steps, envs, gamma = 20, 3, 0.9
    rewards, values = torch.randn(2, steps, envs, generator=generator, dtype=torch.float64)
    over = torch.rand(steps, envs, generator=generator) < 0.2
    last = torch.randn(envs, generator=generator, dtype=torch.float64)
    found = lambda_returns(rewards, values, over, last, gamma, lam)
    states = torch.cat((values, last[None]))
    for env in range(envs):
        for t in range(steps):
            ends = next((k + 1 for k in range(t, steps) if over[k, env]), steps)
            total, rest = 0.0, 1.0
            for end in range(t + 1, ends + 1):
                n_step = sum(gamma ** (k - t) * rewards[k, env].item() for k in range(t, end))
                if not over[end - 1, env]:
                    n_step += gamma ** (end - t) * states[end, env].item()
                weight = rest if end == ends else (1 - lam) * rest
                total, rest = total + weight * n_step, rest - weight
            assert found[t, env].item() == pytest.approx(total, abs=1e-9)


def test_loss_is_half_the_squared_error_of_the_action_taken():
    agent = learner_for().agent
    observations, actions, returns = samples_of(agent)
    loss, q = agent.loss(observations, actions, returns)
    plain = [agent.network(observations[i : i + 1])[0, action].item() for i, action in enumerate(actions.tolist())]
    assert q.tolist() == pytest.approx(plain, abs=1e-5)
    errors = [(value - target) ** 2 for value, target in zip(plain, returns.tolist(), strict=True)]
    assert loss.item() == pytest.approx(0.5 * np.mean(errors), rel=1e-5)


@pytest.mark.parametrize("env", ["CartPole", pytest.param("Breakout", marks=pytest.mark.slow), "MinAtar-Breakout"])
def test_a_rollout_holds_what_the_games_showed(env):
    """Observations, actions, clipped rewards and ends; the values are the largest Q-values, of random actions too."""
    learner = learner_for("agent.rollout=60", "agent.epsilon_steps=100", env=env)
    twin = make_envs(compose_config([f"env={env}"]).env, 3, (0,))
    observations, finished = twin.observations, []
    got = learner._collect(0)
    for t in range(60):
        assert np.array_equal(learner.observations[t], observations)
        step = twin.step(learner.actions[t].numpy())
        expected = np.clip(step.rewards, -1, 1) if env == "Breakout" else step.rewards
        assert np.array_equal(learner.rewards[t], expected)
        assert np.array_equal(learner.dones[t], step.terminated | step.truncated)
        observations, finished = step.observations, finished + step.episodes
    assert [g.score for g in got] == [g.score for g in finished]
    assert learner.dones.any()
    q = learner.agent.forward(learner.observations.flatten(0, 1)).unflatten(0, (60, 3))
    assert torch.allclose(learner.values, q.amax(2), atol=1e-4)
    greedy = learner.actions == q.argmax(2)
    assert not greedy[:20].all()
    assert greedy[40:].float().mean() > 0.8


def test_the_targets_of_a_rollout_are_its_lambda_returns():
    learner = learner_for("agent.gamma=0.9", "agent.q_lambda=0.5")
    learner._collect(0)
    last = learner.agent.value(torch.from_numpy(learner.games.observations))
    wanted = lambda_returns(learner.rewards, learner.values, learner.dones, last, gamma=0.9, lam=0.5)
    assert torch.equal(learner._returns(), wanted)


@pytest.mark.parametrize(
    "game",
    [
        ["env=MinAtar-Freeway", "env.step_cap=20"],
        pytest.param(["env=Pong", "env.frame_cap=160", "env.noop_max=0"], marks=pytest.mark.slow),
    ],
)
def test_a_game_that_is_cut_off_goes_on_in_its_value(game):
    """At the time limit the largest Q-value of the last observation is bootstrapped, whole, and nothing later."""
    learner = learner_for("agent.rollout=50", *game)
    twin = make_envs(compose_config(game).env, 3, (0,))
    learner._collect(0)
    returns, cut = learner._returns(), 0
    for t in range(50):
        before = twin.observations.copy()
        step = twin.step(learner.actions[t].numpy())
        for env in np.flatnonzero(step.truncated & ~step.terminated):
            cut += 1
            last = np.concatenate((before[env, 1:], step.final_frames[env][None]))
            value = learner.agent.value(torch.from_numpy(last)[None]).item()
            assert value != 0
            assert returns[t, env].item() == pytest.approx(step.rewards[env] + 0.99 * value, abs=1e-4)
    assert cut >= 3


def test_each_epoch_goes_through_the_whole_rollout_and_the_rate_falls():
    learner = learner_for("agent.epochs=3", "agent.batch_size=50", "steps=1200", "agent.learning_rate=1e-2")
    agent, seen = learner.agent, []
    plain = agent.loss

    def watch(observations, *others):
        seen.append((observations.flatten(1).sum(1), agent.optimiser.param_groups[0]["lr"]))
        return plain(observations, *others)

    agent.loss = watch
    learner.training_step(600, False)  # half of the training is left
    assert [len(rows) for rows, _ in seen] == [50, 50, 20] * 3
    everything = learner.observations.flatten(0, 1).flatten(1).sum(1).sort().values
    for epoch in range(3):
        rows = torch.cat([rows for rows, _ in seen[3 * epoch : 3 * epoch + 3]])
        assert torch.equal(rows.sort().values, everything)
    assert {lr for _, lr in seen} == {5e-3}
    assert agent.updates == 9
    assert learner.schedules(1200)["learning_rate"] == 5e-3  # that of the updates, after them
    assert learner_for("agent.anneal=false", "steps=1200").schedules(600)["learning_rate"] == 2.5e-4


def test_epsilon_falls_within_a_rollout():
    learner, seen = learner_for("agent.epsilon_steps=240"), []
    plain = learner.agent.act_with_values
    learner.agent.act_with_values = lambda observations, epsilon: seen.append(epsilon) or plain(observations, epsilon)
    learner._collect(120)
    assert seen == pytest.approx([1 - 0.95 * (120 + 3 * t) / 240 for t in range(40)])
    assert learner.schedules(1000)["epsilon"] == pytest.approx(0.05)


def test_its_network_has_layer_normalisation_where_the_user_sets_no_norm():
    words = ["agent=pqn", "env=CartPole", "act=relu"]
    usual, without = compose_config(words), compose_config([*words, "network.norm=null"])
    assert (usual.network.norm, usual.run_dir) == ("layer", "runs/CartPole/pqn-relu/seed0")
    assert (without.network.norm, without.run_dir) == (None, "runs/CartPole/pqn-relu-nonorm/seed0")
    names = [name for name, _ in learner_for("act=relu").agent.network.layers.named_children()]
    assert names == ["flatten", "hidden1", "norm1", "act1", "hidden2", "norm2", "act2", "output"]


def test_learning_rate_of_the_coefficients_falls_too():
    agent = learner_for("act=rational", "act.lr=0.5").agent
    agent.update(*samples_of(agent), fraction=0.5)
    assert [group["lr"] for group in agent.optimiser.param_groups] == [1.25e-4, 0.25]


def test_version_d_draws_no_noise_in_a_rollout():
    learner = learner_for("act=rational", "act.version=D", "agent.epsilon_start=0.5")
    learner.agent.update = lambda *rest: []
    learner.training_step(0, False)
    learner.agent.network.eval()
    q = learner.agent.value(learner.observations.flatten(0, 1))
    assert torch.allclose(learner.values.flatten(), q, atol=1e-5)


def test_values_that_are_not_finite_end_the_run_with_a_sentence(tmp_path):
    config = compose_config(["agent=pqn", "env=CartPole", "experiment=smoke", "device=cpu", f"run_dir={tmp_path}"])
    trainer = Trainer(config, tmp_path, lambda: False)
    with torch.no_grad():
        trainer.agent.network.layers.output.weight.fill_(3e38)
    with pytest.raises(UserError, match=r"the loss is not finite at step 50; "):
        trainer.run()
    assert "returns" in torch.load(tmp_path / "not_finite.pt", weights_only=True)["batch"]


@pytest.mark.slow
def test_it_learns(tmp_path):
    """CartPole: random play lasts 20 steps, after this training 168 to 283 with seeds 0, 1 and 2."""
    run = ["steps=20000", "evaluation.every=20000", "log_every=5000", f"run_dir={tmp_path}", "device=cpu", "act=relu"]
    config = compose_config(["agent=pqn", "env=CartPole", *run])
    trainer = Trainer(config, tmp_path, lambda: False)
    assert trainer.run()
    assert trainer.last["evaluation"] > 100
