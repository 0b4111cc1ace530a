"""Write rrn/activations/fitting/presets.csv again from nothing: what rationals start from. Takes a few minutes.

python scripts/data/fit_presets.py
"""

import argparse
from concurrent.futures import ProcessPoolExecutor
from itertools import product
from pathlib import Path

from rrn.activations.fit_to_module import fit
from rrn.activations.fitting.presets import PRESETS

TARGET = Path(__file__).parents[2] / "rrn" / "activations" / "fitting" / "presets.csv"
HEADER = """\
# Coefficients of rationals that approximate known functions, lowest power first. From scripts/data/fit_presets.py.
# l2: least squares on [-3, 3]; minimax: smallest largest error there; wide: least squares on [-5, 5]. `largest` and
# `rms` are the errors on that range. Version D starts from B. The identity, which is exact, is not listed.
function,version,n,m,preset,largest,rms,numerator,denominator
"""
FUNCTIONS = ("leaky_relu", "leaky_relu_0.1", "relu", "tanh", "sigmoid", "gelu", "silu")
DEGREES = ((5, 4), (7, 6), (3, 2))


def row(choice: tuple) -> str:
    """One line of the file."""
    name, (n, m), version, preset = choice
    norm, interval = PRESETS[preset]
    found = fit(name, (n, m), version, interval, norm, bounded=True)
    a, b = (" ".join(f"{c:.12g}" for c in part) for part in (found.numerator, found.denominator))
    return f"{name},{version},{n},{m},{preset},{found.largest:.3g},{found.rms:.3g},{a},{b}"


def main() -> None:
    with ProcessPoolExecutor() as pool:
        rows = list(pool.map(row, product(FUNCTIONS, DEGREES, "ABCN", PRESETS)))
    TARGET.write_text(HEADER + "\n".join(rows) + "\n")


if __name__ == "__main__":
    argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter).parse_args()
    main()
