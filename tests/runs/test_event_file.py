"""What TensorBoard shows of a run that was killed, resumed, restarted or extended, whatever the clocks did.

It is read by TensorBoard's own readers: the one that it runs by default without its fast loader, and the older one.
"""

from __future__ import annotations

import time
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

import pytest
from helpers.scalars import read_scalars
from tensorboard.backend.event_processing.event_accumulator import EventAccumulator
from tensorboard.backend.event_processing.plugin_event_multiplexer import EventMultiplexer
from tensorboard.util import tensor_util
from torch.utils.tensorboard import SummaryWriter

from rrn.config.compose import compose_config
from rrn.runs.logger import RunLogger
from rrn.training.trainer import Trainer

NOW = 1_800_000_000
CLOCKS = {
    "right": (NOW, NOW + 100, NOW + 200, NOW + 300),
    "ahead at first": (2 * NOW, NOW, NOW + 100, NOW + 200),
    "set back more and more": (NOW, NOW - 100, NOW - 200, NOW - 300),
    "the same second": (NOW, NOW, NOW, NOW),
    "ahead in the middle": (NOW, 2 * NOW, NOW + 200, NOW + 200),
}
TEXT = "configuration/text_summary"


def reader(folder: Path) -> EventMultiplexer:
    return EventMultiplexer(size_guidance={"tensors": 0}).AddRunsFromDirectory(str(folder))


def shown_by(events: EventMultiplexer) -> dict[str, list[tuple[int, object]]]:
    """(step, value) of each point that is shown, in order, by name."""
    run = events.Reload().GetAccumulator(".")
    return {
        tag: [(event.step, tensor_util.make_ndarray(event.tensor_proto).item()) for event in run.Tensors(tag)]
        for tag in run.Tags()["tensors"]
        if run.SummaryMetadata(tag).plugin_data.plugin_name in ("scalars", "text")
    }


def shown(folder: Path) -> dict[str, list[tuple[int, object]]]:
    """The same, after a look that the older reader shows the same scalars."""
    values, older = shown_by(reader(folder)), EventAccumulator(str(folder), size_guidance={"scalars": 0}).Reload()
    for tag in older.Tags()["scalars"]:
        assert [(event.step, event.value) for event in older.Scalars(tag)] == values[tag]
    return values


def points(records: RunLogger, process: int, steps: Sequence[int]) -> list[tuple[int, object]]:
    """Points at these steps that say which process wrote them."""
    for step in steps:
        records.scalars(step, {"x": process, "y": process})
    records.flush()
    return [(step, process) for step in steps]


def set_clock(monkeypatch, now: int) -> None:
    monkeypatch.setattr(time, "time", lambda: float(now))


def kill_at(monkeypatch, step: int) -> None:
    """Instead of the checkpoint of this step."""
    save = Trainer._save

    def saved(trainer: Trainer) -> None:
        if trainer.step == step:
            raise KeyboardInterrupt
        save(trainer)

    monkeypatch.setattr(Trainer, "_save", saved)


def begin(folder: Path) -> RunLogger:
    records = RunLogger(folder)
    records.configuration("a: 1", {"a": 1})
    return records


@pytest.mark.parametrize("clocks", CLOCKS.values(), ids=CLOCKS)
def test_each_point_is_shown_once_whatever_the_clocks_say(tmp_path, monkeypatch, clocks):
    set_clock(monkeypatch, clocks[0])
    records = begin(tmp_path)
    expected = points(records, 0, range(11))
    lengths = records.flush()  # a checkpoint at step 10
    points(records, 0, range(10, 16))  # an evaluation of step 10 too; then it is killed
    for process in (1, 2):
        set_clock(monkeypatch, clocks[process])
        records = RunLogger(tmp_path, 10, lengths)
        later = points(records, process, range(11, 13 + 5 * process))  # killed, and then to the end
    lengths = records.flush()
    records.close()
    assert shown(tmp_path)["x"] == expected + later
    set_clock(monkeypatch, clocks[3])
    records = RunLogger(tmp_path, 22, lengths)  # with more steps=
    later += points(records, 3, range(23, 31))
    records.close()
    values = shown(tmp_path)
    assert values["x"] == values["y"] == expected + later
    assert values[TEXT] == [(0, b"```yaml\na: 1\n```")]


@pytest.mark.parametrize("clocks", CLOCKS.values(), ids=CLOCKS)
def test_a_new_start_shows_nothing_of_the_one_before(tmp_path, monkeypatch, clocks):
    kept = [tmp_path / name for name in ("events.out.tfevents.mine", "notes.txt", "more/events.out.tfevents.1.a")]
    for path in kept:
        path.parent.mkdir(exist_ok=True)
        path.touch()
    for process, clock in enumerate(clocks):
        set_clock(monkeypatch, clock)
        records = begin(tmp_path)
        expected = points(records, process, range(20 - 5 * process))
    values = shown(tmp_path)
    assert values["x"] == expected
    assert len(values[TEXT]) == 1
    assert len(set(tmp_path.glob("events.out.tfevents.*")) - {kept[0]}) == 1
    assert all(path.exists() for path in kept)


@pytest.mark.parametrize("clocks", CLOCKS.values(), ids=CLOCKS)
def test_a_tensorboard_that_looks_on_shows_a_resumed_run_too(tmp_path, monkeypatch, clocks):
    set_clock(monkeypatch, clocks[0])
    records = begin(tmp_path)
    expected = points(records, 0, range(11))
    lengths = records.flush()
    points(records, 0, range(11, 16))
    looks_on = reader(tmp_path)
    assert len(shown_by(looks_on)["x"]) == 16
    for process in (1, 2, 3):
        set_clock(monkeypatch, clocks[process])
        later = points(RunLogger(tmp_path, 10, lengths), process, range(11, 14 + process))
        assert shown_by(looks_on)["x"] == expected + later


@pytest.mark.parametrize("clocks", CLOCKS.values(), ids=CLOCKS)
def test_a_run_from_before_goes_on(tmp_path, monkeypatch, clocks):
    """Its checkpoint does not know of event files; TensorBoard's own writer made them."""
    set_clock(monkeypatch, clocks[0])
    records = begin(tmp_path)
    lengths = {name: length for name, length in records.flush().items() if "tfevents" not in name}
    for path in tmp_path.glob("*tfevents*"):
        path.unlink()
    with SummaryWriter(tmp_path, purge_step=0) as writer:
        for step in range(16):
            writer.add_scalar("x", 0, step)
    for process in (1, 2, 3):
        set_clock(monkeypatch, clocks[process])
        records = RunLogger(tmp_path, 10, lengths)
        later = points(records, process, range(11, 14))
    assert shown(tmp_path)["x"] == [(step, 0) for step in range(11)] + later


def test_a_run_goes_on_without_its_event_files(tmp_path):
    records = begin(tmp_path)
    points(records, 0, range(5))
    lengths = records.flush()
    for path in tmp_path.glob("*tfevents*"):
        path.unlink()
    expected = points(RunLogger(tmp_path, 4, lengths), 1, range(5, 8))
    assert shown(tmp_path)["x"] == expected


@pytest.mark.slow
def test_tensorboard_shows_what_scalars_csv_holds_after_two_kills(tmp_path, monkeypatch):
    """Before the first checkpoint and between two; the clock was ahead at first."""
    overrides = ["env=CartPole", "experiment=smoke", "steps=120", "evaluation.every=60", "checkpoint.every=40"]
    config = replace(compose_config([*overrides, f"run_dir={tmp_path}"]), resume=True)
    for now, step in ((2 * NOW, 40), (NOW, 80)):
        set_clock(monkeypatch, now)
        with monkeypatch.context() as patch:
            kill_at(patch, step)
            with pytest.raises(KeyboardInterrupt):
                Trainer(config, tmp_path, lambda: False).run()
    assert Trainer(config, tmp_path, lambda: False).run()
    values = shown(tmp_path)
    rows = read_scalars(tmp_path)
    for name in {name for _, name, _ in rows}:
        assert values[name] == [(step, pytest.approx(value, rel=1e-6)) for step, other, value in rows if other == name]
    assert len(values[TEXT]) == 1
    assert {step for step, name, _ in rows if name == "evaluation/mean"} == {0, 60, 120}


def test_an_event_file_that_is_deleted_while_a_run_goes_on_is_written_again(tmp_path):
    records = begin(tmp_path)
    expected = points(records, 0, range(5))
    for path in tmp_path.glob("*tfevents*"):
        path.unlink()
    expected += points(records, 0, range(5, 8))
    records.flush()
    expected += points(records, 0, range(8, 10))
    records.close()
    assert shown(tmp_path)["x"] == expected
