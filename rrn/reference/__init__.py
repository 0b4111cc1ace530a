"""The paper's scores, the authors' curves and their protocol, to compare runs with.

python -m rrn.reference

"The paper" is Delfosse et al., arXiv 2102.09407 (ICLR 2024), and "the authors" are its own, in their public
repository ml-research/rational_rl (commit 10e6e33).
"""

from rrn.reference.curves import read_curves
from rrn.reference.scores import (
    Baselines,
    Published,
    authors_normalised,
    baselines,
    games_with_baselines,
    human_and_random,
    human_normalised,
    published,
)

__all__ = [
    "Baselines",
    "Published",
    "authors_normalised",
    "baselines",
    "games_with_baselines",
    "human_and_random",
    "human_normalised",
    "published",
    "read_curves",
]
