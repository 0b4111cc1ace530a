"""Parse command lines: each mistake is a sentence with exit code 2, each command has --help and --version."""

from __future__ import annotations

import argparse
import math
import re
import sys
from typing import NoReturn

from rrn.common.console import cli_errors
from rrn.common.errors import UserError
from rrn.common.numbers import parse_int


class CommandParser(argparse.ArgumentParser):
    """Parser of argparse with --version, and with one line for a mistake.

    Args:
        prog: the command, such as "python -m rrn.status".
        description: a sentence for --help.
        options: further arguments of argparse.ArgumentParser.
    """

    def __init__(self, prog: str, description: str | None = None, **options):
        super().__init__(prog, description=description, allow_abbrev=False, **options)
        add_version(self)

    def error(self, message: str) -> NoReturn:
        """Print the mistake in one line, and exit with code 2."""
        with cli_errors():
            raise UserError(f"{in_our_words(message).rstrip('.')}; {self.prog} --help says what there is.")
        raise SystemExit(2)


def in_our_words(mistake: str) -> str:
    """Put a mistake that argparse reports, in its words, into ours."""
    words = {
        r"^argument (.*?): ": r"\1: ",
        r"ignored explicit argument '(.*)'": r"expected no value, got \1",
        r"expected one argument": "expected a value",
        r"expected (\d+) arguments": r"expected \1 values",
        r"invalid choice: '(.*)' \(choose from (.*)\)": r"expected one of \2, got \1",
        r"^the following arguments are required: ": "expected a value for ",
        r"^unrecognized arguments: (-\S+).*": r"\1: no such option",
        r"^unrecognized arguments: (.*)": r"\1: expected no more words here",
    }
    for theirs, ours in words.items():
        mistake = re.sub(theirs, ours, mistake, flags=re.DOTALL)
    return mistake


def version() -> str:
    """Return the version of rrn."""
    return sys.modules["rrn"].__version__


def add_version(parser: argparse.ArgumentParser) -> None:
    """Add --version to a parser."""
    parser.add_argument("--version", action="version", version=f"rrn {version()}", help="print the version")


def whole_number(text: str) -> int:
    """Read a whole number such as 200, 1e3, 500k or 1.5M.

    Raises:
        ArgumentTypeError: it is none.
    """
    number = parse_int(text.strip())
    if number is None:
        raise argparse.ArgumentTypeError(f"expected a whole number, got {text.strip()}")
    return number


def at_least_one(text: str) -> int:
    """Read a whole number from 1 to a million.

    Raises:
        ArgumentTypeError: it is none.
    """
    number = parse_int(text)
    if number is None or not 1 <= number <= 1_000_000:
        raise argparse.ArgumentTypeError(f"expected a whole number from 1 to 1000000, got {text}")
    return number


def finite_number(text: str) -> float:
    """Read a number such as 0.5, 1e-3 or 2k.

    Raises:
        ArgumentTypeError: it is none, or not finite.
    """
    whole = parse_int(text.strip())
    try:
        number = float(text if whole is None else whole)
    except ValueError:
        number = math.nan
    if not math.isfinite(number):
        raise argparse.ArgumentTypeError(f"expected a number, got {text}")
    return number
