"""Damage checkpoints of each agent: each is refused in a sentence, or loads the values that were saved.

python scripts/reliability/damage.py [--each 1000] [--seed 0]

Bytes are flipped, cut off, zeroed, doubled or swapped, and entries are taken out of the zip file, of checkpoints as
they are and without a checksum, as older versions wrote them. Prints a line for each fault, and one of figures; exit
code 1 after faults.
"""

from __future__ import annotations

import argparse
import io
import math
import random
import sys
import tempfile
import time
import zipfile
from collections import Counter
from collections.abc import Callable
from functools import partial
from importlib import import_module
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parent))

import torch
from forked import call

from rrn.common.errors import UserError
from rrn.runs import checkpoint
from rrn.runs.checkpoint_files import find

AGENTS = ("dqn", "ddqn", "ppo", "pqn", "sb3_dqn", "sb3_ppo")
SETTINGS = ["experiment=smoke", "env=CartPole", "act=recurrent_rational", "device=cpu", "threads=1"]


def main() -> None:
    """Damage the checkpoints and exit with 1 if one of them is a fault."""
    parser = argparse.ArgumentParser(description="Damage checkpoints of each agent.")
    parser.add_argument("--each", type=int, default=1_000, help="damaged checkpoints of each agent")
    parser.add_argument("--seed", type=int, default=0)
    options = parser.parse_args()
    began, ends, faults = time.monotonic(), Counter[str](), 0
    with tempfile.TemporaryDirectory() as folder:
        for agent in AGENTS:
            draws = random.Random(f"{options.seed} {agent}")
            path = _trained(Path(folder) / agent, agent)
            whole, state = path.read_bytes(), checkpoint.load(path)
            for number in range(options.each):
                kind = list(DAMAGES)[number % len(DAMAGES)]
                data = whole if number // len(DAMAGES) % 2 else _without_checksum(whole)
                path.write_bytes(DAMAGES[kind](data, draws))
                end = _end(path, state)
                ends[end] += 1
                if end not in ("refused", "right values"):
                    faults += 1
                    print(f"{agent}, damage {number} ({kind}): {end}")
    figures = ", ".join(f"{number} {end}" for end, number in ends.most_common() if end in ("refused", "right values"))
    print(
        f"{ends.total()} damaged checkpoints of {len(AGENTS)} agents: {figures}, {faults} faults, "
        f"{time.monotonic() - began:.0f} s"
    )
    raise SystemExit(1 if faults else 0)


def _trained(folder: Path, agent: str) -> Path:
    """Train a run, and return its last checkpoint."""
    folder.mkdir()
    outcome = call(partial(_train, [*SETTINGS, f"agent={agent}", "run_dir=run"]), folder)
    if outcome.code:
        raise SystemExit(f"training the run to damage failed:\n{outcome.output}")
    return find(folder / "run/checkpoints")[-1]


def _train(arguments: list[str]) -> None:
    sys.argv = ["rrn.train", *arguments]
    import_module("rrn.train").main()


def _end(path: Path, state: dict) -> str:
    try:
        loaded = checkpoint.load(path)
    except UserError as error:
        sentence = str(error)
        return "refused" if sentence.startswith(f"{path}: ") and sentence.endswith(".") else f"says {sentence!r}"
    except Exception as error:
        return f"{type(error).__name__}: {error}"
    return "right values" if _same(loaded, state) else "other values"


def _same(value: object, other: object) -> bool:
    if type(value) is not type(other):
        return False
    if isinstance(value, torch.Tensor):
        return value.dtype == other.dtype and value.shape == other.shape and _bytes(value) == _bytes(other)
    if isinstance(value, dict):
        return list(value) == list(other) and all(_same(value[key], other[key]) for key in value)
    if isinstance(value, list | tuple):
        return len(value) == len(other) and all(map(_same, value, other))
    return value == other or (isinstance(value, float) and math.isnan(value) and math.isnan(other))


def _bytes(tensor: torch.Tensor) -> bytes:
    return tensor.contiguous().view(-1).view(torch.uint8).numpy().tobytes() if tensor.numel() else b""


def _without_checksum(data: bytes) -> bytes:
    """Take off the comment of the zip file, which holds the checksum."""
    return data[: -2 - checkpoint.CHECKSUM_BYTES] + b"\0\0"


def _flip(data: bytes, draws: random.Random, times: int = 1, begin: int = 0) -> bytes:
    changed = bytearray(data)
    for _ in range(times):
        changed[draws.randrange(begin, len(data))] ^= 1 << draws.randrange(8)
    return bytes(changed)


def _flip_in_directory(data: bytes, draws: random.Random) -> bytes:
    return _flip(data, draws, begin=data.find(b"PK\x01\x02"))


def _cut(data: bytes, draws: random.Random) -> bytes:
    return data[: draws.randrange(len(data))]


def _part(data: bytes, draws: random.Random) -> tuple[int, int]:
    begin = draws.randrange(len(data))
    return begin, min(begin + draws.choice((1, 16, 512, 4_096)), len(data))


def _zero(data: bytes, draws: random.Random) -> bytes:
    begin, end = _part(data, draws)
    return data[:begin] + bytes(end - begin) + data[end:]


def _take_out(data: bytes, draws: random.Random) -> bytes:
    begin, end = _part(data, draws)
    return data[:begin] + data[end:]


def _double(data: bytes, draws: random.Random) -> bytes:
    begin, end = _part(data, draws)
    return data[:end] + data[begin:]


def _swap(data: bytes, draws: random.Random) -> bytes:
    size = draws.choice((1, 16, 512, 4_096))
    first, second = sorted(draws.randrange(0, len(data) // size) * size for _ in range(2))
    one, other = data[first : first + size], data[second : second + size]
    if first == second:
        return data
    return data[:first] + other + data[first + size : second] + one + data[second + size :]


def _remove_entry(data: bytes, draws: random.Random) -> bytes:
    file = io.BytesIO()
    with zipfile.ZipFile(io.BytesIO(data)) as archive, zipfile.ZipFile(file, "w") as left:
        entries = archive.infolist()
        entries.pop(draws.randrange(len(entries)))
        for entry in entries:
            left.writestr(entry.filename, archive.read(entry))
        left.comment = archive.comment
    return file.getvalue()


DAMAGES: dict[str, Callable[[bytes, random.Random], bytes]] = {
    "a bit": _flip,
    "ten bits": partial(_flip, times=10),
    "a bit of the directory": _flip_in_directory,
    "cut": _cut,
    "zeros": _zero,
    "a part taken out": _take_out,
    "a part twice": _double,
    "two parts swapped": _swap,
    "an entry taken out": _remove_entry,
}

if __name__ == "__main__":
    main()
