"""Sequences of supervised tasks: each task is a pure function of the data, a seed and its number."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np

from rrn.common.seeding import derive_seed
from rrn.config.task import TaskConfig
from rrn.tasks.data import Examples

TASK = 5  # part of the keys of the seeds of tasks, beside those of data.py


def task_of(config: TaskConfig, data: Examples, number: int) -> Examples:
    """Return the examples of a task of the sequence that `config.name` names.

    Args:
        config: names the sequence, and has its seed.
        data: with its own labels.
        number: of the task, from 0.
    """
    return SEQUENCES[config.name](config, data, number)


def num_classes(config: TaskConfig, data: Examples) -> int:
    """Return the number of labels that the tasks have together."""
    return config.classes if config.name == "random_labels" else int(data.labels.max()) + 1


def random_labels(config: TaskConfig, data: Examples, number: int) -> Examples:
    """The same inputs, and for each task labels that are drawn anew, each class as likely (Lyle et al. 2023, 4.1)."""
    labels = _generator(config, number).integers(config.classes, size=len(data.labels))
    return Examples(data.inputs, labels, data.test_inputs[:0], data.test_labels[:0])


def permuted_inputs(config: TaskConfig, data: Examples, number: int) -> Examples:
    """The same labels, and for each task another order of the numbers of all inputs (Kumar et al. 2023, section 5)."""
    order = _generator(config, number).permutation(data.inputs[0].size)
    parts = (data.inputs, data.test_inputs)
    inputs, test_inputs = (x.reshape(len(x), len(order))[:, order].reshape(x.shape) for x in parts)
    return Examples(inputs, data.labels, test_inputs, data.test_labels)


def shuffled_labels(config: TaskConfig, data: Examples, number: int) -> Examples:
    """The same inputs, and for each task other names for the classes: a permutation of the labels."""
    names = _generator(config, number).permutation(num_classes(config, data))
    return Examples(data.inputs, names[data.labels], data.test_inputs, names[data.test_labels])


def class_incremental(config: TaskConfig, data: Examples, number: int) -> Examples:
    """All classes so far; each task adds `new_classes` of them (Dohare et al. 2024).

    Once all are there, the next task begins with the first ones of another order.
    """
    classes = num_classes(config, data)
    cycle, within = divmod(number, -(-classes // config.new_classes))
    so_far = _generator(config, cycle).permutation(classes)[: (within + 1) * config.new_classes]
    now, test = np.isin(data.labels, so_far), np.isin(data.test_labels, so_far)
    return Examples(data.inputs[now], data.labels[now], data.test_inputs[test], data.test_labels[test])


def _generator(config: TaskConfig, number: int) -> np.random.Generator:
    # a number from 1 on, since zeros at the end of a key do not count
    return np.random.default_rng(derive_seed(config.task_seed, TASK, number + 1))


SEQUENCES: dict[str, Callable[[TaskConfig, Examples, int], Examples]] = {
    "random_labels": random_labels,
    "permuted_inputs": permuted_inputs,
    "shuffled_labels": shuffled_labels,
    "class_incremental": class_incremental,
}
