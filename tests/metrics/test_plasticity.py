"""Measures of plasticity against values worked out by hand, and that every agent and activation has them."""

from __future__ import annotations

import math
from itertools import pairwise

import numpy as np
import pytest
import torch
from helpers.scalars import read_scalars
from helpers.small_runs import CARTPOLE, PLAYERS, cartpole
from torch import nn

import rrn
from rrn.activations.inspection.histogram import Histogram
from rrn.activations.inspection.snapshots import Snapshot, read_snapshots
from rrn.activations.registry import ACTIVATIONS, make_activations
from rrn.agents import make_agent, make_learner
from rrn.config.compose import compose_config
from rrn.envs import Episode, Step, make_envs
from rrn.metrics.overestimation import Predictions
from rrn.metrics.plasticity import dormant, effective_rank, mean_activity, moved, norm, returns_after
from rrn.metrics.recorder import PlasticityRecorder, _dormant, record_activity
from rrn.runs import checkpoint
from rrn.training.play import play

CPU = torch.device("cpu")


def test_a_channel_is_a_unit_whose_mean_goes_over_positions():
    outputs = torch.zeros(2, 3, 2, 2)
    outputs[0, 1, 0, 0], outputs[1, 1, 1, 1], outputs[:, 2] = -8.0, 8.0, 1.0
    assert mean_activity(outputs).tolist() == [0.0, 2.0, 1.0]
    assert mean_activity(torch.tensor([[-3.0, 0.0], [1.0, 0.0]])).tolist() == [2.0, 0.0]


def test_a_unit_is_dormant_up_to_tau_of_the_mean_of_its_layer():
    activity = torch.tensor([0.0, 0.25, 0.2501, 19.5, 20.0])  # mean 8, up to rounding
    activity[-1] += 40 - activity.sum()
    assert dormant(activity, tau=0.03125).tolist() == [True, True, False, False, False]
    assert dormant(1000 * activity, tau=0.03125).tolist() == [True, True, False, False, False]
    assert dormant(torch.zeros(3)).all()
    assert dormant(activity, tau=0.0).tolist() == [True, False, False, False, False]


def test_dormant_units_of_a_network_at_each_place_and_in_all():
    """3 of 4 units of one layer and 1 of 2 of the next see no input; a rational with R(0) != 0 is awake there."""
    act = rrn.Rational(([0.5, 1.0], [0.0]), (1, 1))
    model = nn.Sequential(nn.Linear(1, 4), nn.ReLU(), nn.Linear(4, 2), nn.ReLU(), nn.Linear(2, 2), act)
    with torch.no_grad():
        for p in model.parameters():
            if p.dim() < 2 or p.shape[1] != 1 or p.shape[0] > 1:
                p.data = p.data if p is act.numerator or p is act.denominator else torch.zeros_like(p)
        model[0].weight[2] = 1.0
        model[2].weight[1, 2] = 1.0
    with record_activity(model) as recorded:
        model(torch.rand(50, 1) + 1)
    shares = {name: dormant(units).float().mean().item() for name, units in recorded.activity.items()}
    assert shares == {"1": 0.75, "3": 0.5, "5": 0.0}
    assert recorded.features.shape == (50, 2)
    assert torch.equal(recorded.features, torch.full((50, 2), 0.5))
    model(torch.rand(3, 1))
    assert len(recorded.features) == 50  # the hooks are gone


@pytest.mark.slow
def test_a_compiled_model_is_recorded():
    model, x = nn.Sequential(nn.Linear(2, 3), nn.ReLU(), nn.Linear(3, 2), nn.ReLU()), torch.randn(5, 2)
    call = torch.compile(model, fullgraph=True, backend="eager")
    call(x)
    with record_activity(model) as recorded:
        outputs = call(x)
    assert torch.equal(recorded.features, outputs)
    assert torch.equal(recorded.activity["3"], outputs.abs().mean(0))
    call(2 * x)
    assert torch.equal(recorded.features, outputs)  # the hooks are gone
    torch.compiler.reset()


@pytest.mark.parametrize(("rows", "units"), [(40, 30), (30, 40), (300, 8)])
@pytest.mark.parametrize("rank", [1, 3, 7])
def test_effective_rank_of_known_singular_values(rows, units, rank):
    left, right = (torch.linalg.qr(torch.randn(n, rank, dtype=torch.float64)).Q for n in (rows, units))
    assert effective_rank((left @ right.T).float()) == rank  # equal ones
    assert effective_rank(1e3 * (left @ right.T)) == rank
    sizes = 0.5 ** torch.arange(rank)  # 1, 1/2, ...: the first k are 2 - 2^(1 - k)
    expected = next(k for k in range(1, rank + 1) if 2 - 2.0 ** (1 - k) >= 0.9 * sizes.sum())
    assert effective_rank(left @ torch.diag(sizes.double()) @ right.T, delta=0.1) == expected


def test_effective_rank_equals_that_of_a_decomposition():
    features = torch.randn(200, 60) @ torch.randn(60, 60).cumsum(1) + 3
    sizes = np.linalg.svd(features.double().numpy(), compute_uv=False)
    expected = int(np.searchsorted(np.cumsum(sizes) / sizes.sum(), 0.99)) + 1
    assert 1 < expected < 60
    assert effective_rank(features) == expected
    assert effective_rank(torch.zeros(5, 4)) == 0
    assert math.isnan(effective_rank(torch.full((5, 4), torch.inf)))


def test_effective_rank_sees_small_singular_values():
    """One of 1 and 200 of 1e-4, which squared are below the rounding of float32: 0.99 of 1.02 needs 98 of the 200."""
    left, right = (torch.linalg.qr(torch.randn(n, 201, dtype=torch.float64)).Q for n in (300, 220))
    sizes = torch.cat((torch.ones(1), torch.full((200,), 1e-4))).double()
    assert effective_rank(left @ torch.diag(sizes) @ right.T) == pytest.approx(99, abs=1)
    assert effective_rank((left @ torch.diag(sizes) @ right.T).float()) == pytest.approx(99, abs=1)


def test_norm_is_that_of_all_elements_together():
    assert norm([torch.full((2, 2), 3.0), torch.full((7,), -2.0)]) == pytest.approx(8.0)


def test_moved_weighs_the_difference_with_the_inputs():
    """From x to x + 1 in one bin, with a weight of 3 and 1: the difference is 1 everywhere, or x on the second try."""
    inputs = Histogram(4, (-2.0, 2.0))  # middles -1.5, -0.5, 0.5, 1.5
    inputs.add(torch.tensor([-0.5, -0.4, -0.1, 1.2, 7.0]))
    one = rrn.Rational(([0.0, 1.0], [0.0]), (1, 1))
    assert moved(one, one, inputs) == 0
    assert moved(one, rrn.Rational(([1.0, 1.0], [0.0]), (1, 1)), inputs) == pytest.approx(1.0)
    twice = rrn.Rational(([0.0, 2.0], [0.0]), (1, 1))
    assert moved(one, twice, inputs) == pytest.approx(math.sqrt((3 * 0.25 + 2.25) / 4))
    rows = rrn.Rational(([0.0, 2.0], [0.0]), (1, 1), groups=2)
    rows.numerator.data[1] = one.numerator.data[0]  # this row stays
    both = rrn.Rational(([0.0, 1.0], [0.0]), (1, 1), groups=2)
    assert moved(both, rows, inputs) == pytest.approx(math.sqrt((3 * 0.25 + 2.25) / 8))


@pytest.mark.parametrize("name", ACTIVATIONS)
def test_what_a_snapshot_keeps_of_an_activation_that_learns(name):
    model = nn.Sequential(*make_activations(name, 4))
    with torch.no_grad():
        for p in model.parameters():
            p += 0.3 * torch.randn_like(p)
    with torch.no_grad(), rrn.record_inputs(model) as inputs:
        model[0](torch.randn(100, 2))
    place = Snapshot.from_json(rrn.snapshot(model).to_json()).places["0"]
    again = place.to_module()
    assert (again is None) == (not list(model.parameters()))
    if again is not None:
        assert moved(again, model[0], inputs["0"]) < 1e-6


def test_returns_end_with_a_lost_life_and_are_open_at_a_cut():
    rewards, terminated = np.array([1.0, 0.0, 2.0, 4.0, 8.0]), np.array([False, False, True, False, False])
    returns, unknown = returns_after(rewards, terminated, 0.5, cut=True)
    assert returns.tolist() == [1.5, 1.0, 2.0, 8.0, 8.0]
    assert unknown.tolist() == [0.0, 0.0, 0.0, 0.25, 0.5]
    terminated[-1] = True
    assert returns_after(rewards, terminated, 0.5, cut=False)[1].tolist() == [0.0] * 5


def step_of(rewards: list[float], terminated: list[bool]) -> Step:
    nothing = np.zeros(len(rewards))
    return Step(nothing, np.array(rewards), np.array(terminated), nothing, nothing, nothing, [])


def test_predictions_beside_returns_of_the_games_that_count():
    """Copy 0: a game with a lost life in it, then one that does not count. Copy 1: a game that is cut off."""
    seen = Predictions(gamma=0.0625, clip_rewards=True)
    seen.add(torch.tensor([5.0, 1.0]), step_of([3.0, 0.0], [False, False]))
    seen.add(None, step_of([1.0, 0.0], [True, False]))  # all actions were random
    seen.add(torch.tensor([7.0, 2.0]), step_of([-9.0, 1.0], [True, False]))
    seen.end(0, True)
    seen.add(torch.tensor([100.0, 4.0]), step_of([1.0, 0.5], [True, False]))
    seen.end(0, False)
    seen.end(1, True)
    # of copy 1, 4 comes one step before the cut, where 6 % are open; 0.4 % are before that
    expected = np.array([5.0, 7.0, 1.0, 2.0]), np.array([1.0625, -1.0, 1.03125 / 256, 1.03125])
    found = seen.summary()
    assert found["predicted_value"] == pytest.approx(expected[0].mean())
    assert found["discounted_return"] == pytest.approx(expected[1].mean())
    assert found["overestimation"] == pytest.approx((expected[0] - expected[1]).mean())
    assert Predictions(0.5, False).summary() == {}


def test_rewards_are_not_clipped_unless_learning_clips_them():
    seen = Predictions(gamma=0.5, clip_rewards=False)
    seen.add(torch.tensor([0.0]), step_of([-9.0], [True]))
    seen.end(0, True)
    assert seen.summary()["overestimation"] == 9.0


OFF_POLICY = ("dqn", "ddqn", "drq", "der", "der_dopamine")


def small(agent: str, *overrides: str):
    fill = ["agent.buffer_size=200", "agent.learning_starts=40"] if agent == "sb3_dqn" else []
    fill = ["agent.replay_capacity=200", "agent.warmup=100"] if agent in OFF_POLICY else fill
    return compose_config([f"agent={agent}", "experiment=smoke", "env=MinAtar-Breakout", *fill, *overrides])


@pytest.mark.parametrize("agent", PLAYERS)
def test_watching_an_evaluation_changes_nothing_and_asks_the_network_once_a_step(agent):
    config = small(agent)
    games = make_envs(config.env, 3, (0, 1))
    made = make_agent(config, games, CPU)
    calls, values = [], []
    made.network.register_forward_hook(lambda *_: calls.append(1))
    made.network.layers.register_forward_hook(lambda *_: values.append(1))

    def scores(found: list[Episode]):
        return [(game.env, game.score, game.actions.tolist()) for game in found]

    plain = scores(play(made, games, (3, 3), 0.3, episodes=5))
    asked, seen = len(calls), Predictions(0.99, False)
    assert scores(play(made, games, (3, 3), 0.3, episodes=5, predictions=seen)) == plain
    assert len(calls) == 2 * asked == len(values)
    assert asked <= len(seen.steps)
    assert len(seen.games) == 5
    lengths = sorted(end - first for _, first, end in seen.games)
    assert lengths == sorted(len(actions) for _, _, actions in plain)
    assert math.isfinite(seen.summary()["overestimation"])


@pytest.mark.parametrize("agent", PLAYERS)
def test_the_value_is_that_of_the_network(agent):
    config = small(agent)
    games = make_envs(config.env, 3, (0, 1))
    made = make_agent(config, games, CPU)
    observations = games.observations
    _, values = made.act_with_values(observations, 0.0)
    with torch.no_grad():
        if agent.startswith("sb3"):
            seen = made._seen(torch.from_numpy(observations))
            expected = made.policy.predict_values(seen)[:, 0] if "ppo" in agent else made.policy(seen).amax(1)
        else:
            outputs = made.forward(torch.from_numpy(observations))
            if agent in ("drq", "der", "der_dopamine"):  # dueling, and distributions
                outputs = made.values.q(outputs)
            expected = outputs[:, -1] if agent == "ppo" else outputs.amax(1)
    assert torch.allclose(values, expected, atol=1e-6)
    assert made.act_with_values(observations, 1.0)[1] is None


@pytest.mark.parametrize("act", ["relu", "recurrent_rational"])
@pytest.mark.parametrize("agent", PLAYERS)
def test_norms_of_layers_add_up_to_those_of_the_network(agent, act):
    config = small(agent, f"act={act}")
    learner = make_learner(config, make_envs(config.env, config.env.num_envs, (0,)), CPU)
    measures = PlasticityRecorder(learner.agent)
    assert measures.gradient_norms() == {}
    while learner.warming_up:
        learner.warmup_step()
    learner.training_step(0, True)
    model = learner.agent.network if not agent.startswith("sb3") else learner.agent.policy
    layers = learner.agent.layers()
    assert sorted(id(p) for layer in layers.values() for p in layer) == sorted(map(id, model.parameters()))
    total = norm(p.grad for p in model.parameters())
    found = measures.gradient_norms()
    assert found.keys() == layers.keys() >= {"conv1", "output.value.hidden" if agent == "der" else "hidden"}
    assert ("act1" in found) == (act != "relu")
    assert math.hypot(*found.values()) == pytest.approx(total, rel=1e-5)
    again = PlasticityRecorder(learner.agent)
    again.load_state_dict(measures.state_dict())
    for p in model.parameters():
        p.grad = None
    assert again.gradient_norms() == found  # after a resume


@pytest.mark.parametrize(("agent", "act"), CARTPOLE)
def test_a_run_logs_them_at_each_evaluation(trained_run, agent, act):
    values: dict[str, list[tuple[int, float]]] = {}
    for step, name, value in read_scalars(trained_run(*cartpole(agent, act))):
        if name.startswith("plasticity/"):
            values.setdefault(name.removeprefix("plasticity/"), []).append((step, value))
    steps = [step for step, _ in values["effective_rank"]]
    assert len(steps) == 2
    assert steps[0] == 0
    assert all(math.isfinite(value) for series in values.values() for _, value in series)
    for name in ("predicted_value", "overestimation", "dormant/act1", "dormant", "weight_norm/hidden1"):
        assert [step for step, _ in values[name]] == steps, name
    assert values["gradient_norm/hidden1"][0][0] == steps[1]  # none before the first update
    learned = ("pelu", "prelu", "rational", "recurrent_rational", "snake", "swish")
    learns = {name for name in values if name.startswith("moved")}
    sites = ("act1", "output.advantages.act2", "output.value.act3") if agent == "der" else ("act1", "act2")
    expected = {f"{label}/{site}" for label in ("moved", "moved_since_start") for site in sites}
    assert learns == (expected if act in learned else set())
    assert all([step for step, _ in values[name]] == steps[1:] and values[name][0][1] > 0 for name in learns)


@pytest.mark.slow
@pytest.mark.parametrize("act", ["pelu", "recurrent_rational"])
def test_moves_are_those_since_the_last_and_the_first_snapshot(train_here, act):
    smoke = ["experiment=smoke", f"act={act}", "env=CartPole", "evaluation.every=100"]
    train_here(*smoke, "steps=200")
    folder = train_here(*smoke, "steps=300", "resume=true")  # which has the older snapshots from the file
    logged = {(step, name): value for step, name, value in read_scalars(folder) if "moved" in name}
    taken = read_snapshots(folder)
    assert [one.step for one in taken] == [0, 100, 200, 300]
    for before, now in pairwise(taken):
        for label, then in (("moved", before), ("moved_since_start", taken[0])):
            for name, place in now.places.items():
                expected = moved(then.places[name].to_module(), place.to_module(), place.inputs)
                assert logged.pop((now.step, f"plasticity/{label}/{name}")) == expected
    assert not logged


@pytest.mark.slow
def test_frozen_rationals_do_not_move(train_here):
    folder = train_here("experiment=smoke", "act=rational", "act.trainable=false", "env=CartPole", "steps=100")
    names = {name for _, name, _ in read_scalars(folder)}
    assert {"plasticity/gradient_norm/hidden1", "plasticity/weight_norm/act1"} <= names
    assert not any("moved" in name or name.startswith("plasticity/gradient_norm/act") for name in names)


@pytest.mark.slow
def test_a_checkpoint_without_measures_goes_on(train_here):
    """As those of before they were taken."""
    overrides = ["experiment=smoke", "act=rational", "env=CartPole"]
    folder = train_here(*overrides, "steps=100", "checkpoint.every=50")
    last = checkpoint.find(folder / "checkpoints")[-1]
    state = torch.load(last, weights_only=True)
    del state["measures"]
    torch.save(state, last)
    train_here(*overrides, "steps=500", "checkpoint.every=50", "resume=true")
    assert (400, "plasticity/gradient_norm/act1") in {(step, name) for step, name, _ in read_scalars(folder)}


def test_each_unit_counts_the_same_among_all_of_a_network():
    found = _dormant({"act1": torch.tensor([0.0, 1.0]), "act2": torch.ones(8)})
    assert found == {"dormant": 0.1, "dormant/act1": 0.5, "dormant/act2": 0.0}


def test_logged_norms_of_weights_are_those_of_the_layers():
    agent = make_agent(config := compose_config(["env=CartPole"]), make_envs(config.env, 1, (0,)), CPU)
    network = agent.network.layers
    with record_activity(network) as activity:
        network(torch.randn(300, 1, 4))
    values = PlasticityRecorder(agent).take(activity, rrn.snapshot(network, 0))
    for name in ("hidden1", "output"):
        layer = getattr(network, name)
        wanted = torch.cat([p.flatten() for p in layer.parameters()]).norm().item()
        assert values[f"weight_norm/{name}"] == pytest.approx(wanted, rel=1e-5)
