"""The tasks of a sequence are what its definition says, and each depends on the seed and its number alone."""

from __future__ import annotations

import pickle
import struct
from itertools import pairwise

import numpy as np
import pytest
from scipy.stats import chisquare

from rrn.common.errors import UserError
from rrn.config.compose import compose_config
from rrn.config.task import TASKS
from rrn.envs import make_envs
from rrn.tasks.data import load_examples
from rrn.tasks.sequence import task_of


def sequence(name, *overrides, seed=0):
    """Return the data, and a function from numbers to tasks."""
    config = compose_config([f"task={name}", f"seed={seed}", *(f"task.{word}" for word in overrides)]).env
    data = load_examples(config)
    return data, lambda number: task_of(config, data, number)


def equal(one, other):
    return all(np.array_equal(a, b) for a, b in zip(vars(one).values(), vars(other).values(), strict=True))


@pytest.mark.parametrize("name", TASKS)
def test_a_task_depends_on_the_seed_and_its_number_alone(name):
    (_, task), (_, again), (_, other) = sequence(name), sequence(name), sequence(name, seed=1)
    late = task(3)
    assert equal(late, again(3))
    assert not equal(late, task(2))
    assert not equal(task(0), other(0))


def test_random_labels_are_uniform_and_those_of_two_tasks_agree_by_chance_alone():
    data, task = sequence("random_labels", "data=gaussian")
    labels = np.stack([task(k).labels for k in range(40)])
    assert all(np.array_equal(task(k).inputs, data.inputs) for k in (0, 7))
    assert chisquare(np.bincount(labels.ravel(), minlength=10)).pvalue > 1e-3
    agreement = (labels[:-1] == labels[1:]).mean()
    assert agreement == pytest.approx(0.1, abs=4 * (0.09 / labels[1:].size) ** 0.5)
    assert len(task(0).test_labels) == 0
    assert data.inputs.std() == pytest.approx(1, abs=0.02)


def test_permuted_inputs_have_one_order_for_all_inputs_of_a_task():
    data, task = sequence("permuted_inputs")
    tasks = [task(k) for k in range(5)]
    for one in tasks:
        assert np.array_equal(one.labels, data.labels)
        columns = {column.tobytes(): place for place, column in enumerate(np.round(data.inputs, 4).T)}
        order = [columns[column.tobytes()] for column in np.round(one.inputs, 4).T]
        distinct = len(set(columns.values()))  # some pixels are 0 in all images
        assert len(set(order)) == distinct
        assert np.allclose(np.sort(one.test_inputs, 1), np.sort(data.test_inputs, 1))
    assert not any(equal(a, b) for a, b in pairwise(tasks))


def test_shuffled_labels_give_the_classes_other_names():
    data, task = sequence("shuffled_labels")
    for number in range(4):
        one = task(number)
        names = dict(zip(data.labels.tolist(), one.labels.tolist(), strict=True))
        assert sorted(names) == sorted(names.values()) == list(range(10))
        assert [names[label] for label in data.labels.tolist()] == one.labels.tolist()
        assert [names[label] for label in data.test_labels.tolist()] == one.test_labels.tolist()


def test_class_incremental_tasks_add_classes_until_all_are_there_and_begin_again():
    data, task = sequence("class_incremental", "new_classes=4")
    seen = [set(task(number).labels.tolist()) for number in range(6)]
    assert [len(labels) for labels in seen] == [4, 8, 10, 4, 8, 10]
    assert seen[0] < seen[1] < seen[2]
    assert seen[3] < seen[4]
    assert seen[3] != seen[0]
    for number in range(3):
        assert len(task(number).labels) == np.isin(data.labels, list(seen[number])).sum()
        assert set(task(number).test_labels.tolist()) == seen[number]


def test_no_test_image_is_among_those_that_are_learnt():
    data, _ = sequence("shuffled_labels", "examples=null")
    rows = {image.tobytes() for image in data.inputs}
    assert len(data.labels) + len(data.test_labels) == 1797
    # two images of the data itself are equal
    assert sum(image.tobytes() in rows for image in data.test_inputs) <= 1
    assert data.inputs.max() == 1
    assert data.inputs.min() == 0


def write_idx(path, array):
    head = struct.pack(">HBB", 0, 8, array.ndim) + struct.pack(f">{array.ndim}I", *array.shape)
    path.write_bytes(head + array.tobytes())


def test_mnist_is_read_as_torchvision_stores_it(tmp_path):
    raw = tmp_path / "MNIST" / "raw"
    raw.mkdir(parents=True)
    generator = np.random.default_rng(0)
    for part, number in (("train", 30), ("t10k", 12)):
        write_idx(raw / f"{part}-images-idx3-ubyte", generator.integers(256, size=(number, 28, 28), dtype=np.uint8))
        write_idx(raw / f"{part}-labels-idx1-ubyte", (np.arange(number) % 10).astype(np.uint8))
    data, _ = sequence("permuted_inputs", "data=mnist", f"data_folder={tmp_path}", "examples=20")
    assert data.inputs.shape == (20, 784)
    assert data.test_inputs.shape == (12, 784)
    assert data.test_labels.tolist() == [*range(10), 0, 1]
    assert 0.9 < data.inputs.max() <= 1


def test_a_folder_without_test_images_has_tasks_without_tests(tmp_path):
    raw = tmp_path / "MNIST" / "raw"
    raw.mkdir(parents=True)
    for part, number in (("train", 30), ("t10k", 0)):
        write_idx(raw / f"{part}-images-idx3-ubyte", np.full((number, 28, 28), 255, dtype=np.uint8))
        write_idx(raw / f"{part}-labels-idx1-ubyte", (np.arange(number) % 10).astype(np.uint8))
    data, task = sequence("permuted_inputs", "data=mnist", f"data_folder={tmp_path}", "examples=null")
    assert data.test_inputs.shape == task(3).test_inputs.shape == (0, 784)
    assert task(3).inputs.shape == (30, 784)


def write_cifar10(folder, **more):
    folder.mkdir()
    generator = np.random.default_rng(0)
    for name in [*(f"data_batch_{k}" for k in range(1, 6)), "test_batch"]:
        images = generator.integers(256, size=(4, 3072), dtype=np.uint8)
        batch = {b"data": images, b"labels": [3, 0, 9, 1], **more}
        (folder / name).write_bytes(pickle.dumps(batch, protocol=2))


def test_cifar10_is_read_without_running_what_a_file_says(tmp_path):
    write_cifar10(tmp_path / "cifar-10-batches-py")
    words = "shuffled_labels", "data=cifar10", f"data_folder={tmp_path}", "examples=null"
    data, _ = sequence(*words)
    assert data.inputs.shape == (20, 3, 32, 32)
    assert data.test_labels.tolist() == [3, 0, 9, 1]
    other = tmp_path / "other"
    other.mkdir()
    write_cifar10(other / "cifar-10-batches-py", more=print)
    with pytest.raises(UserError, match=r"expected cifar10 as torchvision stores it .*builtin.*print is no array"):
        sequence(*words[:2], f"data_folder={other}")


@pytest.mark.parametrize(
    ("words", "message"),
    [
        (["random_labels", "examples=5000"], "task.examples: expected 1,437 at most with digits, got 5,000"),
        (["permuted_inputs", "data=gaussian"], "task.data: expected data with labels, got gaussian"),
        (["permuted_inputs", "data=mnist"], "task.data_folder: expected a folder with task.data=mnist"),
        (
            ["permuted_inputs", "data=mnist", "data_folder=/proc/no"],
            "data_folder=/proc/no: expected mnist as torchvis",
        ),
        (["random_labels", "num_envs=2"], "env.num_envs: expected 1"),
    ],
)
def test_mistakes(words, message):
    with pytest.raises(UserError, match=message):
        sequence(*words)


def test_as_an_environment_an_episode_is_a_pass_over_the_examples_of_the_task():
    config = compose_config(["task=shuffled_labels", "task.examples=30"]).env
    games = make_envs(config, 2, (0,))
    games.at_step(2 * config.task_steps + 1)
    assert games.task == 2
    observations, task = games.reset(), games.current()
    rows = {image.tobytes(): label for image, label in zip(task.inputs, task.labels, strict=True)}
    for _ in range(30):
        actions = np.array([rows[image[0].tobytes()] for image in observations])
        actions[1] = (actions[1] + 1) % 10
        step = games.step(actions)
        observations = step.observations
        assert step.rewards.tolist() == [1, 0]
    assert [(episode.length, episode.score) for episode in step.episodes] == [(30, 30), (30, 0)]
    assert step.terminated.all()
    state = games.state_dict()
    games.step(np.array([0, 0]))
    games.load_state_dict(state)
    assert np.array_equal(games.observations, state["observations"])
