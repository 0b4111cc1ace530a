"""What answers at once: commands and readers that have no use for torch, in CPU time of the whole process."""

from __future__ import annotations

import os
import subprocess
import sys

import pytest

pytestmark = pytest.mark.slow

TORCH = 1.9  # CPU seconds of `import torch` where the limits were set
READERS = (  # in this order, so that the first to import it is named
    "rrn",
    "rrn.status",
    "rrn.reference.__main__",
    "rrn.config",
    "rrn.config.compose",
    "rrn.train",
    "rrn.evaluate",
    "rrn.study.__main__",
    "rrn.study.start",
    "rrn.sweeps.sweep",
    "rrn.reference",
    "rrn.reference.protocol",
    "rrn.runs.folder",
    "rrn.runs.status_file",
    "rrn.runs.scalars",
    "rrn.runs.software",
    "rrn.report.runs",
)


def cpu_seconds(folder, *arguments: str) -> tuple[float, int, str]:
    """CPU time of `python <arguments>` in a folder, its exit code, and what it printed."""
    with open(folder / "printed", "w+") as printed:
        child = subprocess.Popen([sys.executable, *arguments], cwd=folder, stdout=printed, stderr=printed)
        _, status, used = os.wait4(child.pid, 0)
        child.returncode = os.waitstatus_to_exitcode(status)
        printed.seek(0)
        return used.ru_utime + used.ru_stime, child.returncode, printed.read()


ANSWERS = [  # CPU seconds at most, exit code, text, command
    (0.8, 2, "Did you mean recurrent_rational?", ["rrn.train", "act=recurrent-rational"]),
    (0.8, 2, "Did you mean episodes?", ["rrn.evaluate", "run", "episods=3"]),
    (1.0, 0, "left: 450 runs, 48,045.0 M agent steps", ["rrn.study", "paper", "measure=false"]),
]


def test_mistakes_and_the_list_of_a_study_are_answered_at_once(tmp_path):
    """The limits are seconds; a machine that takes more than 1.9 to import torch is slower, or busy."""
    yardstick, late = [], {text: [] for _, _, text, _ in ANSWERS}
    for _ in range(5):  # the best of them: other programs share the caches of the processor
        yardstick.append(cpu_seconds(tmp_path, "-c", "import torch")[0])
        for limit, code, text, arguments in ANSWERS:
            if text in late:
                used, found, printed = cpu_seconds(tmp_path, "-m", *arguments)
                assert (found, text in printed) == (code, True), printed
                late[text].append(used)
                if min(late[text]) <= limit * max(1, min(yardstick) / TORCH):
                    del late[text]
    assert not late, yardstick


def test_readers_are_imported_without_torch():
    script = (
        "import sys; from importlib import import_module\n"
        "for name in sys.argv[1:]:\n"
        "    import_module(name)\n"
        "    assert not {'torch', 'stable_baselines3'} & sys.modules.keys(), name"
    )
    done = subprocess.run([sys.executable, "-c", script, *READERS], capture_output=True, text=True)
    assert done.returncode == 0, done.stderr


def test_the_folder_of_a_run_is_read_without_torch(tmp_path):
    script = (
        "import sys; from pathlib import Path; from dataclasses import replace\n"
        "from rrn.config.compose import compose_config\n"
        "from omegaconf import OmegaConf\n"
        "from rrn.runs.folder import check_folder, is_finished, load_config\n"
        "from rrn.report.runs import read_runs\n"
        "config = compose_config(['env=CartPole', 'act=rational', 'run_dir=run'])\n"
        "Path('run').mkdir(); Path('run/config.yaml').write_text(OmegaConf.to_yaml(config))\n"
        "assert load_config(Path('run')) == config\n"
        "check_folder(Path('run'), replace(config, resume=True)); assert not is_finished(config)\n"
        "assert len(read_runs([Path('run')])[0]) == 1\n"
        "print('torch' in sys.modules)"
    )
    done = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, check=True, cwd=tmp_path)
    assert done.stdout == "False\n"
