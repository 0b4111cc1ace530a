"""Run hundreds of command lines, most of them wrong: each is to end in time with its work or a sentence.

python scripts/reliability/command_lines.py --lines 600

They are those of command_lines.txt, each of which once went wrong or could, and settings of all configuration classes
with odd values, drawn at random. Prints one line of figures; exit code 1 if a line ends with a traceback, a code other
than 0 and 2, more than one line about its error, or not within its time.
"""

from __future__ import annotations

import argparse
import contextlib
import io
import os
import random
import runpy
import signal
import sys
import tempfile
import time
import traceback
from collections import Counter
from collections.abc import Iterator
from pathlib import Path

from rrn.config.act import ACTS, ActConfig
from rrn.config.agent import AGENTS
from rrn.config.env import ENVS
from rrn.config.register import setting_names
from rrn.config.schema import Config

SECONDS = 60  # of one line; the longest take two on an idle machine
VALUES = [  # of a setting
    *("0", "-1", "1", "2", "1.5", "1k", "1e9", "1e13", "1e19", "1e400", "9" * 25, "-" + "9" * 25, "9" * 5000),
    *("nan", "inf", "-inf", "null", "true", "perhaps", "abc", "", "''", "'a b'", "a b", "é", "'é'", "\udce9"),
    *("x" * 400,),
    *("[]", "[1]", "[1,2,3]", "{a: 1}", "[" * 500 + "]" * 500, "{" * 300, "${nope}", "${seed}", "${oc.env:NOPE}", "${"),
    *("int(1.9)", "bool(3)", "1,2", "range(0,3)", "glob(*)", "~/x", "'~/x'", "~nouser/x", "a=b", "*", "0x10", "1_000"),
]
CHOICES = [
    *(["task=random_labels" if name == "classifier" else "env=CartPole", f"agent={name}"] for name in AGENTS),
    *([f"env={next(iter(kind.games()))}"] for kind in ENVS.values() if kind.games()),
    *([f"act={name}"] for name in ("rational", "relu")),
]
OF_EVERY = ["--help", "--version", "--nope", "--nope=1", "", "nope nope", "x" * 300, "/dev/null", "nope=1"]
COMMANDS = ("evaluate", "export", "report", "status", "study", "tune", "fit", "shapes", "reference", "doctor")
KNOWN = Path(__file__).with_suffix(".txt")  # a line each, as typed after `rrn`


def main() -> None:
    """Read the options, run the lines in an empty folder, and print the figures."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--lines", type=int, default=600, help="command lines (default: 600)")
    parser.add_argument("--seed", type=int, default=0, help="of the lines that are drawn (default: 0)")
    options = parser.parse_args()
    random.seed(options.seed)
    drawn = list(lines_of_settings())
    known = [line.split(" ") for line in KNOWN.read_text("utf-8").splitlines()]
    known = [["rrn", *line, *CFG * (line[0] == "train" and "-" not in [word[0] for word in line])] for line in known]
    known += [["rrn", command, *words.split()] for command in COMMANDS for words in OF_EVERY] + [["rrn"]]
    lines = [*known, *random.sample(drawn, max(0, options.lines - len(known)))]
    faults, codes, longest = [], Counter(), 0.0
    began = time.monotonic()
    with tempfile.TemporaryDirectory() as home:
        os.chdir(home)
        signal.signal(signal.SIGALRM, _too_long)
        for line in lines:
            start = time.monotonic()
            code, fault = run(line)
            codes[code] += 1
            longest = max(longest, time.monotonic() - start)
            if fault:
                faults.append(f"{' '.join(line)[:150]}: {fault}")
        os.chdir("/")
    print("\n".join(faults).encode("utf-8", "backslashreplace").decode(), end="\n" if faults else "")
    print(
        f"{len(lines)} command lines in {time.monotonic() - began:.0f} s, the longest {longest:.1f} s: {codes[0]} with "
        f"exit code 0, {codes[2]} with 2, {len(faults)} faults"
    )
    raise SystemExit(bool(faults))


CFG = ["--cfg", "job"]  # all is composed and checked, and nothing trained


def lines_of_settings() -> Iterator[list[str]]:
    """Yield a command line for each setting of each choice and each odd value."""
    for choice in CHOICES:
        kind, _, name = choice[-1].partition("=")
        if kind == "agent":
            names = setting_names(AGENTS[name], "agent.")
        elif kind == "env":
            names = [key for each in ENVS.values() if name in each.games() for key in setting_names(each, "env.")]
        else:
            names = setting_names(ACTS.get(name, ActConfig), "act.") + setting_names(Config)
        for key in names:
            yield from (["train", *choice, f"{key}={value}", *CFG] for value in VALUES)


def run(line: list[str]) -> tuple[object, str]:
    """Run one command line in this process; return its exit code, and what is wrong with how it ended, or nothing."""
    module = "rrn" if line[0] == "rrn" else f"rrn.{line[0]}"
    sys.argv = [module, *line[1:]]
    out, err, code = io.StringIO(), io.StringIO(), 0
    signal.alarm(SECONDS)
    try:
        with contextlib.redirect_stdout(out), contextlib.redirect_stderr(err):
            runpy.run_module(module, run_name="__main__", alter_sys=True)
    except SystemExit as end:
        code = end.code or 0
    except BaseException:
        return None, traceback.format_exc().strip().splitlines()[-1][:300]
    finally:
        signal.alarm(0)
    errors = [text for text in err.getvalue().splitlines() if not text.startswith(("note: ", "warning: "))]
    if code not in (0, 2):
        return code, f"exit code {code}: {errors[-1:]}"
    if code == 2 and (len(errors) != 1 or not errors[0].startswith("error: ") or "Traceback" in errors[0]):
        return code, f"not one sentence: {errors[:3]}"
    if code == 2 and len(errors[0]) > 700:
        return code, f"a sentence of {len(errors[0])} characters"
    return code, ""


def _too_long(number: int, frame: object) -> None:
    raise TooLong(f"not over after {SECONDS} s")


class TooLong(BaseException):
    """A line takes too long; no command catches this as an error of its own."""


if __name__ == "__main__":
    main()
