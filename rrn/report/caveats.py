"""Write the report's notes: what a reader must know before trusting a number."""

from __future__ import annotations

import re
from collections import Counter, defaultdict
from collections.abc import Iterable, Sequence

from rrn.common.numbers import plural
from rrn.reference import protocol
from rrn.report.aggregates import OverGames
from rrn.report.cells import Cell, against_baseline
from rrn.report.runs import Run, settings
from rrn.runs.software import packages_of_scores

FEW = 5  # seeds that the field asks for at least
NUMBER = re.compile(r"\[\d+\]")  # of settings, in the name of an activation
MANY = 10  # seeds from which bootstrap intervals have about their nominal coverage


def notes(cells: Sequence[Cell], over: Sequence[OverGames], runs: Sequence[Run], damaged: Sequence[str]) -> list[str]:
    """Write a sentence for each thing that limits the scores, the most important ones first."""
    return [
        *_seeds(cells),
        *_left_out(cells, runs),
        *_steps(cells, over),
        *_settings(runs),
        *_numbers(runs),
        *_software(runs),
        *_off_protocol(cells, runs),
        *_games(over),
        *(f"Left out: {sentence}" for sentence in damaged),
    ]


def _seeds(cells: Sequence[Cell]) -> Iterable[str]:
    seeds = [cell.ours.seeds for cell in cells]
    few = sum(number < FEW for number in seeds)
    if few:
        yield (
            f"{few} of {len(cells)} scores rest on fewer than {FEW} seeds (the fewest: {min(seeds)}). "
            "One or two seeds decide nothing."
        )
    shown = [interval for cell in cells for interval in (cell.ours, cell.paper_then, cell.difference)]
    if any(interval and interval.low is not None and interval.seeds < MANY for interval in shown):
        yield (
            "Intervals over few seeds are too narrow: of normal scores, a 95 % interval of 3 seeds holds the true mean "
            "in 75 % of cases, one of 5 seeds in 84 %."
        )


def _left_out(cells: Sequence[Cell], runs: Sequence[Run]) -> Iterable[str]:
    """Name runs with scores that no number contains, and seeds of the paper whose curves end before our runs."""
    counted = {(cell.game, cell.method, seed) for cell in cells for seed in cell.scores}
    states = Counter(
        run.state
        for run in runs
        if len(run.curve.steps) and (run.curve.game, run.curve.method, run.curve.seed) not in counted
    )
    if states:
        which = ", ".join(f"{number} {state}" for state, number in sorted(states.items()))
        yield f"Runs that are not finished have scores too, which count where no other run is finished: {which}."
    failed: dict[str, list[str]] = defaultdict(list)
    for run in runs:
        if run.state == "failed":
            failed[f"{run.curve.game}, {run.curve.agent} {run.curve.act}"].append(str(run.curve.seed))
    if failed:
        which = "; ".join(f"{name} (seed {', '.join(seeds)})" for name, seeds in sorted(failed.items()))
        yield f"Scores of seeds that are left may be too good where others failed: {which}."
    short = [
        f"{_name(cell)} ({cell.paper_then.seeds} of {cell.paper_end.seeds})"
        for cell in cells
        if cell.paper_end and cell.paper_then and cell.paper_then.seeds < cell.paper_end.seeds
    ]
    if short:
        yield f"Not all seeds of the paper have a curve as long as our runs: {'; '.join(short)}."


def _steps(cells: Sequence[Cell], over: Sequence[OverGames]) -> Iterable[str]:
    unequal = sum(cell.steps[0] != cell.steps[1] for cell in cells)
    if unequal:
        yield (
            f"{plural(unequal, 'score')} {'is' if unequal == 1 else 'are'} of runs of unequal length, as the column of "
            "steps says; differences are taken after the fewest of these steps."
        )
    gaps = against_baseline(cells)
    for cell in cells:
        gap = gaps.get((cell.game, cell.method))
        if gap and gap.step < cell.steps[0]:
            yield f"{_name(cell)}: the difference from the baseline is that after {gap.step:,} agent steps."
    cut = sorted(
        {
            f"{cell.game} after {aggregated.steps[cell.game]:,}"
            for aggregated in over
            for cell in cells
            if cell.method[0] == aggregated.agent and cell.steps[0] > aggregated.steps.get(cell.game, cell.steps[0])
        }
    )
    if cut:
        yield f"The numbers over all games take all activations after the same agent steps: {', '.join(cut)}."


def _name(cell: Cell) -> str:
    return f"{cell.game}, {' '.join(cell.method)}"


def _settings(runs: Sequence[Run]) -> Iterable[str]:
    """Name settings besides those of the activation in which the runs of two activations differ."""
    groups: dict[tuple[str, str], dict[str, dict[str, str]]] = defaultdict(dict)  # by game and agent: activation
    for run in runs:
        if " " not in run.curve.act:  # names with a space already say what differs
            groups[run.curve.game, run.curve.agent][run.curve.act] = settings(run.config)
    games: dict[tuple[str, tuple[str, ...]], list[str]] = defaultdict(list)
    for (game, agent), of_acts in groups.items():
        keys = sorted(key for key in set().union(*of_acts.values()) if not key.startswith("act."))
        differ = tuple(key for key in keys if len({own.get(key) for own in of_acts.values()}) > 1)
        if differ:
            games[agent, differ].append(game)
    for (agent, differ), names in games.items():
        yield (
            f"Runs of {agent} on {', '.join(names)} differ in {', '.join(differ)} from one activation to another, so "
            "their scores are not of the activation alone."
        )


def _numbers(runs: Sequence[Run]) -> Iterable[str]:
    """Say which settings the numbers in the names of activations mean."""
    meanings = {
        words[-1]: run.own_settings for run in runs if NUMBER.fullmatch((words := run.curve.act.split(" "))[-1])
    }
    for number, others in sorted(meanings.items(), key=lambda item: int(item[0][1:-1])):
        yield f"{number} means {', '.join(others)}."


def _software(runs: Sequence[Run]) -> Iterable[str]:
    """Name packages with several versions among the runs; a run with several counts for each."""
    made: dict[str, Counter[str]] = defaultdict(Counter)
    for run in runs:
        for package in packages_of_scores():
            made[package].update({str(versions[package]) for versions in run.software if package in versions})
    differ = [
        f"{package} {', '.join(f'{version} ({number})' for version, number in sorted(versions.items()))}"
        for package, versions in made.items()
        if len(versions) > 1
    ]
    if differ:
        yield f"Not all runs were made with the same versions (in brackets: runs): {'; '.join(differ)}."


def _off_protocol(cells: Sequence[Cell], runs: Sequence[Run]) -> Iterable[str]:
    """Name runs beside the paper's numbers that do not follow the paper's protocol."""
    beside = {(cell.game, cell.method) for cell in cells if cell.paper_end}
    runs = [run for run in runs if (run.curve.game, run.curve.method) in beside]
    other = sorted({run.config.experiment for run in runs if run.config.experiment != "paper"})
    if other:
        yield f"Runs with experiment={', '.join(other)} do not follow the paper's protocol."
    changed: dict[str, set[str]] = defaultdict(set)
    for run in (run for run in runs if run.config.experiment == "paper"):
        for key in protocol.changed(run.config):
            changed[key].add(run.curve.game)
    if changed:
        keys = ", ".join(sorted(changed))
        games = ", ".join(sorted(set().union(*changed.values())))
        yield f"Runs on {games} have experiment=paper, but settings of their own that are not the paper's: {keys}."


def _games(over: Sequence[OverGames]) -> Iterable[str]:
    for aggregated in over:
        agent = aggregated.agent
        if not aggregated.rows:
            yield f"There are no numbers over all games of {agent}: its activations do not share two games."
            continue
        if aggregated.other_methods:
            names = ", ".join(act for _, act in aggregated.other_methods)
            yield f"The numbers over all games of {agent} leave out {names}, for want of some of these games."
        if aggregated.other_games:
            games = ", ".join(aggregated.other_games)
            yield f"The numbers over all games of {agent} leave out {games}, which not all were trained on."
