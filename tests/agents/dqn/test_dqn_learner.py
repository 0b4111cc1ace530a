"""How DQN plays: what its memory holds, with which epsilon, and that the target follows the network."""

from __future__ import annotations

import numpy as np
import torch

from rrn.agents import make_learner
from rrn.config.compose import compose_config
from rrn.envs import make_envs

CPU = torch.device("cpu")


def learner_for(*overrides, num_envs=1):
    config = compose_config([*overrides, f"env.num_envs={num_envs}"])
    return make_learner(config, make_envs(config.env, num_envs, (0,)), CPU)


def test_the_memory_holds_what_the_games_showed():
    """The newest frames, the first one of each game, the last one of a game that was cut off; random actions."""
    cap = ["env.frame_cap=160", "env.noop_max=0"]
    learner = learner_for("env=Pong", *cap, "agent.replay_capacity=400", "agent.warmup=200", num_envs=2)
    games, seen, starting = learner.games, ([], []), [True, True]
    plain = games.step

    def watch(actions):
        before, step = games.observations, plain(actions)
        for env, rows in enumerate(seen):
            rows.append((before[env, -1], actions[env], starting[env], False))
            if step.truncated[env]:
                rows.append((step.final_frames[env], 0, False, True))
            starting[env] = step.done[env]
        return step

    games.step = watch
    while learner.warming_up:
        learner.warmup_step()
    memory = learner.replay
    assert memory.final.sum() >= 4
    for env, rows in enumerate(seen):
        held = slice(env * memory.rows, env * memory.rows + len(rows))
        found = (memory.frames[held], memory.actions[held], memory.start[held], memory.final[held])
        assert all(np.array_equal(mine, wanted) for mine, wanted in zip(found, zip(*rows, strict=True), strict=True))
        assert len(set(memory.actions[held].tolist())) == games.num_actions


def test_it_plays_with_the_epsilon_of_the_step():
    learner, seen = learner_for("env=CartPole", "agent.epsilon_steps=1000", "agent.warmup=10"), []
    plain, learner.agent.updates = learner.agent.act, 10**6  # none is due

    def watch(observations, epsilon):
        seen.append(epsilon)
        return plain(observations, epsilon)

    learner.agent.act = watch
    while learner.warming_up:
        learner.warmup_step()
    assert seen == [1.0] * 10
    for step in (0, 500, 1000):
        learner.training_step(step, False)
    assert seen[10:] == [learner.agent.epsilon(step) for step in (0, 500, 1000)]


def test_the_target_follows_the_network_at_its_steps():
    settings = ["agent.warmup=40", "agent.train_every=1", "agent.target_every=5", "agent.batch_size=4"]
    learner = learner_for("env=CartPole", *settings)
    while learner.warming_up:
        learner.warmup_step()
    agent = learner.agent
    for step in range(12):
        learner.training_step(step, False)
        pairs = zip(agent.network.parameters(), agent.target.parameters(), strict=True)
        assert all(torch.equal(*pair) for pair in pairs) == ((step + 1) % 5 == 0)
