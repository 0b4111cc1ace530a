"""The command `rrn`, or `python -m rrn`: `rrn train ...` is `python -m rrn.train ...`; alone it lists the commands."""

from __future__ import annotations

import runpy
import sys

import rrn
from rrn.common.errors import nearest

COMMANDS = {
    "train": "train an agent, or with -m several",
    "evaluate": "play whole games with trained agents, film or show them",
    "export": "write a trained policy for onnxruntime, torch or Stable-Baselines3",
    "status": "show what the runs under a folder are doing",
    "report": "put runs beside the paper: scores, intervals, curves, one page",
    "study": "list or start all runs of a plan, such as the paper's",
    "tune": "search settings that score high",
    "reference": "show the paper's scores and protocol",
    "shapes": "draw the activations of runs over their training",
    "fit": "fit a rational to a function",
    "doctor": "say what is installed, and which kernels run where",
}


def main(arguments: list[str] | None = None) -> None:
    """Run the command that the first argument names, with the other ones; a wrong name ends with exit code 2."""
    name, *others = (sys.argv[1:] if arguments is None else arguments) or ["--help"]
    if name in ("-h", "--help"):
        print("usage: rrn COMMAND ...   (rrn COMMAND --help says more)\n")
        print("\n".join(f"  {command:10} {what}" for command, what in COMMANDS.items()))
    elif name == "--version":
        print(f"rrn {rrn.__version__}")
    elif name in COMMANDS:
        sys.argv = [f"python -m rrn.{name}", *others]
        runpy.run_module(f"rrn.{name}", run_name="__main__", alter_sys=True)
    else:
        print(f"error: {name}: no such command. {nearest(name, COMMANDS)}", file=sys.stderr)
        raise SystemExit(2)


if __name__ == "__main__":
    main()
