"""Command `python -m rrn.fit EXPRESSION`: fit the coefficients of a rational and draw the fit.

python -m rrn.fit "x*sigmoid(x)" --degrees 5 4 --range -4 4 --plot out.png

No file imports this one: `rrn.fit` is the function in rrn/activations/fit_to_module.py.
"""

from __future__ import annotations

import sys
from pathlib import Path

from rrn.activations.fitting.expression import parse
from rrn.activations.fitting.fit import NORMS, fit
from rrn.common.command_line import CommandParser, finite_number, version, whole_number
from rrn.common.console import cli_errors
from rrn.common.errors import UserError


def _is_negative(word: str) -> bool:
    try:
        return float(word) < 0
    except ValueError:
        return False


def main() -> None:
    """Run the command line; a user's mistake ends with a one-line error and exit code 2."""
    parser = CommandParser("python -m rrn.fit", "Fit a rational P(x) / Q(x) to a function.", conflict_handler="resolve")
    parser.add_argument(
        "expression", nargs="?", help='a function of x with NumPy\'s names, such as "x*sigmoid(x)" or gelu'
    )
    parser.add_argument("--degrees", nargs=2, type=whole_number, default=(5, 4), metavar=("N", "M"), help="of P and Q")
    parser.add_argument(
        "--version", nargs="?", default="A", choices=list("ABCN"), help="form of Q; alone: the version of rrn"
    )
    parser.add_argument(
        "--range", nargs=2, type=finite_number, default=(-3, 3), metavar=("LOW", "HIGH"), help="of x (default: -3 3)"
    )
    parser.add_argument("--norm", default="l2", choices=NORMS, help="l2: least squares; minimax: least largest error")
    parser.add_argument("--bounded", action="store_true", help="hold the fit outside the range too")
    parser.add_argument("--plot", type=Path, metavar="FILE", help="a picture, such as out.png or out.pdf")
    # argparse takes -1e-3 for an option, but not with a space before it
    options = parser.parse_args([f" {word}" if _is_negative(word) else word for word in sys.argv[1:]])
    if options.version is None:
        print(f"rrn {version()}")
        return
    if options.expression is None:
        parser.error('expected a function of x, such as "x*sigmoid(x)"')
    with cli_errors():
        if options.plot and not options.plot.suffix:
            raise UserError(f"--plot: expected a file such as out.png, got {options.plot}.")
        try:
            fitted = fit(
                parse(options.expression),
                tuple(options.degrees),
                options.version,
                tuple(options.range),
                options.norm,
                bounded=options.bounded,
            )
        except ValueError as error:
            raise UserError(str(error)) from error
        print(fitted)
        if options.plot:
            figure = fitted.figure  # which says so where matplotlib is missing
            from rrn.common.figure import save_figure

            try:
                save_figure(figure, options.plot)
            except ValueError as error:
                raise UserError(str(error)) from error
            except OSError as error:
                why = error.strerror or error
                raise UserError(f"{options.plot}: {why}; choose another file with --plot.") from error
            print(f"picture: {options.plot}")


if __name__ == "__main__":
    main()
