"""Compress observations for a checkpoint, in chunks, so that threads share the work."""

from __future__ import annotations

import zlib
from concurrent.futures import ThreadPoolExecutor

import torch
from torch import Tensor

CHUNK = 512  # rows that are compressed together


def compress(frames: Tensor) -> list[Tensor]:
    """Compress a tensor [rows, ...] to one tensor [bytes] uint8 for each chunk of rows."""
    with ThreadPoolExecutor() as pool:
        return list(pool.map(_compress, frames.split(CHUNK)))


def decompress(data: list[Tensor], target: Tensor) -> None:
    """Fill `target`, of the shape and dtype that `compress` was given, with those rows."""
    with ThreadPoolExecutor() as pool:
        list(pool.map(_decompress, data, target.split(CHUNK)))


def _compress(frames: Tensor) -> Tensor:
    return torch.frombuffer(bytearray(zlib.compress(frames.cpu().numpy().tobytes(), 1)), dtype=torch.uint8)


def _decompress(data: Tensor, target: Tensor) -> None:
    if target.numel():  # frombuffer refuses an empty buffer
        frames = torch.frombuffer(bytearray(zlib.decompress(data.numpy().tobytes())), dtype=target.dtype)
        target.copy_(frames.view_as(target))
