"""Compare the authors' protocol with ours under experiment=paper, line by line, with the entries of docs/details.md.

A line is either a value of our configuration, compared with the authors' settings files, or a rule without a setting,
from the papers, the authors' code or their data.
"""

from __future__ import annotations

import textwrap
from collections.abc import Callable, Sequence
from dataclasses import asdict, dataclass
from functools import cache
from itertools import zip_longest

from rrn.config import ActConfig, Config, dotted
from rrn.config.compose import compose_config
from rrn.reference.tables import games, row_of

TIME_LIMIT = 100_000  # agent steps of a game in the environments <Game>Deterministic-v4
SAME, DIFFERS = "same", "differs"
WIDTHS = (28, 19, 18, 15)  # of the columns


@dataclass(frozen=True)
class Line:
    """One point of the protocol."""

    what: str
    authors: str
    ours: str
    verdict: str  # same or differs
    entry: int | None = None  # number of its entry in docs/details.md


def _column(name: str, kind: type = int) -> Callable[[dict[str, str]], object]:
    return lambda row: kind(row[name])


def _is(value: object) -> Callable[[dict[str, str]], object]:
    """Return a function that gives one value for all games, of the authors' scripts, not of their settings files."""
    return lambda row: value


def _size(row: dict[str, str]) -> int | str:
    return int(row["width"]) if row["width"] == row["height"] else f"{row['width']}x{row['height']}"


# our setting: what it is, the authors' value, its entry in docs/details.md
VALUES: dict[str, tuple[str, Callable[[dict[str, str]], object], int | None]] = {
    "steps": ("agent steps of training", _column("total_agent_steps"), 8),
    "agent.double": ("Double DQN", _is(False), None),
    "agent.dueling": ("dueling", _is(False), None),
    "agent.n_step": ("agent steps of a transition", _is(1), None),
    "agent.distributional": ("distributions of returns", _is(False), None),
    "agent.prioritised": ("transitions drawn by priorities", _is(False), None),
    "agent.noisy": ("noisy layers in place of epsilon", _is(False), None),
    "agent.learning_rate": ("learning rate", _column("learning_rate", float), 16),
    "agent.adam_eps": ("epsilon of Adam", _is(1e-8), 12),
    "agent.max_grad_norm": ("gradient clipping", _is(None), 12),
    "agent.gamma": ("discount", _column("gamma", float), None),
    "agent.batch_size": ("batch size", _column("batch_size"), None),
    "agent.train_every": ("agent steps between updates", _column("train_frequency"), 9),
    "agent.gradient_steps": ("updates each time", _is(1), 9),
    "agent.dueling_hidden": ("layers of their own for it", _is(False), None),
    "agent.shift": ("random shift in an update", _is(0), None),
    "agent.intensity": ("random intensity in it", _is(0.0), None),
    "agent.target_every": ("and per copy to the target", _column("target_update_frequency"), 9),
    "agent.warmup": ("random steps before", _column("initial_replay_size"), 8),
    "agent.replay_capacity": ("replay buffer", _column("max_replay_size"), None),
    "agent.epsilon_start": ("epsilon at the start", _column("epsilon_start", float), None),
    "agent.epsilon_end": ("epsilon at the end", _column("epsilon_end", float), None),
    "agent.epsilon_steps": ("agent steps in between", _column("epsilon_decay_agent_steps"), None),
    "env.num_envs": ("parallel environments", _is(1), None),
    "env.frame_skip": ("frames per agent step", _column("frames_per_agent_step"), 6),
    "env.max_pool": ("maximum over two frames", _is(False), 6),
    "env.sticky_actions": ("sticky actions", _is(0.0), 6),
    "env.noop_max": ("most no-ops at the start", _column("max_no_op_actions"), 2),
    "env.fire": ("FIRE starts each life", _is(True), 3),
    "env.life_loss": ("lost life ends an episode", _is(True), 3),
    "env.frame_cap": ("most frames of a game", lambda row: TIME_LIMIT * int(row["frames_per_agent_step"]), 5),
    "env.size": ("size of the screen", _size, None),
    "env.resize": ("how it shrinks", _is("bilinear"), 1),
    "env.stack": ("frames per observation", _column("history_length"), None),
    "env.clip_rewards": ("rewards clipped to [-1, 1]", _is(True), None),
    "env.full_action_space": ("all 18 actions", _is(False), None),
    "evaluation.every": ("steps between evaluations", _column("evaluation_frequency"), 8),
    "evaluation.steps": ("steps of an evaluation", _column("test_samples"), 10),
    "evaluation.episodes": ("or games of an evaluation", _is(None), 10),
    "evaluation.num_envs": ("parallel in evaluations", _is(1), 10),
    "evaluation.epsilon": ("epsilon of an evaluation", _column("epsilon_evaluation", float), None),
}
# settings that change the speed or the name of a run, or have no effect under the paper's protocol
NOT_COMPARED = {
    "evaluation.start",
    "agent.name",
    "agent.kind",
    "agent.from_run",
    "agent.atoms",
    "agent.value_range",
    "agent.compile",
    "agent.replay_on_device",
    "agent.priority_alpha",
    "agent.priority_beta",
    "agent.priority_beta_steps",
    "agent.target",
    "agent.noisy_sigma",
    "env.name",
    "env.kind",
    "env.overlap",
    "evaluation.figure_every",
    "env.target",
}
NOT_CHANGES = {"steps", "agent.double"}  # free in a run with experiment=paper; agent= sets agent.double
# properties of agent=dqn without a setting: column of the authors' settings, value, entry
FIXED = {"optimiser": ("optimizer", "Adam", 12), "loss": ("loss", "smooth_l1", None)}

RULES = (
    Line("no-ops are counted in", "agent steps", "emulator frames", DIFFERS, 2),
    Line("no-ops are played", "after FIRE, in training for each life", "before FIRE, for each game", DIFFERS, 2),
    Line("FIRE at the start of a life", "before the agent's action", "in place of it", DIFFERS, 3),
    Line("stack at the start of a game", "the first screen, four times", "zeros and the first screen", DIFFERS, 58),
    Line("gained life ends an episode", "yes", "no", DIFFERS, 3),
    Line("stack after a lost life", "goes on", "goes on", SAME, 3),
    Line("game is over", "when the emulator says so", "when the emulator says so", SAME, 4),
    Line("weights of the last layer", "Xavier, gain 1", "Xavier, gain 1", SAME, 11),
    Line("weights of the other layers", "Xavier, gain sqrt(2)", "Xavier, gain sqrt(2)", SAME, 11),
    Line("update after a step sees it", "yes", "from the next one on", DIFFERS, 36),
    Line("sites of d_silu", "SiLU, SiLU, dSiLU, dSiLU", "SiLU, SiLU, dSiLU, dSiLU", SAME, 15),
    Line("start of rationals", "their library's leaky ReLU", "our fit of leaky ReLU", DIFFERS, 18),
    Line("form of rationals", "A (some runs B), 5/4, most with a learned centre", "A, 5/4", DIFFERS, 47),
    Line("pretrained rationals", "frozen, new weights", "frozen, new weights", SAME, 29),
)
OLDER_SCRIPT = Line("first evaluation", "before training", "before training", SAME, 8)
NEWER_SCRIPT = (
    Line("first evaluation", "it seems, after the first training period", "before training", DIFFERS, 46),
    Line("random steps are played", "it seems, not", "yes", DIFFERS, 46),
)


@cache
def settings(game: str) -> dict[str, object]:
    """Return our settings for a game under experiment=paper, by dotted name."""
    return dotted(asdict(compose_config([f"env={game}", "experiment=paper", "agent=dqn"])))


def changed(config: Config) -> list[str]:
    """List the settings of a run with DQN or Double DQN that are not the authors' for its game, except its steps.

    Settings of its activation are compared with ours under experiment=paper (RULES says how these differ).

    Raises:
        UserError: it is none of the paper's games.
    """
    own, row = dotted(asdict(config)), row_of("protocol", config.env.name)
    keys = [key for key, (_, theirs, _) in VALUES.items() if key not in NOT_CHANGES and own[key] != theirs(row)]
    usual = dotted(asdict(_activation(config.act.name)))
    return keys + [f"act.{key}" for key in sorted(usual) if own[f"act.{key}"] != usual[key]]


@cache
def _activation(name: str) -> ActConfig:
    return compose_config(["experiment=paper", f"act={name}"]).act


def compare(game: str) -> list[Line]:
    """Compare all points of the protocol for a game, values first.

    Raises:
        UserError: it is none of the paper's games.
    """
    row = row_of("protocol", game)
    ours = settings(game)
    values = [(what, theirs(row), ours[key], entry) for key, (what, theirs, entry) in VALUES.items()]
    values += [(what, row[column], value, entry) for what, (column, value, entry) in FIXED.items()]
    compared = [
        Line(what, _text(theirs), _text(own), SAME if theirs == own else DIFFERS, entry)
        for what, theirs, own, entry in values
    ]
    return [*compared, *RULES, *(NEWER_SCRIPT if game == "Tennis" else (OLDER_SCRIPT,))]


def report(game: str) -> str:
    """Write the comparison for a game as a table of 80 columns.

    Raises:
        UserError: it is none of the paper's games.
    """
    lines = compare(game)
    head = f"{game}: the authors' protocol ({row_of('protocol', game)['environment']}) and experiment=paper"
    return "\n".join([head, "", *_table(lines), "", f"{_count(lines)}. no. = entry of docs/details.md"])


def report_all() -> str:
    """Write in short in what the 15 games differ from the authors' protocol."""
    by_game = {game: compare(game) for game in games()}
    common = [line for line in by_game["Pong"] if line.verdict != SAME]
    lines = ["The authors' protocol and experiment=paper, 15 games; give one to see all of it.", ""]
    for game, compared in by_game.items():
        own = [line.what for line in compared if line.verdict != SAME and line not in common]
        lines.append(f"{game:<16}{_count(compared)}{'; of its own: ' + ', '.join(own) if own else ''}")
    lines = [part for line in lines for part in textwrap.wrap(line, 80, subsequent_indent=" " * 16) or [""]]
    return "\n".join(
        [*lines, "", "Not the same on all of them:", "", *_table(common), "", "no. = entry of docs/details.md"]
    )


def _count(lines: Sequence[Line]) -> str:
    same = sum(line.verdict == SAME for line in lines)
    return f"{same} same, {len(lines) - same} differ"


def _table(lines: Sequence[Line]) -> list[str]:
    rows = [_row(("", "authors", "ours", ""))]
    for line in lines:
        verdict = f"{line.verdict}, no. {line.entry}" if line.entry else line.verdict
        cells = [
            textwrap.wrap(text, width - 1)
            for text, width in zip((line.what, line.authors, line.ours), WIDTHS[:3], strict=True)
        ]
        rows += [_row(row) for row in zip_longest(*cells, [verdict], fillvalue="")]
    return rows


def _row(cells: Sequence[str]) -> str:
    return "".join(f"{text:<{width}}" for text, width in zip(cells, WIDTHS, strict=True)).rstrip()


def _text(value: object) -> str:
    if value is None or isinstance(value, bool):
        return {None: "none", True: "yes", False: "no"}[value]
    if isinstance(value, int):
        return f"{value:,}"
    return f"{value:g}" if isinstance(value, float) else str(value)
