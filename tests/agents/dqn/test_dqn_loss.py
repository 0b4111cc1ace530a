"""The loss of DQN and of its variants is the one of the papers."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from helpers.small_agents import agent_for, random_batch


@pytest.mark.parametrize("agent", ["dqn", "ddqn"])
@pytest.mark.parametrize("clip", [False, True])
@pytest.mark.parametrize("dueling", [False, True])
@pytest.mark.parametrize("n_step", [1, 3])
@pytest.mark.parametrize("distributional", [False, True])
def test_loss_is_that_of_the_papers(agent, clip, dueling, n_step, distributional):
    """Transition by transition, in plain numbers.

    Mnih et al. 2015, algorithm 1; van Hasselt et al. 2016, eq. 4; Wang et al. 2016, eq. 9; Hessel et al. 2018,
    multi-step learning; Bellemare et al. 2017, algorithm 1.
    """
    double = agent == "ddqn"
    switches = [f"agent={agent}", f"agent.dueling={dueling}", f"agent.n_step={n_step}"]
    atoms = np.linspace(-2, 5, 8)
    switches += [f"agent.distributional={distributional}", "agent.atoms=8", "agent.value_range=[-2,5]"]
    agent = agent_for(*switches, f"env.clip_rewards={clip}", "agent.gamma=0.9")
    with torch.no_grad():
        for parameter in (*agent.target.parameters(), *agent.network.parameters()):
            parameter.add_(torch.randn_like(parameter) * 0.1)

    def look(network, state):  # [actions, atoms] or [actions, 1]
        rows = network(state[None])[0].detach().double().numpy().reshape(2 + dueling, -1)
        return rows[2] + rows[:2] - rows[:2].mean(0) if dueling else rows

    def softmax(row):
        return np.exp(row) / np.exp(row).sum()

    def value(rows):
        return np.array([softmax(row) @ atoms for row in rows]) if distributional else rows[:, 0]

    batch = random_batch(n_step=n_step)
    losses, predicted, wanted_errors = [], [], []
    for i in range(16):
        now, follow = look(agent.network, batch.states[i]), look(agent.target, batch.next_states[i])
        best = value(look(agent.network, batch.next_states[i]) if double else follow).argmax()
        rewards = [min(max(r, -1), 1) if clip else r for r in batch.rewards[i].tolist()]
        returned = sum(0.9**k * rewards[k] for k in range(batch.steps[i]))
        discount = 0 if batch.terminated[i] else 0.9 ** batch.steps[i].item()
        predicted.append(value(now)[batch.actions[i]])
        if distributional:
            aim = np.zeros(8)
            for atom, probability in zip(atoms, softmax(follow[best]), strict=True):
                place = min(max(returned + discount * atom, -2), 5) + 2  # the atoms are 1 apart
                low, high = int(np.floor(place)), int(np.ceil(place))
                aim[low] += probability * (1 - (place - low))
                aim[high] += probability * (place - low)
            losses.append(-aim @ np.log(softmax(now[batch.actions[i]])))
            some = aim > 0
            wanted_errors.append(aim[some] @ np.log(aim[some] / softmax(now[batch.actions[i]])[some]))
        else:
            error = abs(returned + discount * value(follow)[best] - predicted[-1])
            losses.append(0.5 * error**2 if error < 1 else error - 0.5)
            wanted_errors.append(error)
    loss, q, errors = agent.loss(batch)
    assert loss.item() == pytest.approx(np.mean(losses), rel=1e-5)
    assert errors.numpy() == pytest.approx(np.array(wanted_errors), rel=1e-4, abs=1e-5)
    batch.weights = torch.rand(16)
    assert agent.loss(batch)[0].item() == pytest.approx(np.mean(losses * batch.weights.numpy()), rel=1e-5)
    assert q.numpy() == pytest.approx(np.array(predicted), rel=1e-4, abs=1e-5)
    actions, values = agent.select_actions(batch.states, torch.Generator())
    wanted = np.array([value(look(agent.network, state)) for state in batch.states])
    assert np.array_equal(actions, wanted.argmax(1))
    assert values.detach().numpy() == pytest.approx(wanted.max(1), rel=1e-4, abs=1e-5)
