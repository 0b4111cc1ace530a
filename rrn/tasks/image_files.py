"""Read MNIST and CIFAR-10 from a folder in which torchvision has stored them."""

from __future__ import annotations

import gzip
import io
import pickle
from pathlib import Path
from typing import Any

import numpy as np

IDX_HEAD = {1: 8, 3: 16}  # bytes before the numbers, by the dimensions of a file
ALLOWED = {("numpy.core.multiarray", "_reconstruct"), ("numpy", "ndarray"), ("numpy", "dtype")}
ALLOWED |= {("numpy._core.multiarray", "_reconstruct"), ("_codecs", "encode")}


def read_mnist(folder: Path) -> list[np.ndarray]:
    """Read images [n, 28, 28] uint8 and labels [n] of MNIST/raw in a folder, those to learn from and those for tests.

    Raises:
        OSError, ValueError: a file is missing or damaged.
    """
    raw = folder / "MNIST" / "raw"
    kinds = ("images-idx3-ubyte", "labels-idx1-ubyte")
    return [_read_idx(raw / f"{part}-{kind}") for part in ("train", "t10k") for kind in kinds]


def _read_idx(path: Path) -> np.ndarray:
    packed = path.with_name(f"{path.name}.gz")
    content = path.read_bytes() if path.exists() else gzip.decompress(packed.read_bytes())
    dimensions = content[3] if len(content) > 3 else 0
    if content[:3] != b"\0\0\x08" or dimensions not in IDX_HEAD:
        raise ValueError(f"{path}: expected a file of idx format with bytes")
    shape = np.frombuffer(content[4 : IDX_HEAD[dimensions]], dtype=">u4")
    return np.frombuffer(content[IDX_HEAD[dimensions] :], dtype=np.uint8).reshape(shape)


def read_cifar10(folder: Path) -> list[np.ndarray]:
    """Read images [n, 32, 32, 3] uint8 and labels [n] of cifar-10-batches-py in a folder, as `read_mnist` does.

    Raises:
        OSError, ValueError: a file is missing or damaged.
    """
    found = []
    for names in ([f"data_batch_{k}" for k in range(1, 6)], ["test_batch"]):
        batches = [_read_batch(folder / "cifar-10-batches-py" / name) for name in names]
        images = np.concatenate([batch[b"data"] for batch in batches]).reshape(-1, 3, 32, 32)
        found += [images.transpose(0, 2, 3, 1), np.concatenate([batch[b"labels"] for batch in batches])]
    return found


def _read_batch(path: Path) -> dict[bytes, Any]:
    try:
        return _ArraysOnly(io.BytesIO(path.read_bytes()), encoding="bytes").load()
    except (pickle.UnpicklingError, EOFError, KeyError, TypeError) as error:
        raise ValueError(f"{path}: expected a batch of CIFAR-10 ({error})") from error


class _ArraysOnly(pickle.Unpickler):
    """Unpickle arrays, numbers, texts and lists, and nothing that runs code."""

    def find_class(self, module: str, name: str) -> Any:
        if (module, name) not in ALLOWED:
            raise pickle.UnpicklingError(f"{module}.{name} is no array")
        return super().find_class(module, name)
