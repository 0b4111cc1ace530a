"""Checkpoints that ask torch for code, for memory or for time that they do not deserve."""

from __future__ import annotations

import io
import os
import pickle
import struct
import zipfile
import zlib
from collections.abc import Callable
from pathlib import Path

import torch

Spoil = Callable[[Path, Path], None]


def _last(run: Path) -> Path:
    return max((run / "checkpoints").glob("step_*.pt"))


def _write(path: Path, data: bytes) -> None:
    """Write a file with the seal of a whole checkpoint: whoever means harm can compute it."""
    data = data[:-2] + struct.pack("<H", 18)  # of the comment, which is empty
    path.write_bytes(data + b"rrn crc32 %08x" % zlib.crc32(data))


def _with_pickle(content: bytes, storages: dict[str, bytes] | None = None, method: int = zipfile.ZIP_STORED) -> Spoil:
    def spoil(run: Path, outside: Path) -> None:
        file = io.BytesIO()
        with zipfile.ZipFile(file, "w", method) as archive:
            archive.writestr("archive/data.pkl", content)
            archive.writestr("archive/version", "3\n")
            archive.writestr("archive/byteorder", "little")
            for key, data in (storages or {}).items():
                archive.writestr(f"archive/data/{key}", data)
        _write(_last(run), file.getvalue())

    return spoil


def _with_state(change: Callable[[dict], object]) -> Spoil:
    def spoil(run: Path, outside: Path) -> None:
        state = torch.load(_last(run), weights_only=True)
        change(state)
        file = io.BytesIO()
        torch.save(state, file)
        _write(_last(run), file.getvalue())

    return spoil


def _as_file(make: Callable[[Path, Path], None]) -> Spoil:
    def spoil(run: Path, outside: Path) -> None:
        path = _last(run)
        path.unlink()
        make(path, outside)

    return spoil


class _Call:
    def __init__(self, function: Callable, *arguments: object):
        self.call = function, arguments

    def __reduce__(self) -> tuple:
        return self.call


def _pickled(value: object) -> bytes:
    return pickle.dumps({"format": 3, "step": 400, "agent": value}, protocol=2)


def _tensor(numel: int, size: tuple[int, ...], stride: tuple[int, ...]) -> bytes:
    """Pickle a tensor of a storage of which the file has 4 bytes."""
    ints = "".join(f"I{n}\n" for n in size)
    steps = "".join(f"I{n}\n" for n in stride)
    return (
        f"(dS'format'\nI3\nsS'step'\nI400\nsS'agent'\nctorch._utils\n_rebuild_tensor_v2\n((S'storage'\nctorch\nFloatStorage\n"
        f"S'0'\nS'cpu'\nI{numel}\ntQI0\n({ints}t({steps}tI00\nccollections\nOrderedDict\n(tRtRs."
    ).encode()


def _laughs() -> list:
    value: list = ["ha"]
    for _ in range(40):
        value = [value] * 2
    return value


def _deep() -> bytes:
    return b"\x80\x02}X\x05\x00\x00\x00agent" + b"]" * 100_000 + b"a" * 99_999 + b"s."


CHECKPOINTS: dict[str, Spoil] = {
    "a command": _with_pickle(_pickled(_Call(os.system, "touch owned"))),
    "eval": _with_pickle(_pickled(_Call(eval, "open('owned', 'w')"))),
    "a byte array of 64 GB": _with_pickle(_pickled(_Call(bytearray, 1 << 36))),
    "a storage of 64 GB": _with_pickle(_tensor(1 << 34, (4,), (1,)), {"0": bytes(4)}),
    "a tensor beyond its storage": _with_pickle(_tensor(1, (1 << 34,), (1,)), {"0": bytes(4)}),
    "a tensor of one number many times": _with_pickle(_tensor(1, (1 << 40,), (0,)), {"0": bytes(4)}),
    "a negative size": _with_pickle(_tensor(1, (-4,), (1,)), {"0": bytes(4)}),
    "a missing storage": _with_pickle(_tensor(1, (1,), (1,))),
    "an integer for a dictionary": _with_pickle(b"I5\n."),
    "an integer of 5,000 digits": _with_pickle(_pickled(10**5_000)),
    "lists of lists": _with_state(lambda state: state.update(agent={**state["agent"], "x": _laughs()})),
    "lists 100,000 deep": _with_pickle(_deep()),
    "a memo of 2^31": _with_pickle(b"\x80\x02Nr\xff\xff\xff\x7f."),
    "a compressed bomb": _with_pickle(_pickled(1), {"0": bytes(1 << 28)}, zipfile.ZIP_DEFLATED),
    "no pickle": _with_pickle(b"hello"),
    "weights of NaN": _with_state(lambda state: [v.fill_(float("nan")) for v in _floats(state["agent"])]),
    "no weights": _with_state(lambda state: state.pop("agent")),
    "a step of text": _with_state(lambda state: state.update(step="x")),
    "lengths of text": _with_state(lambda state: state.update(lengths=dict.fromkeys(state["lengths"], "x"))),
    "the variable of a stranger's settings": _with_state(
        lambda state: state["run"].update(config="experiment: ${oc.env:RRN_SECRET}\n")
    ),
    "a pipe": _as_file(lambda path, outside: os.mkfifo(path)),
    "a folder": _as_file(lambda path, outside: path.mkdir()),
    "a device": _as_file(lambda path, outside: path.symlink_to("/dev/zero")),
    "nothing": _as_file(lambda path, outside: path.touch()),
}


def _floats(values: object) -> list[torch.Tensor]:
    if isinstance(values, torch.Tensor):
        return [values] if values.is_floating_point() else []
    parts = values.values() if isinstance(values, dict) else values if isinstance(values, list | tuple) else ()
    return [tensor for part in parts for tensor in _floats(part)]
