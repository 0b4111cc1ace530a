"""PPO computes what its papers say, and its rollouts hold what happened."""

from __future__ import annotations

import numpy as np
import pytest
import torch

from rrn.agents import make_learner
from rrn.agents.ppo.agent import RolloutBatch
from rrn.agents.ppo.gae import gae
from rrn.common.errors import UserError
from rrn.config.compose import compose_config
from rrn.envs import make_envs
from rrn.training.trainer import Trainer

CPU = torch.device("cpu")


def learner_for(*overrides, env="CartPole"):
    paper = ["learning_rate=2.5e-4", "epochs=4", "batch_size=256", "clip=0.1", "entropy_coef=0.01", "rollout=40"]
    settings = [f"env={env}", "env.num_envs=3", *(f"agent.{one}" for one in paper)]
    config = compose_config(["agent=ppo", *settings, *overrides])
    return make_learner(config, make_envs(config.env, config.env.num_envs, (0,)), CPU)


def samples_of(agent, size=24, seed=0):
    """Of an older policy than the agent's."""
    generator = torch.Generator().manual_seed(seed)
    observations = torch.randn(size, 1, 4, generator=generator)
    draw = lambda: torch.randn(size, generator=generator)  # noqa: E731
    log_probs = torch.rand(size, generator=generator).clamp(0.2).log()
    return RolloutBatch(observations, torch.randint(2, (size,), generator=generator), log_probs, draw(), draw(), draw())


def test_advantages_are_the_sum_over_all_later_steps():
    """Step by step from the definition (Schulman et al. 2016, eq. 16), within each episode."""
    generator = torch.Generator().manual_seed(0)
    steps, envs, gamma, lam = 20, 3, 0.9, 0.8
    rewards, values = torch.randn(2, steps, envs, generator=generator)
    over = torch.rand(steps, envs, generator=generator) < 0.2
    last = torch.randn(envs, generator=generator)
    found = gae(rewards, values, over, last, gamma, lam)
    for env in range(envs):
        for t in range(steps):
            total, weight = 0.0, 1.0
            for k in range(t, steps):
                following = last[env] if k + 1 == steps else values[k + 1, env]
                following = 0.0 if over[k, env] else following
                total += weight * (rewards[k, env] + gamma * following - values[k, env]).item()
                weight *= gamma * lam
                if over[k, env]:
                    break
            assert found[t, env].item() == pytest.approx(total, abs=1e-5)


def test_advantages_by_numpy_have_the_bits_of_torch():
    generator = torch.Generator().manual_seed(1)
    rewards, values = torch.randn(2, 40, 5, generator=generator)
    over, last = torch.rand(40, 5, generator=generator) < 0.2, torch.randn(5, generator=generator)
    next_values, advantage, wanted = last, torch.zeros(5), torch.empty(40, 5)
    for t in reversed(range(40)):
        goes_on = (~over[t]).float()
        advantage = rewards[t] + 0.99 * next_values * goes_on - values[t] + 0.99 * 0.95 * goes_on * advantage
        wanted[t], next_values = advantage, values[t]
    assert torch.equal(gae(rewards, values, over, last, 0.99, 0.95), wanted)


@pytest.mark.parametrize("clip_value", [False, True])
@pytest.mark.parametrize("normalise", [False, True])
def test_loss_is_that_of_the_paper(clip_value, normalise):
    """Sample by sample, in plain numbers (Schulman et al. 2017, eq. 7 and 9)."""
    agent = learner_for(f"agent.clip_value={clip_value}", f"agent.normalise_advantages={normalise}").agent
    samples, clip = samples_of(agent), 0.2
    loss, parts = agent.loss(samples, clip)
    estimates = samples.advantages.double().numpy()
    if normalise:
        estimates = (estimates - estimates.mean()) / (estimates.std(ddof=1) + 1e-8)
    surrogate, value_loss, entropy, clipped = [], [], [], 0
    for i, estimate in enumerate(estimates):
        outputs = agent.network(samples.observations[i : i + 1])[0].tolist()
        exponents = np.exp(outputs[:-1])
        chances = exponents / exponents.sum()
        ratio = chances[samples.actions[i]] / np.exp(samples.log_probs[i].item())
        near = min(max(ratio, 1 - clip), 1 + clip)
        clipped += near != ratio
        surrogate.append(min(ratio * estimate, near * estimate))
        entropy.append(-(chances * np.log(chances)).sum())
        old, aim = samples.values[i].item(), samples.returns[i].item()
        errors = [(outputs[-1] - aim) ** 2]
        if clip_value:
            errors.append((old + min(max(outputs[-1] - old, -clip), clip) - aim) ** 2)
        value_loss.append(max(errors))
    assert 0 < clipped < 24
    assert parts["clip_fraction"].item() == pytest.approx(clipped / 24)
    expected = -np.mean(surrogate) + 0.5 * np.mean(value_loss) - 0.01 * np.mean(entropy)
    assert loss.item() == pytest.approx(expected, rel=1e-4)


@pytest.mark.parametrize("env", ["CartPole", "Breakout"])
def test_a_rollout_holds_what_the_games_showed(env):
    """Observations, actions and clipped rewards; the end of an episode, be it a lost life, cuts the estimate."""
    learner = learner_for("agent.rollout=60", env=env)
    twin = make_envs(compose_config([f"env={env}"]).env, 3, (0,))
    observations, finished = twin.observations, []
    got = learner._collect()
    for t in range(60):
        assert np.array_equal(learner.observations[t], observations)
        step = twin.step(learner.actions[t].numpy())
        expected = np.clip(step.rewards, -1, 1) if env == "Breakout" else step.rewards
        assert np.array_equal(learner.rewards[t], expected)
        assert np.array_equal(learner.dones[t], step.terminated | step.truncated)
        observations, finished = step.observations, finished + step.episodes
    assert [g.score for g in got] == [g.score for g in finished]
    assert learner.dones.any()
    log_probs, values = learner.log_probs.clone(), learner.values.clone()
    logits, expected = learner.agent.outputs_and_values(learner.observations.flatten(0, 1))
    assert torch.allclose(values.flatten(), expected, atol=1e-5)
    chosen = logits.log_softmax(1).gather(1, learner.actions.flatten()[:, None]).squeeze(1)
    assert torch.allclose(log_probs.flatten(), chosen, atol=1e-5)


def test_a_game_that_is_cut_off_goes_on_in_its_value():
    """At the time limit the value of the last observation is added to the reward."""
    learner = learner_for("env.frame_cap=160", "agent.rollout=50", "env.noop_max=0", env="Pong")
    twin = make_envs(compose_config(["env=Pong", "env.frame_cap=160", "env.noop_max=0"]).env, 3, (0,))
    learner._collect()
    cut = 0
    for t in range(50):
        before = twin.observations.copy()
        step = twin.step(learner.actions[t].numpy())
        for env in np.flatnonzero(step.truncated & ~step.terminated):
            cut += 1
            last = np.concatenate((before[env, 1:], step.final_frames[env][None]))
            value = learner.agent.value(torch.from_numpy(last)[None]).item()
            assert value != 0
            assert learner.rewards[t, env].item() == pytest.approx(step.rewards[env] + 0.99 * value, abs=1e-5)
            assert learner.dones[t, env]
    assert cut >= 3


def test_each_epoch_goes_through_the_whole_rollout_and_the_rates_fall():
    learner = learner_for("agent.epochs=3", "agent.batch_size=50", "steps=1200", "agent.learning_rate=1e-2")
    agent, seen = learner.agent, []
    plain = agent.loss

    def watch(samples, clip):
        seen.append((samples.observations.flatten(1).sum(1), clip, agent.optimiser.param_groups[0]["lr"]))
        return plain(samples, clip)

    agent.loss = watch
    learner.training_step(600, False)  # half of the training is left
    assert [len(rows) for rows, _, _ in seen] == [50, 50, 20] * 3
    everything = learner.observations.flatten(0, 1).flatten(1).sum(1).sort().values
    for epoch in range(3):
        rows = torch.cat([rows for rows, _, _ in seen[3 * epoch : 3 * epoch + 3]])
        assert torch.equal(rows.sort().values, everything)
    assert {clip for _, clip, _ in seen} == {0.05}
    assert {lr for _, _, lr in seen} == {5e-3}
    assert agent.updates == 9
    constant = learner_for("agent.anneal=false", "steps=1200")
    assert constant.schedules(600) == {"learning_rate": 2.5e-4, "clip": 0.1}
    assert learner.schedules(1200) == {"learning_rate": 5e-3, "clip": 0.05}  # those of the updates, after them


def test_weights_are_orthogonal():
    layers = learner_for(env="Pong").agent.network.layers
    for name, gain in (("conv1", 2**0.5), ("conv3", 2**0.5), ("hidden", 2**0.5)):
        weight = getattr(layers, name).weight.detach().flatten(1)
        assert torch.allclose(weight @ weight.T, gain**2 * torch.eye(len(weight)), atol=1e-4)
    policy, value = layers.output.weight.detach().split([6, 1])
    assert torch.allclose(policy @ policy.T, 0.01**2 * torch.eye(6), atol=1e-7)
    assert value.norm().item() == pytest.approx(1.0, abs=1e-5)
    assert all(not module.bias.any() for module in layers if hasattr(module, "bias"))


def test_actions_are_drawn_from_the_policy():
    agent = learner_for().agent
    with torch.no_grad():
        agent.network.layers.output.weight.mul_(200)
    observation = torch.randn(1, 1, 4)
    chances = agent.outputs_and_values(observation)[0].softmax(1)[0]
    assert 0.02 < chances[0] < 0.98
    many = observation.expand(20_000, 1, 4).numpy()
    assert agent.act(many, 0.0).mean() == pytest.approx(chances[1].item(), abs=0.015)
    mixed = 0.5 * chances[1].item() + 0.25
    assert agent.act(many, 0.5).mean() == pytest.approx(mixed, abs=0.015)


def test_a_policy_that_is_not_finite_ends_the_run_with_a_sentence(tmp_path):
    config = compose_config(["agent=ppo", "env=CartPole", "experiment=smoke", "device=cpu", f"run_dir={tmp_path}"])
    trainer = Trainer(config, tmp_path, lambda: False)
    with torch.no_grad():
        trainer.agent.network.layers.hidden2.weight.fill_(3e38)  # finite, but what comes out of it is not
    with pytest.raises(UserError, match=r"the policy is not finite at step 0; .* in layer hidden2, output"):
        trainer.run()
    assert "observations" in torch.load(tmp_path / "not_finite.pt", weights_only=True)["batch"]


@pytest.mark.slow
def test_it_learns(tmp_path):
    """CartPole: random play lasts 20 steps, after this training 92 to 214 by seed and processor."""
    run = ["steps=20000", "evaluation.every=20000", "log_every=5000", f"run_dir={tmp_path}", "device=cpu"]
    config = compose_config(["agent=ppo", "env=CartPole", *run])
    trainer = Trainer(config, tmp_path, lambda: False)
    assert trainer.run()
    assert trainer.last["evaluation"] > 60


def test_learning_rate_of_the_coefficients_falls_too():
    agent = learner_for("act=rational", "act.lr=0.5").agent
    agent.update(samples_of(agent), fraction=0.5)
    assert [group["lr"] for group in agent.optimiser.param_groups] == [1.25e-4, 0.25]


def test_a_rollout_becomes_samples_with_advantages_and_returns():
    learner = learner_for("agent.gamma=0.9", "agent.gae_lambda=0.5")
    learner._collect()
    samples = learner._samples()
    last = learner.agent.value(torch.from_numpy(learner.games.observations))
    wanted = gae(learner.rewards, learner.values, learner.dones, last, gamma=0.9, lam=0.5)
    assert torch.allclose(samples.advantages, wanted.flatten())
    assert torch.allclose(samples.returns, (wanted + learner.values).flatten())
    missed = ((samples.returns - samples.values).var() / samples.returns.var()).item()
    assert learner.pop_values()["explained_variance"] == pytest.approx(1 - missed, abs=1e-5)


def test_version_d_draws_no_noise_in_a_rollout():
    learner, seen = learner_for("act=rational", "act.version=D"), []
    learner.agent.update = lambda samples, *rest: seen.append(samples) or []
    learner.training_step(0, False)
    learner.agent.network.eval()
    assert torch.allclose(seen[0].values, learner.agent.outputs_and_values(seen[0].observations)[1], atol=1e-6)


def test_the_divergence_is_that_of_the_ratios():
    agent = learner_for().agent
    samples = samples_of(agent)
    log_policy = agent.outputs_and_values(samples.observations)[0].log_softmax(1).detach()
    ratio = (log_policy.gather(1, samples.actions[:, None])[:, 0] - samples.log_probs).double().exp()
    kl = agent.loss(samples, 0.2)[1]["approx_kl"].item()
    assert kl == pytest.approx((ratio - 1 - ratio.log()).mean().item(), rel=1e-4)
