"""Rational activations for MXNet 1.9.1, without torch: the function `rational` and the Gluon block `Rational`.

One operator of MXNet calls the compiled kernels on the CPU (plain NumPy, where they were not built). Who reads an
exported network imports this module first, which registers it. There are no second derivatives.
"""

from __future__ import annotations

import ast
import ctypes
from importlib.util import find_spec
from typing import Any

import numpy as np

from rrn.activations.fitting.form import Form, Init
from rrn.common.extras import WrongVersion, needs
from rrn.frameworks.arrays import Problem, check
from rrn.frameworks.tails import LinearTails

with needs("rrn.mxnet", "mxnet"):
    if find_spec("mxnet") and np.lib.NumpyVersion(np.__version__) >= "1.24.0":  # in which its import fails
        raise WrongVersion("rrn.mxnet", "NumPy before 1.24", np.__version__, "mxnet")
    import mxnet as mx

Array = Any  # mxnet.nd.NDArray, or mxnet.sym.Symbol where a graph is made
Ends = tuple[float, float]
FLOATS = ("float16", "float32", "float64")


def rational(
    x: Array,
    numerator: Array,
    denominator: Array,
    version: str = "A",
    axis: int = 1,
    tail_range: Ends | None = None,
) -> Array:
    """Evaluate R(x) = P(x) / Q(x) element by element, see `rrn.activations.ops.operator.rational`.

    Args:
        x: input, any shape, of float16, float32 or float64, on the CPU.
        numerator: [G, n + 1], lowest power first, of float32 or float64.
        denominator: [G, m], or [G, m + 1] for version C, lowest power first.
        version: form of Q: A, B, C, D or N; D is evaluated without its noise, as B.
        axis: for G > 1, the axis of x whose size is a multiple of G; its consecutive elements share one row.
        tail_range: (low, high), outside of which R is continued by its tangents; None: R everywhere.

    Returns:
        R(x), with the shape and dtype of x. Arithmetic is float32 at least, and float64 for degrees above 5. For the
        gradients, of the inputs alone, x is kept.

    Raises:
        ValueError: unknown version, or arrays of other types, shapes or devices. Of symbols, whose types and shapes
            come later, MXNet prints this error and raises one of its own.
    """
    is_symbol, kind = isinstance(x, mx.sym.Symbol), type(x)
    if not is_symbol:
        _check(x, numerator, denominator, version, axis)
    x, *coefficients = (c.as_nd_ndarray() for c in (x, numerator, denominator))
    settings = {"op_type": "rrn_rational", "version": version, "axis": axis, "tail_range": tail_range}
    # The output of a convolution may have a layout of oneDNN. Of such an input, or gradient, of an operator in Python
    # MXNet makes a copy that it frees too early. Another shape makes it plain; in a graph this costs nothing.
    if is_symbol or x.size == 0:
        library = mx.sym if is_symbol else mx.nd
        y = library.squeeze(library.Custom(library.expand_dims(x, axis=0), *coefficients, **settings), axis=0)
    else:
        _memory(x)  # plain from here on
        y = mx.nd.Custom(x.reshape((1, *x.shape)), *coefficients, **settings).reshape(x.shape)
    return y if kind is type(y) else y.as_np_ndarray()


class Rational(mx.gluon.HybridBlock):
    """A learnable activation R(x) = P(x) / Q(x) (Molina et al. 2020) as a Gluon block.

    Several places of a network share the coefficients if the block itself stands at each of them.

    Args:
        init, degrees, version, preset, groups, axis, tail, tail_range: as for `rrn.Rational`.
        trainable, train_numerator, train_denominator: False freezes those coefficients: their `grad_req` is null.
        dtype: of the coefficients, float32 or float64; `cast` does not change it.
        prefix, params: as for any Gluon block.

    Attributes:
        numerator: Parameter [groups, n + 1], lowest power first.
        denominator: Parameter [groups, m], or [groups, m + 1] for version C.

    Version D multiplies each coefficient by noise, U(0.9, 1.1), where `mxnet.autograd` is in its mode of training.

    Raises:
        ValueError: as for `rrn.Rational`.
    """

    def __init__(
        self,
        init: Init = "leaky_relu",
        degrees: tuple[int, int] = (5, 4),
        version: str = "A",
        *,
        preset: str = "l2",
        groups: int = 1,
        axis: int = 1,
        tail: str = "rational",
        tail_range: Ends | None = None,
        trainable: bool = True,
        train_numerator: bool = True,
        train_denominator: bool = True,
        dtype: str = "float32",
        prefix: str | None = None,
        params: mx.gluon.ParameterDict | None = None,
    ):
        super().__init__(prefix=prefix, params=params)
        self.form = Form.checked(degrees, version, groups, axis, tail, tail_range)
        if np.dtype(dtype).name not in FLOATS[1:]:
            raise ValueError(f"dtype: expected float32 or float64, got {np.dtype(dtype).name}.")
        trained = {"numerator": train_numerator, "denominator": train_denominator}
        for (name, train), rows in zip(trained.items(), self.form.start(init, preset), strict=True):
            grad_req = "write" if trainable and train else "null"
            parameter = self.params.get(
                name, shape=rows.shape, dtype=np.dtype(dtype).name, init=_Start(rows.tolist()), grad_req=grad_req
            )
            setattr(self, name, parameter)

    def hybrid_forward(self, F: Any, x: Array, numerator: Array, denominator: Array) -> Array:
        """Return R(x), with the shape and dtype of x."""
        numerator, denominator = numerator.as_nd_ndarray(), denominator.as_nd_ndarray()
        if self.form.version == "D":
            numerator, denominator = (
                F.broadcast_mul(c, _noise(F, parameter.shape, parameter.dtype))
                for c, parameter in ((numerator, self.numerator), (denominator, self.denominator))
            )
        return rational(x, numerator, denominator, self.form.version, self.form.axis, self.form.tail_range)

    def cast(self, dtype: Any) -> None:
        """Keep the coefficients as they are: x may have another dtype, and float16 would lose their digits."""
        self._clear_cached_op()

    def coefficients(self) -> tuple[np.ndarray, np.ndarray]:
        """Return copies of the numerator [groups, n + 1] and denominator [groups, m or m + 1]."""
        return tuple(c.list_data()[0].asnumpy() for c in (self.numerator, self.denominator))

    def __repr__(self) -> str:
        return f"Rational({self.form})"


@mx.init.register
class _Start(mx.init.Initializer):
    """Start from given rows; unlike those of `mx.init.Constant`, two such initializers can be compared."""

    def __init__(self, rows: list[list[float]]):
        super().__init__(rows=rows)
        self.rows = rows

    def _init_weight(self, name: str, array: Array) -> None:
        array[:] = np.array(self.rows)


def _noise(F: Any, shape: tuple[int, int], dtype: Any) -> Array:
    """Draw factors U(0.9, 1.1) of a shape in training, and 1 elsewhere; also in a graph, which is made but once."""
    training = F.abs(F.Dropout(F.ones((1, 1), dtype=dtype), p=0.5) - 1)  # there, dropout makes 0 or 2 of 1
    return 1 + F.broadcast_mul(F.random.uniform(-0.1, 0.1, shape=shape, dtype=dtype), training)


def _check(x: Array, numerator: Array, denominator: Array, version: str, axis: int) -> None:
    """Raise a ValueError for arrays that the operator does not take."""
    for name, array in (("x", x), ("numerator", numerator), ("denominator", denominator)):
        floats = FLOATS if name == "x" else FLOATS[1:]
        if not isinstance(array, mx.nd.NDArray):
            got = f"a {type(array).__name__}"
        elif array.stype != "default" or np.dtype(array.dtype).name not in floats or array.context.device_type == "gpu":
            got = f"one of {np.dtype(array.dtype).name} with storage {array.stype} on {array.context}"
        else:
            continue
        raise ValueError(f"{name}: expected a dense NDArray of {' or '.join(floats)} on the CPU, got {got}.")
    check(x.shape, numerator.shape, denominator.shape, version, axis)


@mx.operator.register("rrn_rational")
class _Operator(mx.operator.CustomOpProp):
    """What MXNet asks of the operator, whose x and y are [1, *shape]; settings come as texts."""

    def __init__(self, version: str, axis: str, tail_range: str):
        super().__init__(need_top_grad=True)
        self.version, self.axis, self.ends = version, int(axis), ast.literal_eval(tail_range)

    def list_arguments(self) -> list[str]:
        return ["data", "numerator", "denominator"]

    def infer_shape(self, in_shape: list) -> tuple[list, list, list]:
        x, a, b = map(tuple, in_shape)
        check(x[1:], a, b, self.version, self.axis)
        return in_shape, [in_shape[0]], []

    def infer_type(self, in_type: list) -> tuple[list, list, list]:
        return in_type, [in_type[0]], []

    def declare_backward_dependency(self, out_grad: list, in_data: list, out_data: list) -> list:
        return [*out_grad, *in_data]

    def create_operator(self, ctx: mx.Context, in_shapes: list, in_dtypes: list) -> mx.operator.CustomOp:
        return _Kernels(self.version, self.axis, self.ends)


class _Kernels(mx.operator.CustomOp):
    """The calls of the kernels, on the memory of MXNet's arrays."""

    def __init__(self, version: str, axis: int, ends: Ends | None):
        super().__init__()
        self.version, self.axis, self.ends = version, axis, ends

    def forward(self, is_train: bool, req: list, in_data: list, out_data: list, aux: list) -> None:
        y = _memory(out_data[0])[0, ...]
        _assign(y, req[0], self._problem(in_data).forward(y if req[0] == "write" else None))

    def backward(self, req: list, out_grad: list, in_data: list, out_data: list, in_grad: list, aux: list) -> None:
        grad = _memory(out_grad[0])[0, ...]
        grad_x, *others = map(_memory, in_grad)
        grad_x = grad_x[0, ...]
        found = self._problem(in_data).backward(grad, grad_x if req[0] == "write" else None)
        for into, how, value in zip((grad_x, *others), req, found, strict=True):
            _assign(into, how, value)

    def _problem(self, in_data: list) -> Problem | LinearTails:
        x, a, b = map(_memory, in_data)
        if self.ends is None:
            return Problem(x[0, ...], a, b, self.version, self.axis)
        return LinearTails(x[0, ...], a, b, self.version, self.axis, self.ends)


def _assign(into: np.ndarray, how: str, value: np.ndarray) -> None:
    """Write or add a result to memory, as MXNet wants it."""
    if how == "add":
        into += value
    elif how != "null" and not np.may_share_memory(into, value):
        into[...] = value


def _memory(array: mx.nd.NDArray) -> np.ndarray:
    """Look at the memory of an array on the CPU; `asnumpy` would copy it."""
    array.wait_to_read()
    address = ctypes.c_void_p()
    mx.base.check_call(mx.base._LIB.MXNDArrayGetData(array.handle, ctypes.byref(address)))
    size = array.size * np.dtype(array.dtype).itemsize
    return np.ndarray(array.shape, array.dtype, (ctypes.c_byte * size).from_address(address.value or 0))
