"""Checkpoints: damaged ones are recognised, a full disk costs nothing, and nothing in them is run."""

from __future__ import annotations

import errno
import os
import pickle
import subprocess
import sys
import time
import zipfile

import numpy as np
import pytest
import torch

from rrn.agents.dqn.replay import ReplayBuffer
from rrn.common.errors import UserError
from rrn.runs import checkpoint

STATE = {"weights": torch.arange(1000.0), "step": 7, "name": "x", "nested": {"list": [1, 2.5, torch.ones(2)]}}


def test_what_is_saved_comes_back(tmp_path):
    checkpoint.save(tmp_path, 7, STATE, keep=2)
    path, state = checkpoint.load_last(tmp_path)
    assert path.name == "step_0000000007.pt"
    assert torch.equal(state["weights"], STATE["weights"])
    assert state["nested"]["list"][:2] == [1, 2.5]


def test_the_last_ones_are_kept(tmp_path):
    for step in (1, 20, 300):
        checkpoint.save(tmp_path, step, STATE, keep=2)
    assert [p.name for p in checkpoint.find(tmp_path)] == ["step_0000000020.pt", "step_0000000300.pt"]
    assert len(list(tmp_path.iterdir())) == 2


def test_a_later_one_goes_when_the_run_has_gone_back_behind_it(tmp_path):
    for step in (1, 3):
        checkpoint.save(tmp_path, step, STATE, keep=1)
    checkpoint.save(tmp_path, 2, STATE, keep=1)
    assert [p.name for p in tmp_path.iterdir()] == ["step_0000000002.pt"]


def cut(path):
    path.write_bytes(path.read_bytes()[:-100])


def cut_in_half(path):
    path.write_bytes(path.read_bytes()[: path.stat().st_size // 2])


def empty(path):
    path.write_bytes(b"")


def flip_one_bit_of_a_tensor(path):
    data = bytearray(path.read_bytes())
    data[data.index(torch.tensor(500.0).numpy().tobytes())] ^= 1
    path.write_bytes(data)


def other_text(path):
    path.write_text("not a checkpoint")


@pytest.mark.parametrize("damage", [cut, cut_in_half, empty, flip_one_bit_of_a_tensor, other_text])
def test_a_damaged_checkpoint_is_recognised_and_the_one_before_is_used(tmp_path, capsys, damage):
    checkpoint.save(tmp_path, 1, STATE, keep=3)
    damage(checkpoint.save(tmp_path, 2, STATE, keep=3))
    path, _ = checkpoint.load_last(tmp_path)
    assert path.name == "step_0000000001.pt"
    warning = capsys.readouterr().err
    assert "step_0000000002.pt: this checkpoint is damaged" in warning
    assert "Trying the one before it" in warning
    damage(path)
    with pytest.raises(UserError, match="none of the 2 checkpoints is whole"):
        checkpoint.load_last(tmp_path)


def test_every_byte_of_the_tensors_is_guarded(tmp_path):
    path = checkpoint.save(tmp_path, 1, {"x": torch.arange(64.0)}, keep=1)
    whole = path.read_bytes()
    with zipfile.ZipFile(path) as archive:
        entry = next(i for i in archive.infolist() if i.filename.endswith("data/0"))
    start = whole.index(torch.arange(64.0).numpy().tobytes())
    for position in range(start, start + entry.file_size, 17):
        path.write_bytes(whole[:position] + bytes([whole[position] ^ 4]) + whole[position + 1 :])
        with pytest.raises(UserError, match="damaged"):
            checkpoint.load(path)


def without_checksum(path):
    """Take the seal off, as of checkpoints made before there was one."""
    data = path.read_bytes()
    assert checkpoint.CHECKSUM.fullmatch(data[-checkpoint.CHECKSUM_BYTES :])
    path.write_bytes(data[: -checkpoint.CHECKSUM_BYTES - 2] + b"\0\0")
    assert torch.equal(torch.load(path)["weights"], STATE["weights"])


@pytest.mark.slow
def test_every_flipped_bit_is_damage_wherever_it_is(tmp_path):
    """In the tensors, the names, the directory, the end of the zip, the checksum itself."""
    path = checkpoint.save(tmp_path, 1, STATE, keep=1)
    whole = path.read_bytes()
    harmless = 0
    for position in range(len(whole)):
        path.write_bytes(whole[:position] + bytes([whole[position] ^ (1 << position % 8)]) + whole[position + 1 :])
        try:
            state = checkpoint.load(path)
        except checkpoint.Damaged:
            continue
        harmless += 1  # of the words of the checksum, without which the zip has its own
        assert position >= len(whole) - checkpoint.CHECKSUM_BYTES - 2
        assert torch.equal(state["weights"], STATE["weights"])
    assert harmless < checkpoint.CHECKSUM_BYTES


def test_flipped_bits_in_the_directory_of_an_older_checkpoint_are_damage(tmp_path, capsys):
    """Bytes of an entry that no checksum guards: flags, sizes, lengths of its parts."""
    checkpoint.save(tmp_path, 1, STATE, keep=3)
    path = checkpoint.save(tmp_path, 2, STATE, keep=3)
    without_checksum(path)
    whole = path.read_bytes()
    entries = [i for i in range(len(whole)) if whole.startswith(b"PK\x01\x02", i)]
    assert len(entries) > 5
    damaged = 0
    for entry in entries:
        for byte in (9, *range(20, 28), *range(33, 36)):
            for bit in range(8):
                at = entry + byte
                path.write_bytes(whole[:at] + bytes([whole[at] ^ 1 << bit]) + whole[at + 1 :])
                used, state = checkpoint.load_last(tmp_path)
                assert torch.equal(state["weights"], STATE["weights"])
                damaged += used != path
    assert damaged > 400
    assert "Trying the one before it." in capsys.readouterr().err


def test_there_is_no_one_before_the_first(tmp_path, capsys):
    cut(checkpoint.save(tmp_path, 1, STATE, keep=3))
    with pytest.raises(UserError, match="none of the 1 checkpoints is whole"):
        checkpoint.load_last(tmp_path)
    warning = capsys.readouterr().err
    assert "step_0000000001.pt: this checkpoint is damaged" in warning
    assert "before it" not in warning


@pytest.mark.filterwarnings("ignore")
@pytest.mark.parametrize("kind", ["TorchScript", "pickle", "module"])
def test_nobody_is_told_to_load_a_file_in_another_way(tmp_path, kind):
    """torch itself advises weights_only=False, which runs what is in the file."""
    path = tmp_path / "step_0000000001.pt"
    layer = torch.nn.Linear(2, 2)
    if kind == "TorchScript":
        torch.jit.save(torch.jit.script(layer), path)
    elif kind == "module":
        torch.save({"format": checkpoint.FORMAT, "agent": layer}, path)
    else:
        torch.save({"format": checkpoint.FORMAT, "agent": Evil(tmp_path / "x")}, path)
    with pytest.raises(
        UserError, match=r"is no checkpoint of a run: it holds more than tensors, .* take it out"
    ) as error:
        checkpoint.load_last(tmp_path)
    assert "weights_only" not in str(error.value)
    assert not (tmp_path / "x").exists()


class Evil:
    def __init__(self, path):
        self.path = path

    def __reduce__(self):
        return os.mkdir, (str(self.path),)


def test_a_stranger_s_checkpoint_cannot_run_anything(tmp_path):
    victim = tmp_path / "made_by_the_checkpoint"
    torch.save({"format": 1, "weights": Evil(victim)}, tmp_path / "step_0000000001.pt")
    with pytest.raises(UserError):
        checkpoint.load_last(tmp_path)
    assert not victim.exists()
    assert pickle.loads(pickle.dumps(Evil(victim))) is None  # the attack itself works
    assert victim.exists()


def test_another_format_is_refused(tmp_path):
    torch.save({"format": 0}, tmp_path / "step_0000000001.pt")
    with pytest.raises(UserError, match="written by another version"):
        checkpoint.load(tmp_path / "step_0000000001.pt")


FULL = """
import resource, signal, sys, torch
from pathlib import Path
from rrn.runs import checkpoint
from rrn.common.errors import UserError
signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
resource.setrlimit(resource.RLIMIT_FSIZE, (100_000, 100_000))
checkpoint.save(Path(sys.argv[1]), 1, {"x": torch.zeros(10)}, keep=2)
try:
    checkpoint.save(Path(sys.argv[1]), 2, {"x": torch.rand(100_000)}, keep=2)
except UserError as error:
    print(error)
"""


@pytest.mark.slow
def test_a_full_disk_leaves_the_last_checkpoint(tmp_path):
    """A limit on the size of files makes the write fail in the middle, as a full disk does."""
    process = subprocess.run([sys.executable, "-c", FULL, tmp_path], capture_output=True, text=True, timeout=900)
    assert "could not be written" in process.stdout
    assert "resume=true from step_0000000001.pt" in process.stdout
    assert [p.name for p in tmp_path.iterdir()] == ["step_0000000001.pt"]
    assert checkpoint.load_last(tmp_path)[0].name == "step_0000000001.pt"


@pytest.mark.slow
def test_memory_of_50_000_steps_is_saved_in_five_seconds_of_the_processor(tmp_path):
    """On real frames."""
    from rrn.config.compose import compose_config
    from rrn.envs import make_envs

    config = compose_config(["env=Breakout"])
    games = make_envs(config.env, 4, (0,))
    replay = ReplayBuffer(50_000, 4, games.frame_shape, games.frame_type, 4)
    generator = torch.Generator().manual_seed(0)
    for _ in range(1000):
        step = games.step(torch.randint(4, (4,), generator=generator).numpy())
        replay.add(step.observations[:, -1], *np.zeros((4, 4)))
    for env in range(4):
        base = env * replay.rows
        for row in range(1000, replay.rows, 1000):
            size = min(1000, replay.rows - row)
            replay.frames[base + row : base + row + size] = replay.frames[base : base + size]
        replay.added[env] = replay.rows
    began = time.process_time()  # a busy machine is slow, and that is no fault
    checkpoint.save(tmp_path, 1, {"replay": replay.state_dict()}, keep=1)
    assert time.process_time() - began < 5


def test_too_little_memory_is_no_damage(tmp_path, monkeypatch):
    for step in (1, 2):
        checkpoint.save(tmp_path, step, STATE, keep=3)

    def load(*arguments, **options):
        raise RuntimeError("DefaultCPUAllocator: can't allocate memory")

    monkeypatch.setattr(torch, "load", load)
    with pytest.raises(UserError, match=r"step_0000000002.pt: this checkpoint cannot be loaded .*allocate memory"):
        checkpoint.load_last(tmp_path)


@pytest.mark.parametrize("error", [OSError(errno.ESTALE, "stale"), OSError(errno.EIO, "io"), MemoryError()])
def test_a_checkpoint_that_cannot_be_read_now_is_no_damage(tmp_path, monkeypatch, error):
    for step in (1, 2):
        checkpoint.save(tmp_path, step, STATE, keep=3)

    def open_it(*arguments, **options):
        raise error

    monkeypatch.setattr(zipfile, "ZipFile", open_it)
    with pytest.raises(UserError, match=r"step_0000000002.pt: this checkpoint cannot be read now"):
        checkpoint.load_last(tmp_path)


def test_a_copy_under_another_name_is_the_users(tmp_path):
    checkpoint.save(tmp_path, 1, STATE, keep=1)
    (tmp_path / "step_best.pt").write_bytes((tmp_path / "step_0000000001.pt").read_bytes())
    checkpoint.save(tmp_path, 2, STATE, keep=1)
    assert checkpoint.load_last(tmp_path)[0].name == "step_0000000002.pt"
    assert sorted(path.name for path in tmp_path.iterdir()) == ["step_0000000002.pt", "step_best.pt"]


def test_half_a_file_of_a_killed_process_goes_with_the_next_one(tmp_path):
    (tmp_path / "step_0000000005.partial").write_bytes(b"half")
    checkpoint.save(tmp_path, 7, STATE, keep=2)
    assert [path.name for path in tmp_path.iterdir()] == ["step_0000000007.pt"]
