"""TensorBoard's table of runs: the columns of all of them, and a success only of those that are done."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest
from tensorboard.backend.event_processing.data_provider import MultiplexerDataProvider
from tensorboard.backend.event_processing.plugin_event_multiplexer import EventMultiplexer
from tensorboard.context import RequestContext
from tensorboard.plugins.base_plugin import TBContext
from tensorboard.plugins.hparams import api_pb2
from tensorboard.plugins.hparams.backend_context import Context
from tensorboard.plugins.hparams.list_session_groups import Handler

from rrn.config.compose import compose_config
from rrn.runs.logger import RunLogger
from rrn.training.trainer import Trainer


def table(folder: Path) -> tuple[set[str], dict[str, str]]:
    """Columns that TensorBoard shows for a folder of runs, and the status of each run."""
    events = EventMultiplexer().AddRunsFromDirectory(str(folder)).Reload()
    context = Context(TBContext(data_provider=MultiplexerDataProvider(events, str(folder)), logdir=str(folder)))
    metadata = context.hparams_metadata(RequestContext(), "")
    experiment = context.experiment_from_metadata(RequestContext(), "", True, metadata, [])
    request = api_pb2.ListSessionGroupsRequest(
        allowed_statuses=api_pb2.Status.values(), start_index=0, slice_size=100, col_params=[]
    )
    groups = Handler(RequestContext(), context, "", request).run().session_groups
    statuses = {session.name: api_pb2.Status.Name(session.status) for group in groups for session in group.sessions}
    assert "evaluation/mean" in {metric.name.tag for metric in experiment.metric_infos}
    return {info.name for info in experiment.hparam_infos}, statuses


def log(folder: Path, values: dict, done: bool | None) -> RunLogger:
    folder.mkdir(parents=True)
    records = RunLogger(folder)
    records.configuration("seed: 0", values)
    records.scalars(0, {"evaluation/mean": 1.0})
    records.flush()
    if done is not None:
        records.end(done)
    return records


def test_each_run_adds_its_columns_and_has_the_status_that_it_has(tmp_path):
    log(tmp_path / "a", {"agent.name": "dqn", "agent.noisy": True, "steps": 5}, done=True)
    log(tmp_path / "b", {"agent.name": "ppo", "agent.clip": 0.2, "act.degrees": [5, 4]}, done=None)
    log(tmp_path / "c", {"agent.name": "ppo", "seed": 1}, done=False)
    columns, statuses = table(tmp_path)
    assert columns == {"agent.name", "agent.noisy", "steps", "agent.clip", "act.degrees", "seed"}
    assert statuses == {"a": "STATUS_SUCCESS", "b": "STATUS_UNKNOWN", "c": "STATUS_FAILURE"}


@pytest.mark.slow
def test_a_run_is_no_success_while_it_goes_on(tmp_path):
    config = compose_config(["env=CartPole", "experiment=smoke", "act=relu", f"run_dir={tmp_path / 'run'}"])
    folder = Path(config.run_dir)
    folder.mkdir()
    assert Trainer(config, folder, lambda: False).run()
    assert table(tmp_path)[1] == {"run": "STATUS_SUCCESS"}
    asked = iter([False] * 3 + [True] * 9)
    longer = Trainer(replace(config, steps=800, resume=True), folder, stop=lambda: next(asked))
    assert table(tmp_path)[1] == {"run": "STATUS_UNKNOWN"}
    assert not longer.run()
    assert table(tmp_path)[1] == {"run": "STATUS_UNKNOWN"}
    assert Trainer(replace(config, steps=800, resume=True), folder, lambda: False).run()
    assert table(tmp_path)[1] == {"run": "STATUS_SUCCESS"}


@pytest.mark.slow
def test_a_run_that_fails_is_a_failure(tmp_path):
    config = compose_config(["env=CartPole", "experiment=smoke", "act=relu", f"run_dir={tmp_path / 'run'}"])
    Path(config.run_dir).mkdir()
    trainer = Trainer(config, Path(config.run_dir), lambda: False)
    trainer.learner.training_step = lambda step, log: 1 / 0
    with pytest.raises(ZeroDivisionError):
        trainer.run()
    assert table(tmp_path)[1] == {"run": "STATUS_FAILURE"}
