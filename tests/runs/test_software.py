"""What a run was made with: noted at each start, compared on resume, shown by the report."""

import json
import subprocess

import pytest
import torch
from helpers.made_runs import make_run

from rrn.report.__main__ import main
from rrn.runs import software as software_module
from rrn.runs.software import SOFTWARE_FILE, note_software, processor, read_software, version_of

CPU = torch.device("cpu")
TINY = ("env=CartPole", "act=rational", "experiment=smoke", "threads=1", "device=cpu")


def test_versions():
    assert version_of("no-such-package") is None
    assert version_of("torch") == torch.__version__
    assert version_of("rrn").startswith("0.")


def test_the_processor_is_named_by_its_model(tmp_path):
    """The models of two processors with the same instructions can give different last bits."""
    info = tmp_path / "cpuinfo"
    one = "processor\t: {}\ncpu family\t: 6\nmodel\t\t: {}\nmodel name\t: Xeon\nstepping\t: 1\n"
    info.write_text("\n".join(one.format(core, 167) for core in range(2)))
    assert processor(info) == "Xeon, 6, 167, 1"
    info.write_text(one.format(0, 143))
    assert processor(info) == "Xeon, 6, 143, 1"
    info.write_text("processor\t: 0\nBogoMIPS\t: 50.00\nCPU implementer\t: 0x41\nCPU part\t: 0xd40\n")
    assert processor(info) == "0x41, 0xd40"
    assert processor(tmp_path / "none")
    assert note_software(tmp_path, CPU, 0) is None
    assert read_software(tmp_path)[0]["processor"] == processor()


def test_a_checkout_has_its_commit_and_a_package_has_none(tmp_path, monkeypatch):
    (tmp_path / "rrn").mkdir()
    monkeypatch.setattr(software_module, "__file__", str(tmp_path / "rrn/runs/software.py"))
    assert " at " not in version_of("rrn")

    def git(*words):
        who = ("-c", "user.name=a", "-c", "user.email=a@example.org")
        return subprocess.run(
            ["git", "-C", tmp_path, *who, *words], check=True, capture_output=True, text=True
        ).stdout.strip()

    git("init")
    (tmp_path / "a").write_text("1")
    git("add", "a")
    git("commit", "-m", "a")
    assert version_of("rrn").endswith(f" at {git('rev-parse', '--short', 'HEAD')}")
    (tmp_path / "a").write_text("2")
    assert version_of("rrn").endswith("-dirty")
    monkeypatch.setenv("PATH", "")
    assert " at " not in version_of("rrn")


def test_each_start_is_noted_and_compared_with_the_one_before(tmp_path):
    assert note_software(tmp_path, CPU, 0) is None
    assert note_software(tmp_path, CPU, 50) is None
    first, second = read_software(tmp_path)
    assert (first["step"], second["step"], first["torch"], first["device"]) == (0, 50, torch.__version__, "cpu")
    older = {**second, "torch": "1.0", "jax": "0.1"} | {"step": 60}
    with open(tmp_path / SOFTWARE_FILE, "a") as file:
        file.write(json.dumps(older) + "\n")
    assert note_software(tmp_path, CPU, 70) == f"torch was 1.0 and is {torch.__version__}; jax was 0.1 and is not there"


def test_a_process_of_which_nothing_is_left_does_not_count(tmp_path):
    for step in (0, 50, 50):  # the second one was killed before its first checkpoint
        note_software(tmp_path, CPU, step)
    assert [one["step"] for one in read_software(tmp_path)] == [0, 50]
    note_software(tmp_path, CPU, 0)  # its checkpoints are gone
    assert [one["step"] for one in read_software(tmp_path)] == [0]


@pytest.mark.parametrize("damage", [b"{", b"\xff\x00\n", b"3\n", b"[" * 100_000 + b"\n"])
def test_damaged_lines_are_left_out(tmp_path, damage):
    note_software(tmp_path, CPU, 0)
    with open(tmp_path / SOFTWARE_FILE, "ab") as file:
        file.write(damage)
    assert [one["step"] for one in read_software(tmp_path)] == [0]
    note_software(tmp_path, CPU, 10)
    assert [one["step"] for one in read_software(tmp_path)] == [0, 10]


@pytest.mark.slow
def test_a_run_that_goes_on_with_other_software_says_so(tmp_path, command):
    arguments = ("rrn.train", *TINY, f"run_dir={tmp_path}")
    assert "goes on, but" not in command(*arguments, "steps=50").stderr
    again = command(*arguments, "steps=100", "resume=true")
    assert again.returncode == 0
    assert "goes on, but" not in again.stderr
    text = (tmp_path / SOFTWARE_FILE).read_text()
    assert [one["step"] for one in read_software(tmp_path)] == [0, 50]
    (tmp_path / SOFTWARE_FILE).write_text(text.replace(torch.__version__, "1.0"))
    finished = command(*arguments, "steps=100", "resume=true")  # nothing is left to do
    assert "goes on, but" not in finished.stderr
    other = command(*arguments, "steps=150", "resume=true")
    assert f"torch was 1.0 and is {torch.__version__}: the run goes on, but" in " ".join(other.stderr.split())


def test_the_report_says_which_versions_made_which_runs(tmp_path, capsys):
    for seed in range(3):
        folder = make_run(tmp_path / "runs", "Pong", "relu", seed)
        note_software(folder, CPU, 0)
    page = tmp_path / "page.html"
    main([str(tmp_path / "runs"), "--out", str(page)])
    assert "same versions" not in capsys.readouterr().out
    assert f"torch {torch.__version__}" in page.read_text()
    line = (folder / SOFTWARE_FILE).read_text()
    (folder / SOFTWARE_FILE).write_text(line.replace(torch.__version__, "1.0<b>"))
    note_software(folder, CPU, 50)
    main([str(tmp_path / "runs"), "--out", str(page)])
    printed = " ".join(capsys.readouterr().out.split())
    assert (
        f"Not all runs were made with the same versions (in brackets: runs): torch 1.0<b> (1), {torch.__version__} (3)."
        in printed
    )
    assert "from step 50: python" in page.read_text()
    assert "torch 1.0&lt;b&gt;" in page.read_text()
