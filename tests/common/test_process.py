"""Commands whose surroundings are not as usual: Ctrl-C while they start, closed streams, no folder, ASCII alone."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time

import pytest

from rrn.common.process import escape_bytes
from rrn.runs.status_file import read_status

PYTHON = [sys.executable, "-m"]
TRAIN = ["rrn.train", "experiment=smoke", "env=CartPole", "steps=20", "threads=1", "device=cpu", "run_dir=run"]
COMMANDS = {
    "train": [*TRAIN[:3], "steps=100000000", *TRAIN[4:]],
    "evaluate": ["rrn.evaluate", "."],
    "doctor": ["rrn.doctor"],
    "fit": ["rrn.fit", "gelu", "--plot", "gelu.png"],
    "rrn": ["rrn", "report", "."],
}


def closed(*numbers: int):
    """Close some of the standard streams in a child."""
    return lambda: [os.close(number) for number in numbers]


@pytest.fixture
def ready(tmp_path):
    """Environment of a Python that makes the file `ready` when it has started, before the first line of a command."""
    (tmp_path / "site").mkdir()
    (tmp_path / "site" / "sitecustomize.py").write_text(f"open({str(tmp_path / 'ready')!r}, 'w').close()\n")
    search = os.pathsep.join([str(tmp_path / "site"), os.environ.get("PYTHONPATH", "")])
    return {**os.environ, "PYTHONPATH": search}


@pytest.mark.slow
@pytest.mark.parametrize(
    ("name", "file", "moment"),
    [
        ("train", "ready", 0.05),
        ("train", "ready", 0.3),
        ("train", "ready", 0.7),
        ("train", "ready", 1.5),
        ("train", "run/shapes.png", 0.1),  # after the first evaluation
        ("evaluate", "ready", 0.1),
        ("doctor", "ready", 0.3),
        ("fit", "ready", 0.6),
        ("rrn", "ready", 0.3),
    ],
)
def test_ctrl_c_at_any_moment_is_one_line(tmp_path, ready, name, file, moment):
    arguments = [*PYTHON, *COMMANDS[name]]
    process = subprocess.Popen(
        arguments, cwd=tmp_path, env=ready, stdout=subprocess.DEVNULL, stderr=subprocess.PIPE, text=True
    )
    try:
        while not (tmp_path / file).exists():
            time.sleep(0.001)
        time.sleep(moment)
        process.send_signal(signal.SIGINT)
        _, error = process.communicate(timeout=600)
    finally:
        process.kill()
    lines = [line for line in error.splitlines() if line.startswith(("stopp", "Traceback", "KeyboardInterrupt"))]
    assert "Traceback" not in error
    if process.returncode == 130:
        assert 1 <= len(lines) <= 2, error  # training says that it stops after this step
        assert lines[-1].startswith("stop")
    else:  # it was over before
        assert name != "train"
        assert process.returncode in (0, 2, -signal.SIGINT)  # the last: when Python had given its handlers back


@pytest.mark.slow
@pytest.mark.parametrize("numbers", [(2,), (0, 1, 2)], ids=str)
def test_a_run_with_closed_streams_is_like_any_other(tmp_path, numbers):
    """Where its standard output is open, nobody reads it."""
    read, write = os.pipe()
    os.close(read)
    done = subprocess.run([*PYTHON, *TRAIN], cwd=tmp_path, stdout=write, preexec_fn=closed(*numbers))
    os.close(write)
    assert done.returncode == 0
    assert read_status(tmp_path / "run").state == "done"
    rows = (tmp_path / "run" / "scalars.csv").read_text("utf-8").splitlines()
    assert rows[0] == "step,name,value"
    assert all(len(row.split(",")) == 3 for row in rows)  # nothing that was meant for the terminal is in a file
    wrong = subprocess.run([*PYTHON, "rrn.train", "act=relo"], cwd=tmp_path, preexec_fn=closed(*numbers))
    assert wrong.returncode == 2


@pytest.mark.slow
@pytest.mark.parametrize("numbers", [(), (0,), (1,), (1, 2)], ids=str)
def test_no_file_takes_the_place_of_a_closed_stream(tmp_path, numbers):
    code = (
        "import sys; from rrn.common.process import begin_command; begin_command()\n"
        "file = open('file', 'w'); assert file.fileno() > 2; print('printed'); print('printed', file=sys.stderr)"
    )
    done = subprocess.run([sys.executable, "-c", code], cwd=tmp_path, preexec_fn=closed(*numbers))
    assert done.returncode == 0
    assert (tmp_path / "file").read_text() == ""


@pytest.mark.slow
@pytest.mark.parametrize("module", ["rrn.train", "rrn.evaluate", "rrn.report", "rrn.doctor", "rrn.fit", "rrn"])
def test_a_folder_that_is_gone_is_a_sentence(tmp_path, module):
    gone = tmp_path / "gone"
    gone.mkdir()
    done = subprocess.run([*PYTHON, module], cwd=gone, preexec_fn=gone.rmdir, capture_output=True, text=True)
    assert done.returncode == 2
    assert done.stderr == "error: the working folder is gone; go to another one with cd, and start again there.\n"


@pytest.mark.slow
def test_words_that_are_not_utf8_are_refused(tmp_path):
    wrong = subprocess.run([*PYTHON, "rrn.train", b"run_dir=caf\xe9"], cwd=tmp_path, capture_output=True)
    assert wrong.returncode == 2
    assert wrong.stderr == b"error: run_dir=caf\\xe9: this is not UTF-8; rename what it names, and give the new name.\n"


@pytest.mark.slow
def test_a_python_of_ascii_says_what_it_cannot_read(tmp_path):
    ascii_only = {**os.environ, "PYTHONUTF8": "0", "LC_ALL": "C", "PYTHONCOERCECLOCALE": "0"}
    wrong = subprocess.run(
        [*PYTHON, "rrn.train", "run_dir='läufe'".encode()], cwd=tmp_path, env=ascii_only, capture_output=True
    )
    assert wrong.returncode == 2
    assert wrong.stderr == b"error: run_dir='l\\xe4ufe': Python reads arguments as ascii here; set PYTHONUTF8=1.\n"


def test_names_that_are_not_utf8_are_printable():
    assert escape_bytes(b"caf\xe9".decode("utf-8", "surrogateescape")) == r"caf\xe9"
    assert escape_bytes("café") == "café"
