"""Load the data of supervised tasks: generated, with scikit-learn, or from a folder as torchvision stores them."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import numpy as np

from rrn.common.errors import UserError, first_line
from rrn.common.extras import needs
from rrn.common.seeding import derive_seed
from rrn.config.task import GENERATED, TaskConfig
from rrn.tasks.image_files import read_cifar10, read_mnist

DATA, CHOICE = 3, 4  # parts of the keys of the seeds of generated data, and of the choice of examples
TEST_SHARE = 5  # one in so many images of digits is for tests, as there is no usual division


@dataclass(frozen=True)
class Examples:
    """Inputs and labels of a task, to learn from and to test with."""

    inputs: np.ndarray  # [n, *frame] float32
    labels: np.ndarray  # [n] int64
    test_inputs: np.ndarray  # [m, *frame]; m is 0 where nothing can be learnt for them
    test_labels: np.ndarray  # [m]


def load_examples(config: TaskConfig) -> Examples:
    """Load the data of a configuration with its own labels; images are scaled to numbers from 0 to 1.

    The images of digits and MNIST are vectors, those of CIFAR-10 have the shape (3, 32, 32).

    Raises:
        UserError: a package or the files are missing, or there are fewer examples than asked for.
    """
    if config.data == GENERATED:
        generator = np.random.default_rng(derive_seed(config.task_seed, DATA))
        inputs = generator.standard_normal((config.examples, config.features), dtype=np.float32)
        labels = np.zeros(len(inputs), dtype=np.int64)
        return Examples(inputs, labels, inputs[:0], labels[:0])
    found = _digits() if config.data == "digits" else _from_folder(config)
    number = len(found.labels)
    if config.examples is None:
        return found
    if config.examples > number:
        raise UserError(f"task.examples: expected {number:,} at most with {config.data}, got {config.examples:,}.")
    generator = np.random.default_rng(derive_seed(config.task_seed, CHOICE))
    chosen = generator.permutation(number)[: config.examples]
    return Examples(found.inputs[chosen], found.labels[chosen], found.test_inputs, found.test_labels)


def _digits() -> Examples:
    """Return the 1,797 images of 8x8 pixels of handwritten digits (Alpaydin and Kaynak 1998), every fifth for tests."""
    with needs("task.data=digits", "tasks"):
        from sklearn.datasets import load_digits
    inputs, labels = load_digits(return_X_y=True)
    inputs, labels = (inputs / 16).astype(np.float32), labels.astype(np.int64)
    test = np.arange(len(labels)) % TEST_SHARE == 0
    return Examples(inputs[~test], labels[~test], inputs[test], labels[test])


def _from_folder(config: TaskConfig) -> Examples:
    folder, read = str(config.data_folder), {"mnist": read_mnist, "cifar10": read_cifar10}[config.data]
    try:
        arrays = read(Path(folder))
    except (OSError, ValueError, EOFError) as error:
        raise UserError(
            f"task.data_folder={folder}: expected {config.data} as torchvision stores it ({first_line(error)})."
        ) from error
    for part in (0, 2):
        images = arrays[part].astype(np.float32) / 255
        if images.ndim == 3:
            arrays[part] = images.reshape(len(images), images.shape[1] * images.shape[2])
        else:
            arrays[part] = images.transpose(0, 3, 1, 2).copy()
        arrays[part + 1] = arrays[part + 1].astype(np.int64)
    return Examples(*arrays)
