"""Write the acting module of an agent as a file of TorchScript, ONNX or safetensors, and compute with the file."""

from __future__ import annotations

import copy
import os
import traceback
import warnings
from collections.abc import Iterator
from contextlib import contextmanager, redirect_stdout
from io import StringIO
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import Tensor

from rrn.activations.ops.operator import plain_operations
from rrn.common.errors import UserError, first_line
from rrn.common.extras import needs
from rrn.policies.acting import ActingModule

FOLDERS = tuple(f"{folder}{os.sep}" for folder in (Path(torch.__file__).parent, Path(__file__).parents[1]))
OPSET = 17  # of ONNX, from 2022
REFUSALS = (RuntimeError, ValueError, TypeError, AttributeError, IndexError)  # of a recording by torch


def write_torchscript(module: ActingModule, observations: Tensor, path: Path) -> None:
    """Write a module for `torch.jit.load`, in a process without rrn too.

    Raises:
        UserError: it cannot be recorded.
    """
    with _quietly():
        trace(module, observations).save(str(path))


def run_torchscript(path: Path, observations: np.ndarray) -> list[np.ndarray]:
    """Compute the outputs of a file of TorchScript."""
    with _quietly(), torch.no_grad():
        return [output.numpy() for output in torch.jit.load(str(path))(torch.from_numpy(observations))]


def write_onnx(module: ActingModule, observations: Tensor, path: Path) -> None:
    """Write a module as ONNX, with names for inputs and outputs, for any number of observations.

    Raises:
        UserError: it cannot be recorded, or an operation has no form in ONNX.
        MissingPackage: onnx or onnxruntime is not installed.
    """
    with needs("an export to onnx", "export"):
        import onnx  # noqa: F401  the exporter of torch imports it
        import onnxruntime  # noqa: F401  the file is checked with it
    names = ["observations", *module.outputs]
    with _quietly(), torch.no_grad():
        traced = trace(module, observations)
        torch.onnx.register_custom_op_symbolic("aten::expm1", _expm1, 9)  # of PELU; torch has none
        try:
            torch.onnx.export(
                traced,
                (observations,),
                str(path),
                opset_version=OPSET,
                dynamo=False,  # the other exporter takes seconds, and one package more
                input_names=names[:1],
                output_names=names[1:],
                dynamic_axes={name: {0: "N"} for name in names},
            )
        except REFUSALS as error:
            raise UserError(f"the network has no form in ONNX: {first_line(error)} Try torchscript.") from error
        finally:
            torch.onnx.unregister_custom_op_symbolic("aten::expm1", 9)


def run_onnx(path: Path, observations: np.ndarray) -> list[np.ndarray]:
    """Compute the outputs of a file of ONNX in onnxruntime."""
    import onnxruntime

    session = onnxruntime.InferenceSession(path.read_bytes(), providers=["CPUExecutionProvider"])
    return session.run(None, {"observations": observations})


def write_safetensors(tensors: dict[str, Tensor], metadata: dict[str, str], path: Path) -> None:
    """Write tensors and texts for `safetensors.torch.load_file`.

    Raises:
        MissingPackage: safetensors is not installed.
    """
    with needs("an export to safetensors", "export"):
        from safetensors.torch import save_file
    copies = {name: tensor.detach().clone(memory_format=torch.contiguous_format) for name, tensor in tensors.items()}
    save_file(copies, path, metadata)


def trace(module: ActingModule, observations: Tensor) -> torch.jit.ScriptModule:
    """Record the operations of a module on observations [2, stack, *frame], rationals as operations of torch.

    Raises:
        UserError: the module cannot be recorded, or which operations it does depends on values.
    """
    with warnings.catch_warnings(record=True) as noted, plain_operations(), torch.no_grad():
        warnings.simplefilter("always")
        try:
            traced = torch.jit.trace(module, (observations,), check_trace=False)
        except REFUSALS as error:
            raise UserError(f"torch cannot record the network: {first_line(error)}; try safetensors.") from error
    if any(issubclass(one.category, torch.jit.TracerWarning) and not _is_trusted(one.filename) for one in noted):
        _check_branches(module, observations)
    return traced


def _is_trusted(file: str) -> bool:
    """Return whether a file is of torch or rrn, which branch by sizes that are the same for all observations."""
    return file.startswith(FOLDERS)


@torch.no_grad()
def _check_branches(module: ActingModule, observations: Tensor) -> None:
    """Raise a UserError if the operations of a module depend on values: it cannot be run without any, on "meta"."""
    try:
        copy.deepcopy(module).to("meta")(observations.to("meta"))
    except (RuntimeError, ValueError) as error:
        lines = [line for line in traceback.extract_tb(error.__traceback__) if not _is_trusted(line.filename)]
        where = f"{lines[-1].filename}, line {lines[-1].lineno}" if lines else "the network"
        raise UserError(
            f"{where}: expected operations that do not depend on values, as a recording has one path; use torch.where, "
            "or try safetensors."
        ) from error


def _expm1(g: Any, x: Any) -> Any:
    return g.op("Sub", g.op("Exp", x), g.op("Constant", value_t=torch.tensor(1.0)))


@contextmanager
def _quietly() -> Iterator[None]:
    """Context manager without what torch prints and warns of: TorchScript and its exporter to ONNX are old."""
    with warnings.catch_warnings(), redirect_stdout(StringIO()):
        warnings.simplefilter("ignore")
        yield
