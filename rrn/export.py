"""Command `python -m rrn.export RUN --to FORMAT`: write a trained policy as a file for other programs.

python -m rrn.export runs/Pong/dqn-recurrent_rational/seed0 --to onnx

No file imports this one: `rrn.export_policy` is the same in Python.
"""

from __future__ import annotations

import sys
from pathlib import Path

from rrn.common.command_line import CommandParser
from rrn.common.console import cli_errors
from rrn.common.extras import needs
from rrn.common.files import expand_home

with cli_errors(), needs("python -m rrn.export", "rl"):
    from rrn.runs.folder import load_config

FORMATS = ("onnx", "torchscript", "safetensors", "sb3")


def main(arguments: list[str]) -> None:
    """Run the command line; a user's mistake ends with a one-line error and exit code 2."""
    parser = CommandParser("python -m rrn.export", "Write a trained policy as a file for other programs.")
    parser.add_argument("run", metavar="RUN", help="folder of the run")
    parser.add_argument("--to", required=True, choices=FORMATS, help="format of the file")
    parser.add_argument("--out", metavar="FILE", help="default: export/FORMAT/policy in the folder of the run")
    parser.add_argument("--checkpoint", metavar="FILE", help="default: the last one of the run")
    options = parser.parse_args(arguments)
    with cli_errors():
        run = Path(expand_home("RUN", options.run))
        out = options.out and Path(expand_home("--out", options.out))
        checkpoint = options.checkpoint and expand_home("--checkpoint", options.checkpoint)
        load_config(run)  # before torch is imported, which finding this mistake does not need
        with needs("python -m rrn.export", "rl"):
            from rrn.policies import export_policy
        path = export_policy(run, options.to, out, checkpoint=checkpoint)
        print(f"{path}, and its model card {path.with_name('README.md')}")


if __name__ == "__main__":
    main(sys.argv[1:])
