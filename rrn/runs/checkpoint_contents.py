"""Check what is in the zip file of a checkpoint before torch reads it: tensors within their bytes, numbers and text.

torch.load with weights_only runs no code, but takes sizes from the file: of a byte array that it allocates, of a tensor
larger than the bytes behind it, of a compressed entry. So the pickle is read here first, with stubs for all that it
names, and each size is compared with what the file has.
"""

from __future__ import annotations

import io
import pickle
import pickletools
import re
import zipfile
from collections import OrderedDict
from collections.abc import Sequence
from math import prod
from pathlib import Path
from typing import Any, NoReturn

MOST_PICKLE = 1 << 24  # bytes of the pickle; those of our agents have 10 kB
MOST_VALUES, MOST_NESTED = 1_000_000, 50
STORAGE_BYTES = dict.fromkeys(("Byte", "Char", "Bool"), 1) | dict.fromkeys(("Half", "BFloat16", "Short"), 2)
STORAGE_BYTES |= dict.fromkeys(("Float", "Int"), 4) | dict.fromkeys(("Double", "Long", "ComplexFloat"), 8)
STORAGE_BYTES |= {"ComplexDouble": 16}
STORAGE = re.compile(r"torch\.(\w+)Storage")
# operations that take a size from the file and allocate it, or name what is not in the file
FORBIDDEN = {"BYTEARRAY8", "NEXT_BUFFER", "READONLY_BUFFER", "INST", "OBJ", "EXT1", "EXT2", "EXT4", "PERSID"}


def check_contents(path: Path) -> None:
    """Refuse a checkpoint that holds more than tensors, numbers and text, or sizes that are not those of its bytes.

    Raises:
        BadZipFile: the zip file is damaged, or its entries are compressed or overlap.
        UnpicklingError: something else is in it.
    """
    with zipfile.ZipFile(path) as archive:
        entries = {entry.filename: entry for entry in archive.infolist()}
        if any(name.endswith("/constants.pkl") for name in entries):
            _refuse("a module of TorchScript")
        stored = all(entry.compress_type == zipfile.ZIP_STORED for entry in entries.values())
        total = sum(entry.file_size for entry in archive.infolist())
        if not stored or total > path.stat().st_size or len(entries) < len(archive.infolist()):
            raise zipfile.BadZipFile("its entries are compressed or overlap, as torch writes none")
        name = next((name for name in entries if re.fullmatch(r"[^/]+/data\.pkl", name)), None)
        if name is None or entries[name].file_size > MOST_PICKLE:
            raise zipfile.BadZipFile("data.pkl is missing, or too large")
        data = archive.read(name)
    folder = name.removesuffix(".pkl")
    _check_operations(data)
    value = _Reader(data, {key.removeprefix(f"{folder}/"): entry.file_size for key, entry in entries.items()}).load()
    _check_values(value)


def _check_operations(data: bytes) -> None:
    for operation, _, _ in pickletools.genops(data):
        if operation.name in FORBIDDEN:
            _refuse(f"the operation {operation.name}")


def _refuse(what: str) -> NoReturn:
    raise pickle.UnpicklingError(f"it holds {what}")


class _Storage:
    """Stand for the bytes of tensors."""

    def __init__(self, numel: int):
        self.numel = numel


class _Tensor:
    """Stand for a tensor."""

    def __init__(self, storage: _Storage, offset: int, size: Sequence[int], stride: Sequence[int], *rest: object):
        whole = [offset, *size, *stride]
        if not (isinstance(storage, _Storage) and len(size) == len(stride) <= 64):
            _refuse("a tensor in an unknown form")
        if not all(type(number) is int and 0 <= number < 2**48 for number in whole):
            _refuse("a tensor of an impossible size")
        last = offset + sum((number - 1) * step for number, step in zip(size, stride, strict=True))
        if prod(size) and (last >= storage.numel or prod(size) > storage.numel):
            _refuse("a tensor larger than its bytes")


def _parameter(tensor: _Tensor, *rest: object) -> _Tensor:
    return tensor


def _encode(text: str, encoding: str) -> bytes:
    return text.encode("latin1" if encoding == "latin1" else _refuse("bytes in an unknown form"))


KNOWN: dict[str, Any] = {
    "collections.OrderedDict": OrderedDict,
    "torch._utils._rebuild_tensor_v2": _Tensor,
    "torch._utils._rebuild_parameter": _parameter,
    "torch.Size": tuple,
    "_codecs.encode": _encode,
}


class _Reader(pickle._Unpickler):  # type: ignore[name-defined]  # in Python: the one in C allocates what a PUT says
    def __init__(self, data: bytes, sizes: dict[str, int]):
        super().__init__(io.BytesIO(data))
        self.sizes = sizes

    def find_class(self, module: str, name: str) -> Any:
        full = f"{module}.{name}"
        match = STORAGE.fullmatch(full)
        if match and match[1] in STORAGE_BYTES:
            return STORAGE_BYTES[match[1]]
        if full not in KNOWN:
            _refuse(f"{full!r:.60}")
        return KNOWN[full]

    def persistent_load(self, pid: Any) -> _Storage:
        if not (isinstance(pid, tuple) and len(pid) == 5 and pid[0] == "storage"):
            _refuse("bytes in an unknown form")
        _, itemsize, key, _, numel = pid
        if not (type(itemsize) is int and type(numel) is int and numel * itemsize <= self.sizes.get(key, -1)):
            raise zipfile.BadZipFile(f"expected {numel!r:.20} numbers in data/{key!r:.20}, got fewer")
        return _Storage(numel)


def _check_values(value: Any) -> None:
    """Refuse what takes too long to walk through, such as lists of one list many times, nested in each other."""
    left, seen = [(value, 0)], 0
    while left:
        inner, depth = left.pop()
        seen += 1
        if seen > MOST_VALUES or depth > MOST_NESTED:
            _refuse(f"more than {MOST_VALUES:,} values, or values nested more than {MOST_NESTED} deep")
        if isinstance(inner, dict):
            left += [(part, depth + 1) for part in (*inner.keys(), *inner.values())]
        elif isinstance(inner, list | tuple | set | frozenset):
            left += [(part, depth + 1) for part in inner]
