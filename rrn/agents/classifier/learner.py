"""Learn the tasks of a sequence one after the other, in minibatches."""

from __future__ import annotations

import torch
from torch import Tensor
from torch.nn import functional as F

from rrn.agents.classifier.agent import Classifier
from rrn.agents.learner import Learner
from rrn.common.eval_mode import eval_mode
from rrn.config import Config
from rrn.config.task import TaskConfig
from rrn.envs import Episode
from rrn.tasks.env import TaskEnv

CURVATURE_EXAMPLES = 256


class ClassifierLearner(Learner):
    """Train a classifier; an agent step is an update.

    Each epoch goes through all examples in a new order, in minibatches of which the last may be smaller; a new task
    begins a new epoch.

    Args:
        config: of the run, whose env is a `TaskConfig`.
        agent: the classifier.
        games: the tasks.
    """

    agent: Classifier
    games: TaskEnv
    steps_per_call = 1

    def __init__(self, config: Config, agent: Classifier, games: TaskEnv):
        super().__init__()
        self.agent, self.games = agent, games
        assert isinstance(config.env, TaskConfig)
        self.batch_size, self.task_steps = agent.config.batch_size, config.env.task_steps
        self.order = torch.empty(0, dtype=torch.int64)  # rows that are still to come in this epoch
        self.begun: int | None = None  # task that this process has begun last
        self.start = [parameter.detach().clone() for parameter in agent.parameters]
        self.right, self.seen = 0, 0  # labels since the last evaluation
        self._take(0)

    def _take(self, task: int) -> None:
        """Make the examples of a task those to learn from."""
        self.games.task = task
        examples, device = self.games.current(), self.agent.device
        self.inputs = torch.from_numpy(examples.inputs)[:, None].to(device)
        self.labels = torch.from_numpy(examples.labels).to(device)

    def training_step(self, step: int, measure: bool) -> list[Episode]:
        if step % self.task_steps == 0:
            self.begin_task(step // self.task_steps)
        self.update(measure)
        return []

    def begin_task(self, number: int) -> None:
        """Go on to the task with this number, the first one is 0."""
        self._take(number)
        self.agent.begin_task(number)
        self.begun = number
        self.order = self.order[:0]

    def update(self, measure: bool) -> None:
        """Learn from the next minibatch of the task.

        Raises:
            NotFinite: the loss is NaN or infinite.
        """
        rows = self.next_rows()
        inputs, labels = self.inputs.index_select(0, rows), self.labels.index_select(0, rows)  # quicker than [rows]
        right, measured = self.agent.update(inputs, labels, measure)
        self.count(right, len(rows), measured)

    def next_rows(self) -> Tensor:
        """Return the rows [B] of the next minibatch."""
        if not len(self.order):
            self.order = torch.randperm(len(self.labels), generator=self.agent.generator)
        rows, self.order = self.order[: self.batch_size], self.order[self.batch_size :]
        return rows.to(self.labels.device)

    def put_back(self, rows: Tensor) -> None:
        """Let these rows [B] be the next minibatch."""
        self.order = torch.cat((rows.to(self.order.device), self.order))

    def count(self, right: int, seen: int, measured: dict[str, float]) -> None:
        """Count an update: how many labels were right before it, of how many, and what it measured."""
        self.right, self.seen = self.right + right, self.seen + seen
        self.log_values(measured | {"accuracy": 100 * right / seen})

    def evaluate(self) -> dict[str, float]:
        """Measure accuracies in per cent.

        Returns:
            mean: of the labels since the last evaluation, each before the update with it, which Kumar et al. (2023)
            call online accuracy; before training, that of the first task. after: of all examples of the task now.
            test: of its test examples, where there are some.
        """
        examples = self.games.current()
        with eval_mode(self.agent.network):
            after = self.agent.accuracy(self.inputs, self.labels)
            scores = {"mean": 100 * self.right / self.seen if self.seen else after, "after": after}
            if len(examples.test_labels):
                test = torch.from_numpy(examples.test_inputs)[:, None], torch.from_numpy(examples.test_labels)
                scores["test"] = self.agent.accuracy(*test)
        self.right = self.seen = 0
        return scores

    def sample_loss(self) -> Tensor:
        """Return the loss on the first examples of the task."""
        inputs, labels = self.inputs[:CURVATURE_EXAMPLES], self.labels[:CURVATURE_EXAMPLES]
        return F.cross_entropy(self.agent.network(inputs), labels)

    def sample_observations(self, number: int, generator: torch.Generator) -> Tensor:
        rows = torch.randint(len(self.labels), (number,), generator=generator)
        return self.inputs[rows.to(self.labels.device)]

    def schedules(self, step: int) -> dict[str, float]:
        return {"task": float(self.games.task)}

    def progress_text(self, step: int) -> str:
        return f"task {self.games.task + 1}"

    def state_dict(self) -> dict:
        counts = {"task": self.games.task, "right": self.right, "seen": self.seen}
        start = [parameter.clone() for parameter in self.start]
        return {**super().state_dict(), **counts, "order": self.order.clone(), "start": start}

    def load_state_dict(self, state: dict) -> None:
        super().load_state_dict(state)
        self._take(state["task"])
        self.right, self.seen, self.order = state["right"], state["seen"], state["order"]
        self.start = [value.to(self.agent.device) for value in state["start"]]
