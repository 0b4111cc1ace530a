"""What others published on Atari-100k: the shipped table, its aggregates as printed, and its rows beside our runs."""

from __future__ import annotations

import csv

import numpy as np
import pytest
from helpers.made_runs import make_run
from helpers.paths import SHARED

from rrn.common.curves import Curve
from rrn.config.games import atari_games
from rrn.reference import baselines, games_with_baselines, human_and_random, human_normalised
from rrn.reference.atari100k import AGENTS, agents_on, atari100k, atari100k_games
from rrn.reference.tables import games
from rrn.report import rows
from rrn.report.__main__ import main
from rrn.report.aggregates import over_games
from rrn.report.cells import make_cells

SCORES = SHARED / "reference" / "atari100k_scores.csv"


def scores_of(name):
    return next(agent for agent in atari100k() if agent.agent == name)


@pytest.mark.parametrize(
    ("name", "statistic", "printed"),
    [
        ("DER (Agarwal 2021)", "mean", 0.350),
        ("DER (Agarwal 2021)", "median", 0.189),
        ("CURL (Agarwal 2021)", "mean", 0.261),
        ("DrQ(eps) (Agarwal 2021)", "mean", 0.465),
        ("SPR (Agarwal 2021)", "mean", 0.616),
    ],
)
def test_the_aggregates_are_those_that_are_printed(name, statistic, printed):
    assert scores_of(name).over_games(atari100k_games())[statistic] == pytest.approx(printed, abs=6e-4)


@pytest.mark.skipif(not SCORES.is_file(), reason="the table is not here")
def test_each_score_is_normalised_as_in_the_table():
    with open(SCORES) as file:
        listed = [row for row in csv.DictReader(file) if row["score"]]
    assert len(listed) == 16 * 26 - 2
    for row in listed:
        ours = human_normalised(row["game"], float(row["score"]))
        # those of DreamerV3 were normalised before they were rounded
        assert ours == pytest.approx(float(row["human_normalised"]), abs=2e-4, rel=1e-3), row


def test_the_26_games_are_atari_games_with_one_human_score():
    assert len(atari100k_games()) == 26
    assert set(atari100k_games()) <= set(atari_games())
    for game in set(atari100k_games()) & set(games()):
        assert human_and_random(game) == (baselines(game).human, baselines(game).random)
    assert set(games_with_baselines()) == set(games()) | set(atari100k_games())


def test_two_sources_of_one_agent_both_stand():
    pong = {agent.agent: agent.means["Pong"] for agent in agents_on(["Pong"])}
    assert (pong["DER (van Hasselt 2019)"], pong["DER (Agarwal 2021)"]) == (-19.3, -9.7)
    assert "BBF (Schwarzer 2023)" not in pong
    assert len(agents_on(["Breakout"])) == len(atari100k()) == 14


def cells_of(agent, steps, names=("Breakout", "Pong")):
    curves = [
        Curve(game, agent, act, seed, np.array([0, steps]), np.array([0.0, 1.0 + seed]))
        for game in names
        for act in ("relu", "rational")
        for seed in range(3)
    ]
    return make_cells(curves)


@pytest.mark.parametrize("agent", AGENTS)
def test_others_are_rows_beside_an_agent_of_atari100k(agent):
    cells = cells_of(agent, 98_400)
    assert ("DER (Agarwal 2021)", "9.2") in rows.published(cells, "Breakout")
    (over,) = over_games(cells)
    named = dict(rows.published_over_games(cells, over))
    expected = scores_of("DER (Agarwal 2021)").over_games(["Breakout", "Pong"])["median"]
    assert named["DER (Agarwal 2021)"][0] == f"{expected:.2f}"
    heads, _ = rows.over_games(over)
    assert {len(texts) for texts in named.values()} == {len(heads)}


@pytest.mark.parametrize(
    ("agent", "steps", "names"),
    [
        ("dqn", 98_400, ["Pong"]),
        ("der", 1_000_000, ["Pong"]),
        ("der", 2_000, ["Pong"]),
        ("der", 98_400, ["Enduro"]),
    ],
)
def test_there_are_none_beside_other_agents_steps_or_games(agent, steps, names):
    assert rows.published(cells_of(agent, steps, names), names[0]) == []


def test_the_report_shows_them(tmp_path, capsys):
    for game in ("Breakout", "Pong"):
        for seed in range(3):
            make_run(tmp_path, game, "relu", seed, agent="drq", experiment="atari100k")
    main([str(tmp_path), "--out", str(tmp_path / "page.html")])
    shown = capsys.readouterr().out
    assert "DrQ(eps)" in shown
    assert "python -m rrn.reference scores GAME" in " ".join(shown.split())
    assert all(len(line) <= 80 for line in shown.splitlines() if "rrn.train" not in line)
    page = (tmp_path / "page.html").read_text()
    assert "<div>DrQ(eps) (Agarwal 2021)</div>" in page
    assert page.count("<div>19.8</div>") == 1
