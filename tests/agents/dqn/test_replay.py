"""The replay memory returns what the environments showed."""

from __future__ import annotations

import numpy as np
import psutil
import pytest
import torch

from rrn.agents.dqn.replay import ReplayBuffer
from rrn.common.errors import UserError
from rrn.config.compose import compose_config
from rrn.envs import make_envs


def fill(replay, games, steps, seed=0):
    """Play randomly; by the number written as reward: state, next state, terminated, whether it was cut off."""
    generator = np.random.default_rng(seed)
    expected = {}
    observations, starting = games.observations, np.ones(games.num_envs, dtype=bool)
    for number in range(steps):
        actions = generator.integers(0, games.num_actions, games.num_envs)
        step = games.step(actions)
        keys = number * games.num_envs + np.arange(games.num_envs)
        replay.add(observations[:, -1], actions, keys, step.terminated, starting)
        cut = step.truncated & ~step.terminated
        replay.add_final(np.flatnonzero(cut), step.final_frames[cut])
        for env, key in enumerate(keys):
            following = step.observations[env]
            if step.done[env]:
                following = np.concatenate([observations[env, 1:], step.final_frames[env][None]])
            expected[key] = observations[env], int(actions[env]), following, bool(step.terminated[env]), bool(cut[env])
        observations, starting = step.observations, step.done
    return expected


def setup(name, capacity, copies, n_step=1, alpha=None, **options):
    config = compose_config([f"env={name}", *(f"env.{key}={value}" for key, value in options.items())])
    games = make_envs(config.env, copies, (3,))
    replay = ReplayBuffer(
        capacity, copies, games.frame_shape, games.frame_type, games.stack, n_step=n_step, alpha=alpha
    )
    return replay, games


@pytest.mark.parametrize(
    ("name", "copies", "options"),
    [
        ("CartPole", 3, {}),
        ("CartPole", 3, {"n_step": 3}),
        *(
            pytest.param(*case, marks=pytest.mark.slow)
            for case in [
                ("Breakout", 3, {"frame_cap": 300}),
                ("Breakout", 1, {"stack": 2}),
                ("Pong", 1, {"frame_cap": 200, "n_step": 7}),
                ("Breakout", 2, {"frame_cap": 300, "n_step": 3, "alpha": 0.5}),
            ]
        ),
    ],
)
def test_samples_are_what_the_environments_showed(name, copies, options):
    capacity, steps = 240, 280
    replay, games = setup(name, capacity, copies, **options)
    expected = fill(replay, games, steps)  # more than fit: the rings are full
    generator = torch.Generator().manual_seed(0)
    seen, cuts, ends = set(), 0, 0
    for _ in range(capacity // 10):
        batch = replay.sample(64, generator, None if replay.priorities is None else 0.4)
        for i in range(64):
            key = int(batch.rewards[i, 0])
            state, action, following, terminated, cut = expected[key]
            assert np.array_equal(batch.states[i], state)
            assert batch.actions[i] == action
            rewards = [key]
            while len(rewards) < replay.n_step and not terminated and not cut:
                rewards.append(rewards[-1] + copies)
                _, _, following, terminated, cut = expected[rewards[-1]]
            assert batch.steps[i] == len(rewards)
            assert batch.rewards[i].tolist() == rewards + [0] * (replay.n_step - len(rewards))
            assert batch.terminated[i] == terminated
            if not terminated:
                assert np.array_equal(batch.next_states[i], following)
            seen.add(key)
            cuts, ends = cuts + cut, ends + terminated
    newest = steps * copies
    assert len(seen) > 0.95 * min(capacity, newest)
    assert min(seen) >= newest - capacity - copies * (games.stack + replay.n_step - 1)
    assert ends > 0 or "frame_cap" in options
    assert cuts > 0 or "frame_cap" not in options


def test_sampling_is_uniform():
    replay = ReplayBuffer(100, 2, (2,), torch.float32, 1)
    for number in range(50):
        replay.add(np.zeros((2, 2)), np.zeros(2), 2 * number + np.arange(2), np.zeros(2), np.zeros(2))
    generator = torch.Generator().manual_seed(0)
    counts = torch.bincount(replay.sample(98_000, generator).rewards[:, 0].long(), minlength=100)
    assert (counts[98:] == 0).all()  # their next frame has not come yet
    assert counts[:98].min() > 850
    assert counts[:98].max() < 1150


def sampled_by_torch(replay, size, generator):
    """Rows, steps, rewards and terminated of uniform samples, by tensors alone."""
    added, terminated, final, rewards = map(
        torch.from_numpy, (replay.added, replay.terminated, replay.final, replay.rewards)
    )
    filled = added.clamp(max=replay.rows)
    ends, rows = filled.cumsum(0), torch.empty(0, dtype=torch.int64)
    while len(rows) < size:
        pick = torch.randint(len(replay), (size,), generator=generator)
        env = torch.searchsorted(ends, pick, right=True)
        row = pick - (ends - filled)[env]
        age = (added[env] - 1 - row) % replay.rows
        whole = (age >= replay.n_step) & (age <= filled[env] - replay.stack)
        drawn = env * replay.rows + row
        rows = torch.cat((rows, drawn[whole & ~final[drawn]]))
    rows = rows[:size]
    env, row = rows // replay.rows, rows % replay.rows
    window = env[:, None] * replay.rows + (row[:, None] + torch.arange(replay.n_step + 1)) % replay.rows
    over = terminated[window[:, :-1]] | final[window[:, 1:]]
    within = over.cumsum(1) - over.long() == 0
    terminated = (terminated[window[:, :-1]] & within).any(1)
    return rows, within.sum(1), rewards[window[:, :-1]] * within, terminated


@pytest.mark.parametrize("copies", [1, 3])
@pytest.mark.parametrize("n_step", [1, 3])
def test_samples_by_numpy_are_those_of_torch(n_step, copies):
    replay, games = setup("CartPole", 240, copies, n_step=n_step, max_episode_steps=20)
    fill(replay, games, 280)
    mine, theirs = (torch.Generator().manual_seed(4) for _ in range(2))
    for _ in range(5):
        batch, (rows, *outcomes) = replay.sample(64, mine), sampled_by_torch(replay, 64, theirs)
        assert torch.equal(batch.states[:, 0], replay.frames[rows])
        assert torch.equal(batch.actions, torch.from_numpy(replay.actions)[rows].long())
        for found, wanted in zip((batch.steps, batch.rewards, batch.terminated), outcomes, strict=True):
            assert found.dtype == wanted.dtype
            assert torch.equal(found, wanted)


@pytest.mark.parametrize(("alpha", "beta"), [(0.5, 0.4), pytest.param(None, None, marks=pytest.mark.slow)])
def test_state_comes_back(alpha, beta):
    replay, games = setup("Breakout", 400, 2, alpha=alpha, frame_cap=300)
    fill(replay, games, 300)
    if alpha:
        rows = replay.sample(200, torch.Generator().manual_seed(0), beta).rows
        replay.priorities.update(rows, torch.rand(200) + 0.1)
    state = replay.state_dict()
    twin, _ = setup("Breakout", 400, 2, alpha=alpha, frame_cap=300)
    twin.load_state_dict(state)
    mine, theirs = (r.sample(200, torch.Generator().manual_seed(1), beta) for r in (replay, twin))
    pairs = [(a, b) for a, b in zip(vars(mine).values(), vars(theirs).values(), strict=True) if a is not None]
    assert len(pairs) == (8 if alpha else 6)
    assert all(torch.equal(a, b) for a, b in pairs)
    assert sum(len(chunk) for chunks in state["frames"] for chunk in chunks) < 0.1 * replay.frames.numel()


@pytest.mark.slow
def test_memory_is_taken_as_it_fills_and_half_a_million_cost_less_than_3_7_gb():
    process = psutil.Process()
    before = process.memory_info().rss
    replay = ReplayBuffer(500_000, 1, (84, 84), torch.uint8, 4)
    assert process.memory_info().rss - before < 0.1e9
    assert sum(t.numel() * t.element_size() for t in vars(replay).values() if torch.is_tensor(t)) < 3.7e9
    frame, zero = np.ones((1, 84, 84), dtype=np.uint8), np.zeros(1)
    for _ in range(20_000):
        replay.add(frame, zero, zero, zero, zero)
    assert 0.1e9 < process.memory_info().rss - before < 0.3e9


def test_a_size_that_cannot_fit_is_refused_with_the_numbers():
    with pytest.raises(
        UserError, match=r"replay_capacity=1000000000 needs 70\d\d\.\d\d GB.*GB are free: set it to \d+"
    ):
        ReplayBuffer(1_000_000_000, 1, (84, 84), torch.uint8, 4)
