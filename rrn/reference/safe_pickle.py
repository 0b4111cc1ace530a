"""Read a pickle of numbers without running any code that may be in it.

A pickle can name any function of any module, with arguments, and Python's reader calls it. This reader knows a few
names of NumPy, and replaces them by classes of its own that only hold numbers, so it calls none of NumPy's functions.
"""

from __future__ import annotations

import pickle
import re
from pathlib import Path
from typing import Any, Literal

import numpy as np

from rrn.common.errors import UserError

OBJECTS = "O8"
KINDS = re.compile(rf"[biuf]\d{{1,2}}|{OBJECTS}")  # NumPy's names: bool, int, unsigned, float; and objects


class _Type:
    """Replace numpy.dtype."""

    def __init__(self, kind: str, align: bool = False, copy: bool = False):
        if not isinstance(kind, str) or not KINDS.fullmatch(kind):
            raise pickle.UnpicklingError("it holds an array of something else than numbers")
        self.kind, self.order = kind, "="

    def __setstate__(self, state: tuple) -> None:
        _, order, *fields = state
        if order not in tuple("<>=|") or any(fields[:3]):
            raise pickle.UnpicklingError("it holds an array with fields")
        self.order = order

    def array(self, data: bytes | bytearray | list) -> np.ndarray:
        """Return the values [N] of the data: bytes, or a list for objects."""
        if self.kind == OBJECTS and isinstance(data, list):
            return np.fromiter(data, object, len(data))  # np.array would look into the objects
        if self.kind == OBJECTS or not isinstance(data, bytes | bytearray):
            raise pickle.UnpicklingError("it holds an array whose data are not numbers")
        return np.frombuffer(data, np.dtype(self.order + self.kind))


class _Array:
    """Replace numpy.ndarray."""

    def __init__(self) -> None:
        self.values: Any = []  # nested lists, or the number of an array without axes

    def __setstate__(self, state: tuple) -> None:
        _, shape, kind, fortran, data = state
        self.set(kind, data, shape, "F" if fortran else "C")

    def set(self, kind: _Type, data: bytes | list, shape: tuple[int, ...], order: Literal["C", "F"]) -> None:
        """Set the values from the data of an array of this shape."""
        if not isinstance(kind, _Type):
            raise pickle.UnpicklingError("it holds an array in an unknown form")
        self.values = kind.array(data).reshape(shape, order=order).tolist()


def _reconstruct(kind: type, shape: tuple, letter: object) -> _Array:
    return _Array()


def _from_buffer(data: bytes, kind: _Type, shape: tuple, order: Literal["C", "F"]) -> _Array:
    array = _Array()
    array.set(kind, data, shape, order)
    return array


def _scalar(kind: _Type, data: bytes) -> float:
    return _from_buffer(data, kind, (), "C").values


def _encode(text: str, encoding: str) -> bytes:
    if encoding != "latin1":  # older protocols of pickle write bytes so
        raise pickle.UnpicklingError("it holds bytes in an unknown form")
    return text.encode("latin1")


def _no_bytes() -> bytes:
    return b""  # older protocols of pickle write this as a call


KNOWN = {
    "__builtin__.bytes": _no_bytes,
    "numpy.dtype": _Type,
    "numpy.ndarray": _Array,
    "_codecs.encode": _encode,
    **{f"numpy.{core}.multiarray._reconstruct": _reconstruct for core in ("core", "_core")},
    **{f"numpy.{core}.multiarray.scalar": _scalar for core in ("core", "_core")},
    **{f"numpy.{core}.numeric._frombuffer": _from_buffer for core in ("core", "_core")},
}


class _Reader(pickle.Unpickler):
    def find_class(self, module: str, name: str) -> object:
        full = f"{module}.{name}"
        if full not in KNOWN:
            raise pickle.UnpicklingError(f"it names {full!r:.60}, which could run code")
        return KNOWN[full]


def read_numbers(path: Path) -> object:
    """Read numbers, strings, bytes and None, in lists, tuples and dictionaries, from a pickle; arrays become lists.

    Raises:
        UserError: it cannot be read, or holds anything else; nothing in it was run. The message leaves out the path.
    """
    try:
        with open(path, "rb") as file:
            return _plain(_Reader(file).load(), {})
    except OSError as error:
        raise UserError(f"it cannot be read: {error.strerror}") from error
    except pickle.UnpicklingError as error:
        reason = " ".join(str(error).split()).rstrip(".")
        raise UserError(f"expected a pickle of numbers; refused: {reason}") from error
    except Exception as error:  # a pickle that is damaged, or made to deceive, can fail in any way
        raise UserError(f"expected a pickle of numbers; it is damaged ({type(error).__name__})") from error


def _plain(value: Any, done: dict[int, object]) -> object:
    """Replace each _Array by its values; an object that occurs several times is visited once.

    Otherwise a small file with nested references could take for ever.
    """
    if value is None or type(value) in (bool, int, float, str, bytes):
        return value
    if id(value) not in done:
        if isinstance(value, _Array):
            done[id(value)] = _plain(value.values, done)
        elif type(value) in (list, tuple):
            done[id(value)] = type(value)(_plain(inner, done) for inner in value)
        elif type(value) is dict:
            done[id(value)] = {_plain(key, done): _plain(inner, done) for key, inner in value.items()}
        else:
            raise pickle.UnpicklingError(f"it holds a {type(value).__name__}")
    return done[id(value)]
