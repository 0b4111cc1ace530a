"""Parse expressions such as `x*sigmoid(x)` into functions of x, with NumPy's names; they are never run as code."""

from __future__ import annotations

import ast
import operator

import numpy as np
from scipy.special import erf

from rrn.activations.fitting.functions import NAMES, Function, OnArrays, as_function
from rrn.common.errors import nearest
from rrn.common.numbers import plural

CONSTANTS = {"pi": np.pi, "e": np.e}
CALLS = {
    **{name: ufunc for name in dir(np) if isinstance(ufunc := getattr(np, name), np.ufunc)},
    **{name: as_function(name) for name in NAMES if name.isidentifier()},
    "erf": erf,
    "where": np.where,
    "clip": np.clip,
}
OPERATORS = {
    ast.Add: operator.add,
    ast.Sub: operator.sub,
    ast.Mult: operator.mul,
    ast.Div: operator.truediv,
    ast.Pow: operator.pow,
    ast.USub: operator.neg,
    ast.UAdd: operator.pos,
    ast.Lt: operator.lt,
    ast.LtE: operator.le,
    ast.Gt: operator.gt,
    ast.GtE: operator.ge,
}


def parse(text: str) -> Function:
    """Parse an expression into a function of x, [K] float64 to [K].

    It may contain numbers, x, pi, e, `+ - * / **`, a comparison, NumPy's element-wise functions (with or without
    `np.`), where, clip, erf and the known activations by name. A name alone, such as gelu, means gelu(x).

    Raises:
        ValueError: a syntax error, or anything else in the expression. The returned function raises it if one of
            NumPy's functions is called with wrong arguments.
    """
    text = text.strip()
    try:
        function = _build(ast.parse(f"{text}(x)" if text in CALLS else text, mode="eval").body)
    except (SyntaxError, RecursionError, MemoryError) as error:
        reason = getattr(error, "msg", "nested too deeply")
        raise ValueError(f'expected an expression of x, such as "x*sigmoid(x)", got {text!r}: {reason}.') from None

    def evaluate(x: np.ndarray) -> np.ndarray:
        try:
            return np.broadcast_to(np.asarray(function(x), dtype=np.float64), x.shape)
        except (TypeError, ValueError, ArithmeticError) as error:
            raise ValueError(f"{text!r} cannot be computed: {error}.") from None

    return evaluate


def _build(node: ast.AST) -> Function:
    match node:
        case ast.Constant(value=int() | float() as number):
            return lambda x: float(number)  # type: ignore[return-value]
        case ast.Name(id="x"):
            return lambda x: x
        case ast.Name(id=name) if name in CONSTANTS:
            return lambda x: CONSTANTS[name]  # type: ignore[return-value]
        case ast.BinOp(left=left, op=op, right=right) if type(op) in OPERATORS:
            return _apply(OPERATORS[type(op)], left, right)
        case ast.UnaryOp(op=op, operand=operand) if type(op) in OPERATORS:
            return _apply(OPERATORS[type(op)], operand)
        case ast.Compare(left=left, ops=[op], comparators=[right]) if type(op) in OPERATORS:
            return _apply(OPERATORS[type(op)], left, right)
        case ast.Call(func=ast.Name(id=name), args=arguments, keywords=[]) if name in CALLS:
            return _call(name, arguments)
        case ast.Call(func=ast.Attribute(value=ast.Name(id="np"), attr=name), args=arguments, keywords=[]) if (
            name in CALLS
        ):
            return _call(name, arguments)
    known = "Use numbers, x, pi, e, + - * / **, a comparison, and NumPy's functions such as exp, tanh, maximum, where."
    if isinstance(node, ast.Name):
        known = nearest(node.id, CALLS, known)
    raise ValueError(f"{ast.unparse(node)!r} is not known in an expression. {known}")


def _call(name: str, arguments: list[ast.expr]) -> Function:
    function = CALLS[name]
    expected = getattr(function, "nin", 1 if isinstance(function, OnArrays) else len(arguments))
    if len(arguments) != expected:
        raise ValueError(f"{name}: expected {plural(expected, 'argument')}, got {len(arguments)}.")
    return _apply(_of_arrays(function), *arguments)


def _of_arrays(function) -> Function:
    """Make a function on arrays also accept numbers, as arrays [1]."""
    return lambda *parts: function(*map(np.atleast_1d, parts))


def _apply(function, *nodes: ast.AST) -> Function:
    parts = [_build(node) for node in nodes]
    return lambda x: function(*(part(x) for part in parts))
