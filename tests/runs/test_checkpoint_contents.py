"""Checkpoints that ask for more memory or time than their bytes deserve; scripts/reliability has more of them."""

from __future__ import annotations

import os
import pickle
import zipfile
from collections import OrderedDict

import pytest
import torch

from rrn.common.errors import UserError
from rrn.runs import checkpoint
from rrn.runs.checkpoint_contents import check_contents


class Call:
    def __init__(self, function, *arguments):
        self.call = function, arguments

    def __reduce__(self):
        return self.call


def tensor(numel, size, stride):
    """Pickle a tensor of a storage with this many numbers."""
    lists = [f"({''.join(f'I{number}{chr(10)}' for number in numbers)}t" for numbers in (size, stride)]
    return (
        "ctorch._utils\n_rebuild_tensor_v2\n((S'storage'\nctorch\nFloatStorage\nS'0'\nS'cpu'\n"
        f"I{numel}\ntQI0\n{''.join(lists)}I00\nccollections\nOrderedDict\n(tRtR."
    ).encode()


def laughs():
    value = ["ha"]
    for _ in range(40):
        value = [value] * 2
    return value


def written(path, content, method=zipfile.ZIP_STORED):
    with zipfile.ZipFile(path, "w", method) as archive:
        archive.writestr("archive/data.pkl", content)
        archive.writestr("archive/data/0", bytes(4_000))
    return path


@pytest.mark.parametrize(
    ("content", "message"),
    [
        (pickle.dumps(Call(os.system, "touch owned"), 2), "it holds 'posix.system'"),
        (pickle.dumps(Call(bytearray, 1 << 36), 2), "it holds '(__builtin__|builtins).bytearray'"),
        (tensor(1 << 34, (4,), (1,)), "expected 17179869184 numbers in data/'0', got fewer"),
        (tensor(1_000, (1 << 34,), (1,)), "a tensor larger than its bytes"),
        (tensor(1_000, (1 << 40,), (0,)), "a tensor larger than its bytes"),
        (tensor(1_000, (-4,), (1,)), "a tensor of an impossible size"),
        (tensor(1_000, (1_001,), (1,)), "a tensor larger than its bytes"),
        (pickle.dumps(laughs(), 2), "more than 1,000,000 values"),
        (b"\x80\x02" + b"]" * 100_000 + b"a" * 99_999 + b".", "nested more than 50 deep"),
        (b"\x80\x05\x96" + (1 << 36).to_bytes(8, "little") + b".", ""),
    ],
)
def test_what_asks_for_more_than_its_bytes_is_refused(tmp_path, content, message):
    path = written(tmp_path / "step_0000000001.pt", content)
    with pytest.raises((pickle.UnpicklingError, zipfile.BadZipFile, ValueError), match=message):
        check_contents(path)
    with pytest.raises(UserError, match=r"step_0000000001\.pt: this (file|checkpoint) "):
        checkpoint.load(path)
    assert not os.path.exists("owned")


def test_compressed_entries_are_refused(tmp_path):
    path = written(tmp_path / "step_0000000001.pt", tensor(1_000, (1_000,), (1,)), zipfile.ZIP_DEFLATED)
    with pytest.raises(UserError, match="its entries are compressed"):
        checkpoint.load(path)


def test_what_a_run_may_save_is_loaded(tmp_path):
    base = torch.arange(12.0).reshape(3, 4)
    state = {"a": OrderedDict(x=base.t()), "b": [base[1:, ::2], torch.tensor(True)], "c": (1, 2.5, "x", None, b"y")}
    state |= {
        "d": torch.nn.Parameter(torch.ones(2, dtype=torch.bfloat16)),
        "e": torch.Size([1]),
        "f": torch.zeros(0, 5),
    }
    path = checkpoint.save(tmp_path, 1, state, 1)
    loaded = checkpoint.load(path)
    assert torch.equal(loaded["b"][0], base[1:, ::2])
    assert torch.equal(loaded["d"], state["d"])
    assert (loaded["c"], loaded["e"], loaded["f"].shape) == (state["c"], state["e"], (0, 5))


def test_a_pipe_is_no_checkpoint(tmp_path):
    os.mkfifo(tmp_path / "step_0000000001.pt")
    with pytest.raises(UserError, match="expected a file, got something else"):
        checkpoint.load(tmp_path / "step_0000000001.pt")
