"""Final scores of runs on one game beside the paper's, and the test that was decided on before the runs ended.

The score of a run is the mean of its last ten evaluations; that of the last one alone, which the paper's tables hold,
is shown too. Each activation is compared with the first one by Welch's two-sided t test, with Holm's correction for
the number of comparisons.
"""

from __future__ import annotations

import itertools
from collections.abc import Sequence

import numpy as np
from scipy.stats import nct, t, ttest_ind

from rrn.common.curves import Curve
from rrn.stats import difference, holm

LAST = 10  # evaluations


def final(curve: Curve, last: int) -> float:
    """The mean score of the last evaluations of a run."""
    return float(np.mean(curve.means[-last:]))


def table(curves: Sequence[Curve], acts: Sequence[str], whose: str) -> list[str]:
    """Rows of the table for finished runs, with mean and standard deviation over seeds."""
    rows = []
    for act in acts:
        seeds = sorted((curve for curve in curves if curve.act == act), key=lambda curve: curve.seed)
        for last in (LAST, 1) if seeds else ():
            scores = [final(curve, last) for curve in seeds]
            spread = f"{np.std(scores, ddof=1):.2f}" if len(scores) > 1 else "-"
            each = ", ".join(f"{score:.1f}" for score in scores)
            which = f"last {last}" if last > 1 else "the last"
            rows.append(f"| {whose} | {act} | {which} | {np.mean(scores):.2f} | {spread} | {each} |")
    return rows


def comparisons(curves: Sequence[Curve], acts: Sequence[str], whose: str) -> list[str]:
    """Sentences on each activation beside the first one, for both figures, if there are two seeds of each at least."""
    groups = {act: [curve for curve in curves if curve.act == act] for act in acts}
    if any(len(group) < 2 for group in groups.values()) or len(groups) < 2:
        return []
    lines = []
    for last in (LAST, 1):
        base, *others = ([final(curve, last) for curve in group] for group in groups.values())
        chances = holm([ttest_ind(other, base, equal_var=False).pvalue for other in others])
        found = (
            f"{act} {difference(other, base).text(2, sign=True)}, p = {chance:.2f}"
            for act, other, chance in zip(list(acts)[1:], others, chances, strict=True)
        )
        which = f"the last {last} evaluations" if last > 1 else "the last evaluation"
        lines.append(f"* {whose}, by {which}, above {acts[0]}: {'; '.join(found)}.")
    return lines


def power(effect: float, seeds: int, level: float) -> float:
    """How often a two-sided t test of two groups finds a difference of `effect` standard deviations."""
    freedom, shift = 2 * seeds - 2, effect * (seeds / 2) ** 0.5
    limit = t.ppf(1 - level / 2, freedom)
    return float(1 - nct.cdf(limit, freedom, shift) + nct.cdf(-limit, freedom, shift))


def section(ours: Sequence[Curve], paper: Sequence[Curve], acts: Sequence[str], seeds: int = 5) -> list[str]:
    """The part of a page on final scores; `ours` are finished runs."""
    needed = next(effect for effect in itertools.count(0, 0.1) if power(effect, seeds, 0.05 / (len(acts) - 1)) >= 0.8)
    missing = [f"{seeds - n} of {act}" for act in acts if (n := sum(c.act == act for c in ours)) < seeds]
    return [
        "## Final scores",
        "",
        f"Decided before any run had ended: the score of a run is the mean of its last {LAST} evaluations; "
        f"{' and '.join(acts[1:])} are compared with {acts[0]} by Welch's two-sided t test, with Holm's correction for "
        f"{len(acts) - 1} comparisons, at 5 %. All {seeds} seeds of each count, whatever became of them. The score of "
        "the last evaluation alone, which the paper's tables hold, is compared in the same way, beside it.",
        "",
        f"What {seeds} seeds can show: a true difference of {needed:.1f} standard deviations is found in 80 % of such "
        "studies, a smaller one less often. No difference beyond chance is no proof that there is none.",
        "",
        *([f"Still to come: {', '.join(missing)}.", ""] if missing else []),
        "| runs | activation | evaluations | mean | sd | seeds |",
        "| --- | --- | --- | --- | --- | --- |",
        *table(ours, acts, "ours"),
        *table(paper, acts, "paper"),
        "",
        "Differences of the means with bootstrap intervals, and p with Holm's correction:",
        "",
        *comparisons(ours, acts, "ours"),
        *comparisons(paper, acts, "paper"),
        "",
    ]
