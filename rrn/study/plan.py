"""Read the plan of a study, conf/study/<name>.yaml, and choose the part of it that a command line asks for."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

from hydra.core.override_parser.overrides_parser import OverridesParser
from hydra.core.override_parser.types import Glob
from hydra.errors import HydraException
from omegaconf import MISSING, OmegaConf
from omegaconf.errors import ConfigKeyError, OmegaConfBaseException, ValidationError
from yaml import YAMLError

from rrn.common.errors import UserError, first_line, nearest
from rrn.common.imports import is_import_string
from rrn.common.numbers import parse_int
from rrn.config import Config
from rrn.config.classes import name_of
from rrn.config.compose import check_range, check_words, choices, compose_unresolved, hydra_ready
from rrn.config.gym_ids import is_gym_id
from rrn.config.load import explain_validation_error, to_config
from rrn.config.own_folders import plan_folders
from rrn.config.register import files_of
from rrn.config.settings import STEPS
from rrn.config.words import plain_words

PART_KEYS = {"env": "games", "agent": "agents", "act": "activations", "seed": "seeds"}  # keys that choose a part

MARKS = ("\ue000", "\ue001", "\ue002")  # placeholders of game, activation and seed; letters that no name has


@dataclass(frozen=True)
class Method:
    """An agent with an activation, and settings of its own."""

    agent: str = MISSING
    act: str = MISSING
    overrides: list[str] = field(default_factory=list)  # for this method alone, such as act.lr=1e-5

    def __hash__(self) -> int:
        return hash(self.name)

    @property
    def name(self) -> str:
        return " ".join([self.agent, self.act, *self.overrides])


@dataclass
class Plan:
    """Content of a file in conf/study."""

    overrides: list[str] = MISSING  # for all runs, such as experiment=paper
    games: list[str] = MISSING
    methods: list[Method] = MISSING
    seeds: int = MISSING  # number of seeds
    first_seed: int = 0

    @property
    def all_seeds(self) -> list[int]:
        """List the seeds."""
        return list(range(self.first_seed, self.first_seed + self.seeds))


@dataclass(frozen=True)
class PlannedRun:
    """One run of a plan."""

    game: str
    method: Method
    seed: int
    steps: int  # agent steps of training
    folder: Path
    transitions: int = 0  # capacity of its replay buffer


@dataclass
class Part:
    """A plan, or a part of it, with the settings of the command line."""

    plan: Plan
    seeds: list[int]
    budget: tuple[str, int] | None = None  # steps or frames, and how many
    overrides: list[str] = field(default_factory=list)  # of the command line

    def configuration(self, game: str, method: Method) -> Config:
        """Compose the configuration of a game and a method, with the default seed.

        Raises:
            UserError: an override has an unknown choice or key, or a value that makes no sense.
        """
        with hydra_ready():
            return self._folder_and_config(game, method, check=True)[1]

    def _folder_and_config(self, game: str, method: Method, check: bool) -> tuple[str, Config]:
        """Compose the folder of such runs, with MARKS for game, activation and seed, and their configuration.

        Hydra must be initialised. Without `check`, mistakes are reported in Hydra's words; use that for overrides that
        were checked before, on another game.
        """
        words = self._words(game, method)
        if check:
            check_words(words)
        composed = compose_unresolved(words)
        config = to_config(composed)
        composed.env.name, composed.act.name, composed.seed = MARKS
        return composed.run_dir, config

    def _words(self, game: str, method: Method) -> list[str]:
        own = [word for word in self.overrides if not word.startswith("hydra")]
        chosen = [f"agent={method.agent}", f"env={game}", f"act={method.act}"]
        return plain_words([*self.plan.overrides, *chosen, *method.overrides, *own])

    def steps(self, config: Config) -> int:
        """Return the agent steps of a run, by the budget or else by its configuration.

        Raises:
            UserError: the budget is in frames, and the environment does not count them.
        """
        if self.budget is None:
            return config.steps
        unit, number = self.budget
        if unit == "steps":
            return number
        if config.env.frames_per_step is None:
            raise UserError(
                f"frames={number}: {config.env.name} has no emulator that counts them; give steps= instead."
            )
        return min(number // config.env.frames_per_step, config.steps)  # frames= makes no run longer

    def runs(self) -> list[PlannedRun]:
        """List every run, by game, method and seed.

        One configuration is composed for each agent, and for each method with overrides of its own, on one of the games
        with equal files of settings; it gives the folders of all these games.

        Raises:
            UserError: a mistake in an override, or two runs that would share a folder.
        """
        runs = []
        common: dict[tuple[str, ...], tuple[str, Config]] = {}
        with hydra_ready():
            for number, game in enumerate(self.plan.games):
                files = files_of(game)
                for method in self.plan.methods:
                    own = *files, method.agent, *method.overrides
                    if own not in common:
                        new = number == 0 or is_gym_id(game) or is_import_string(game)  # the check registers it
                        common[own] = self._folder_and_config(game, method, check=new)
                    folder, config = common[own]
                    env = config.env.name if files[0] == game else game  # composed for this game alone, or for several
                    for seed in self.seeds:
                        run = PlannedRun(
                            game=game,
                            method=method,
                            seed=seed,
                            steps=self.steps(config),
                            folder=Path(_filled_in(folder, env, name_of("act", method.act), seed)),
                            transitions=transitions(config),
                        )
                        runs.append(run)
        if len({run.folder for run in runs}) < len(runs):
            raise UserError(
                "run_dir: several runs would share a folder; put what differs into it on the command line, "
                "such as run_dir='runs/${env.name}/${agent.name}-${act.name}/seed${seed}'."
            )
        return runs


def _filled_in(folder: str, *values: object) -> str:
    for mark, value in zip(MARKS, values, strict=True):
        folder = folder.replace(mark, str(value))
    return folder


def transitions(config: Config) -> int:
    """Return the capacity of the replay buffer of a run, in transitions; 0 without one."""
    return getattr(config.agent, "replay_capacity", getattr(config.agent, "buffer_size", 0))


def load_plan(name: str) -> Plan:
    """Read the plan study/<name>.yaml in conf/ or in a folder of the user, or a file that ends in .yaml.

    Raises:
        UserError: there is no such plan, or the file holds something else.
    """
    plans = {path.stem: path for folder in plan_folders() for path in sorted(folder.glob("*.yaml"))}
    path = Path(name) if name.endswith((".yaml", ".yml")) else plans.get(name)
    if path is None or not path.is_file():
        known = ", ".join(sorted(plans))
        raise UserError(f"{name}: no such plan. There are {known}; a file of your own is given as my_plan.yaml.")
    try:
        read = _literal(OmegaConf.to_container(OmegaConf.load(path)))
        plan: Any = OmegaConf.to_object(OmegaConf.merge(OmegaConf.structured(Plan), OmegaConf.create(read)))
    except ValidationError as error:
        raise UserError(f"{path}: {error.full_key}: {explain_validation_error(error)}") from error
    except ConfigKeyError as error:
        expected = "overrides, games, methods, seeds and first_seed"
        raise UserError(f"{path}: {error.full_key}: expected {expected}.") from error
    except (OmegaConfBaseException, YAMLError, TypeError, AttributeError, UnicodeDecodeError) as error:
        raise UserError(f"{path}: expected overrides, games, methods and seeds ({first_line(error)}).") from error
    if not (plan.games and plan.methods and plan.seeds > 0):
        raise UserError(f"{path}: expected one game, method and seed at least.")
    with hydra_ready():
        acts = choices("act")
    for act in (method.act for method in plan.methods if method.act not in acts and not is_import_string(method.act)):
        raise UserError(f"{path}: act={act}: no such act. {nearest(act, acts)}")
    return plan


def _literal(value: Any) -> Any:
    """Escape ${...} in all texts, such as a run_dir: they refer to settings of the runs, not to the plan."""
    if isinstance(value, dict):
        return {key: _literal(inner) for key, inner in value.items()}
    if isinstance(value, list):
        return [_literal(inner) for inner in value]
    return value.replace("${", r"\${") if isinstance(value, str) else value


def take_part(plan: Plan, words: Iterable[str]) -> Part:
    """Choose the part of a plan that words such as env=Pong, seed=0,1 and frames=40M ask for.

    Other words are settings of the runs.

    Raises:
        UserError: a word asks for something that is not in the plan, or has no number where one is expected.
    """
    part = Part(plan, plan.all_seeds)
    texts: dict[str, str] = {}
    for word in words:
        key, equals, value = word.partition("=")
        if not equals:
            raise UserError(f"{word}: expected key=value, or start.")
        if key == "measure":
            raise UserError(f"{word}: expected measure=true or measure=false.")
        if key in PART_KEYS:
            texts[key] = value
        elif key in ("steps", "frames"):
            if part.budget and part.budget[0] != key:
                raise UserError("steps= and frames= are two ways to say one thing; give one of them.")
            part.budget = key, read_number(key, value)
        else:
            part.overrides.append(word)
    has = {
        "env": plan.games,
        "agent": sorted({method.agent for method in plan.methods}),
        "act": sorted({method.act for method in plan.methods}),
        "seed": list(map(str, plan.all_seeds)),
    }
    chosen = {key: _values(key, text, has[key]) for key, text in texts.items()}
    for key, values in chosen.items():
        for value in values:
            _check(key, value, has[key])
    methods = [
        method
        for method in plan.methods
        if method.agent in chosen.get("agent", has["agent"]) and method.act in chosen.get("act", has["act"])
    ]
    if not methods:
        raise UserError("no method of the plan has both this agent and this activation.")
    games = [game for game in plan.games if game in chosen.get("env", plan.games)]
    part.plan = replace(plan, games=games, methods=methods)
    if "seed" in chosen:
        part.seeds = sorted({int(seed) for seed in chosen["seed"]})
    return part


def _values(key: str, text: str, known: Sequence[str]) -> list[str]:
    """List the values of a word: one, several, a range(0,5) or a glob(*), as python -m rrn.train -m takes them."""
    try:
        override = OverridesParser.create().parse_override(f"{key}={text}")
    except HydraException:
        return text.split(",")
    if not override.is_sweep_override():
        return [text]
    check_range(override, f"{key}={text}")
    value = override.value()
    return value.filter(list(known)) if isinstance(value, Glob) else list(override.sweep_string_iterator())


def _check(key: str, value: str, known: Sequence[str]) -> None:
    if value not in known:
        hint = nearest(value, known, f"It has {', '.join(known)}.")
        raise UserError(f"{key}={value}: not among the {PART_KEYS[key]} of this plan. {hint}")


def read_number(key: str, text: str) -> int:
    """Read a number such as 200000, 500k or 1.5M.

    Raises:
        UserError: it is no integer above 0.
    """
    number = parse_int(text)
    if number is None or not 1 <= number <= STEPS:
        raise UserError(f"{key}={text}: expected a number such as 200000, 500k or 40M.")
    return number
