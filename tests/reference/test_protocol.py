"""experiment=paper is the authors' protocol: each setting, on each of their 15 games; what differs has its entry."""

from __future__ import annotations

import csv
import re
from dataclasses import asdict

import pytest
import torch
from helpers.paths import ROOT, SHARED

from rrn.agents import make_agent
from rrn.config import dotted
from rrn.config.compose import compose_config
from rrn.envs import make_envs
from rrn.reference import protocol
from rrn.reference.protocol import NOT_COMPARED, SAME, VALUES, compare, settings
from rrn.reference.tables import games, rows
from rrn.runs import checkpoint

DETAILS = (ROOT / "docs/details.md").read_text("utf-8")


@pytest.mark.parametrize("game", games())
def test_each_value_is_the_authors(game):
    lines = compare(game)
    values = lines[: len(VALUES) + len(protocol.FIXED)]
    assert [line.what for line in values if line.verdict != SAME] == []
    assert all(line.authors == line.ours for line in values)


@pytest.mark.parametrize("game", games())
def test_modern_is_the_papers_protocol_with_what_is_usual_since(game):
    modern = dotted(asdict(compose_config([f"env={game}", "experiment=modern"])))
    assert {key: value for key, value in modern.items() if value != settings(game)[key]} == {
        "experiment": "modern",
        "agent.adam_eps": 1.5e-4,
        "agent.max_grad_norm": 10,
        "env.max_pool": True,
        "env.sticky_actions": 0.25,
        "env.resize": "area",
        "env.fire": False,
    }


def test_no_setting_escapes_the_comparison():
    """Each setting of the agent, the games and the evaluation is compared, or said to be no part of the protocol."""
    kinds = ("agent.", "env.", "evaluation.")
    assert {key for key in settings("Pong") if key.startswith(kinds)} | {"steps"} == VALUES.keys() | NOT_COMPARED


def test_each_column_of_the_authors_settings_is_compared():
    """One by one, a changed value of theirs shows up in a line."""
    row = rows("protocol")[0]
    for column in row.keys() - {"game", "environment"}:
        changed = {**row, column: "7"}
        theirs = [value(changed) == value(row) for _, value, _ in VALUES.values()]
        fixed = [changed[name] == value for name, value, _ in protocol.FIXED.values()]
        assert not all(theirs + fixed), column


@pytest.mark.skipif(not SHARED.is_dir(), reason="the authors' numbers are not here")
def test_the_authors_own_table_says_the_same():
    """Epochs times steps between evaluations are all steps; the games are the same."""
    with open(SHARED / "reference/protocol.csv") as file:
        found = {row["game"]: row for row in csv.DictReader(file)}
    assert list(found) == games()
    for game, row in found.items():
        ours = settings(game)
        assert ours["steps"] == int(row["epochs"]) * ours["evaluation.every"]
        assert ours["env.frame_skip"] * ours["steps"] == int(row["total_emulator_frames"])
        assert ours["agent.target_every"] // ours["agent.train_every"] == int(row["target_update_in_gradient_steps"])


def test_a_difference_is_seen(monkeypatch):
    """If one of our settings were another, its line would say so."""
    ours = {**settings("Pong"), "agent.gamma": 0.9, "env.sticky_actions": 0.25}
    monkeypatch.setattr(protocol, "settings", lambda game: ours)
    other = {line.what: line for line in compare("Pong")}
    assert [other[what].verdict for what in ("discount", "sticky actions", "batch size")] == [
        "differs",
        "differs",
        SAME,
    ]
    assert re.search(r"^discount +0\.99 +0\.9 +differs$", protocol.report("Pong"), re.M)


def test_what_has_no_setting_is_as_the_lines_say():
    """But for the loss, which tests/agents/dqn/test_dqn.py compares with the papers."""
    config = compose_config(["env=Pong", "experiment=paper", "agent.replay_capacity=100"])
    agent = make_agent(config, make_envs(config.env, 1, (0,)), torch.device("cpu"))
    assert type(agent.optimiser).__name__ == protocol.FIXED["optimiser"][1]
    for module in agent.network.modules():
        if isinstance(module, torch.nn.Conv2d | torch.nn.Linear):
            fan_in, fan_out = torch.nn.init._calculate_fan_in_and_fan_out(module.weight)
            gain = 1 if module is agent.network.layers.output else 2**0.5
            limit = gain * (6 / (fan_in + fan_out)) ** 0.5
            assert 0.9 * limit < module.weight.abs().max() <= limit


def test_each_number_is_an_entry_of_the_details():
    entries = {int(number) for number in re.findall(r"^\*\*(\d+)\. ", DETAILS, re.M)}
    assert entries == set(range(1, max(entries) + 1))
    lines = [line for game in games() for line in compare(game)]
    cited = {line.entry for line in lines if line.entry}
    assert {1, 2, 3, 4, 5, 6} <= cited <= entries  # what cannot be mapped, all of it
    assert all(line.entry for line in lines if line.verdict != SAME)


@pytest.mark.parametrize(
    "text", [lambda: protocol.report("Pong"), lambda: protocol.report("Tennis"), protocol.report_all]
)
def test_the_tables_fit_80_columns(text):
    assert max(map(len, text().splitlines())) <= 80


def test_in_short_all_games_are_there_and_the_one_that_differs():
    short = protocol.report_all()
    assert all(re.search(rf"^{game} +\d+ same, \d+ differ", short, re.M) for game in games())
    assert re.findall(r"^(\w+) .*of its own", short, re.M) == ["Tennis"]


@pytest.mark.slow
def test_frozen_and_partly_shared_rationals_run_under_the_paper_s_protocol(train_here):
    """docs/reproduce.md: three convolutions share one rational; a second run keeps both, with other weights."""
    small = ("steps=8", "agent.warmup=40", "agent.replay_capacity=200", "checkpoint.every=8")
    small += ("evaluation.every=8", "evaluation.steps=1", "env.frame_cap=200")
    options = ("experiment=paper", "env=Breakout", "act=rational", "act.share=[1,1,1,2]", *small)
    first = train_here(*options)
    second = train_here(*options, f"act.from={first}", "run_dir=second")
    before, after = (checkpoint.load_last(folder / "checkpoints")[1]["agent"]["network"] for folder in (first, second))
    coefficients = [key for key in before if key.endswith("numerator")]
    assert len(coefficients) == 2
    assert all(torch.equal(before[key], after[key]) for key in coefficients)
    assert not torch.equal(before["layers.hidden.weight"], after["layers.hidden.weight"])
