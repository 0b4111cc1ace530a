"""Settings of environments. The defaults are in conf/env."""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, ClassVar

from omegaconf import MISSING

from rrn.config.games import MINATAR_GAMES, TWO_PLAYERS, atari_games
from rrn.config.gym_ids import find_spec, gym_name, is_gym_id
from rrn.config.settings import require, setting

if TYPE_CHECKING:
    from rrn.config.schema import Config


@dataclass
class EnvConfig:
    """Settings that every environment has.

    Attributes:
        envs: "package.module:Class" of its copies, made as Class(config, num_envs, seeds, reseed_after); imported when
            the environment is chosen.
        suite: end of the names of files with settings for all its games, as in conf/agent/for_env/dqn_MinAtar.yaml.
        paper_protocol: it can be used with experiment=paper and experiment=modern.
        most_threads: most CPU threads of torch in a run where `threads` is null. Small networks gain little from a
            second thread, and lose much with it where another program wants the processor too.
        packages: packages that scores depend on besides rrn, torch and NumPy, as named on the package index.
        video: "package.module:function" that draws a game, called as function(config, episode); it returns a
            `rrn.common.animation.Video`. None: there is nothing to see.
        averaged: the score of a run is the mean of its evaluations, not the last one.
        of_seed: settings that are the seed of the run, unless something else is chosen.
        frames_per_step: emulator frames of an agent step; None if it does not count frames.
        stack_frames: frames of an observation.
        frame_bytes: size of one frame in a replay buffer, from which a sweep knows how many runs fit into the memory;
            0 if frames are too small to matter. Of Gymnasium a copy is asked, in rrn/sweeps/resources.py.
    """

    envs: ClassVar[str]
    suite: ClassVar[str | None] = None
    paper_protocol: ClassVar[bool] = False
    most_threads: ClassVar[int] = 1
    packages: ClassVar[tuple[str, ...]] = ()
    video: ClassVar[str | None] = None
    averaged: ClassVar[bool] = False
    of_seed: ClassVar[tuple[str, ...]] = ()

    name: str = MISSING
    kind: str = MISSING  # atari, minatar, gym or cartpole; own: a class of your own
    num_envs: int = setting(at_least=1, at_most=4096, about="copies of the game that step together in training")
    clip_rewards: bool = setting(about="clip rewards to [-1, 1], for learning only")
    target: str | None = None  # package.module:Class of a class of your own; null: the class that `kind` has here

    @classmethod
    def games(cls) -> Collection[str]:
        """List the names that env= can be set to."""
        return ()

    @classmethod
    def refused(cls) -> dict[str, str]:
        """Say why some games cannot be chosen: name to reason."""
        return {}

    @property
    def frames_per_step(self) -> int | None:
        return None

    @property
    def stack_frames(self) -> int:
        return 1

    @property
    def frame_bytes(self) -> int:
        return 0

    @property
    def packages_of_run(self) -> tuple[str, ...]:
        """Name the packages that the scores of this run depend on, installed or not."""
        return self.packages

    def protocol(self) -> str:
        """Describe in one line what scores depend on besides the agent, so that two scores can be compared."""
        return f"protocol: {self.name}, {self._clip()}"

    def _clip(self) -> str:
        return "rewards clipped to [-1, 1]" if self.clip_rewards else "rewards not clipped"

    def check(self, config: Config) -> None:
        """Check values that need more than a range.

        Raises:
            UserError: a value that makes no sense.
        """


@dataclass
class AtariConfig(EnvConfig):
    """Settings of an Atari game, such as env=Pong."""

    envs: ClassVar[str] = "rrn.envs.atari:AtariEnv"
    paper_protocol: ClassVar[bool] = True
    most_threads: ClassVar[int] = 4
    packages: ClassVar[tuple[str, ...]] = ("gymnasium", "ale-py")
    video: ClassVar[str | None] = "rrn.envs.video:make_video"

    frame_skip: int = setting(at_least=1, at_most=1000, about="emulator frames per agent step")
    sticky_actions: float = setting(at_least=0, at_most=1, about="probability that the last action is repeated")
    max_pool: bool = setting(about="take the maximum over the last two frames")
    noop_max: int = setting(at_least=0, at_most=10_000, about="most no-ops at the start of a game")
    fire: bool = setting(False, about="play FIRE first in a game and in each life, if the game has that action")
    life_loss: bool = setting(about="a lost life ends an episode for learning")
    # the emulator counts in 32 bits
    frame_cap: int = setting(at_least=1, at_most=2 * 10**9, about="emulator frames after which a game is cut off")
    # at least 36, for the three convolutions; a frame of the emulator is 210x160
    size: int = setting(at_least=36, at_most=1024, about="height and width of the observation, pixels")
    resize: str = setting(
        "area",
        choices=("area", "bilinear"),
        about="interpolation to that size; bilinear, as in the paper, keeps more contrast of small things",
    )
    stack: int = setting(at_least=1, at_most=100, about="frames per observation")
    full_action_space: bool = setting(False, about="all 18 actions, not only those that the game uses")
    overlap: bool = setting(True, about="emulate while the agent learns; equal results in less time")

    @classmethod
    def games(cls) -> Collection[str]:
        return atari_games()

    @classmethod
    def refused(cls) -> dict[str, str]:
        return dict.fromkeys(TWO_PLAYERS, "the emulator has this game for two players only; choose another one.")

    @property
    def frames_per_step(self) -> int:
        return self.frame_skip

    @property
    def stack_frames(self) -> int:
        return self.stack

    @property
    def frame_bytes(self) -> int:
        return self.size**2

    def protocol(self) -> str:
        fire = ", FIRE for each life" if self.fire else ""
        actions = ", all 18 actions" if self.full_action_space else ""
        resize = {"area": "by area", "bilinear": "bilinearly"}[self.resize]
        return (
            f"protocol: frame skip {self.frame_skip}, sticky actions {self.sticky_actions:g}, "
            f"max-pool {'on' if self.max_pool else 'off'}, no-ops up to {self.noop_max}{fire}, "
            f"life loss {'ends' if self.life_loss else 'does not end'} an episode for learning, {self._clip()}, "
            f"frame cap {self.frame_cap}, resize to {self.size}x{self.size} {resize}, stack {self.stack}"
            f"{actions}"
        )


@dataclass
class MinAtarConfig(EnvConfig):
    """Settings of a MinAtar game, such as env=MinAtar-Breakout."""

    envs: ClassVar[str] = "rrn.envs.minatar:MinAtarEnv"
    suite: ClassVar[str | None] = "MinAtar"
    packages: ClassVar[tuple[str, ...]] = ("minatar",)
    video: ClassVar[str | None] = "rrn.envs.minatar_video:make_video"

    sticky_actions: float = setting(at_least=0, at_most=1, about="probability that the last action is repeated")
    ramping: bool = setting(about="the game becomes harder as it goes on")
    step_cap: int = setting(at_least=1, at_most=10**9, about="agent steps after which a game is cut off")

    @classmethod
    def games(cls) -> Collection[str]:
        return MINATAR_GAMES

    def protocol(self) -> str:
        return (
            f"protocol: {self.name}, sticky actions {self.sticky_actions:g}, "
            f"ramping {'on' if self.ramping else 'off'}, {self._clip()}, step cap {self.step_cap}"
        )


@dataclass
class GymConfig(EnvConfig):
    """Settings of an environment of Gymnasium, such as env=LunarLander-v3 or env=my_package:MyEnv-v0."""

    envs: ClassVar[str] = "rrn.envs.gymnasium:GymEnv"
    packages: ClassVar[tuple[str, ...]] = ("gymnasium",)
    video: ClassVar[str | None] = "rrn.envs.gym_video:make_video"

    id: str = ""  # of Gymnasium, [module:][namespace/]name-version
    kwargs: dict[str, Any] | None = field(
        default=None, metadata={"about": "arguments of the environment, such as {gravity: -5.0}"}
    )
    max_episode_steps: int | None = setting(
        None,
        at_least=1,
        at_most=10**9,
        about="agent steps after which an episode is cut off; null: as it is registered",
    )
    stack: int = setting(1, at_least=1, at_most=100, about="frames per observation")
    vectorization: str = setting(
        "sync",
        choices=("sync", "async"),
        about="async: a process for each copy, for slow ones; the results are the same",
    )
    exact: bool | None = setting(
        None, about="false: start new episodes on resume; null: if a short probe shows that no replay is possible"
    )

    @property
    def stack_frames(self) -> int:
        return self.stack

    @property
    def packages_of_run(self) -> tuple[str, ...]:
        module = self.id.rpartition(":")[0].partition(".")[0]
        return (*self.packages, "box2d", "mujoco", *filter(None, (module,)))

    def suites(self) -> list[str]:
        """Name the files with settings for several ids that this one is among, the most special first."""
        return [*(["MuJoCo"] if self._module().startswith("gymnasium.envs.mujoco") else []), "Gym"]

    def of_gymnasium(self) -> bool:
        """Return whether the environment comes with Gymnasium."""
        return self._module().startswith("gymnasium.envs.")

    def _module(self) -> str:
        return str(find_spec(self.id).entry_point)

    def protocol(self) -> str:
        options = {"arguments": self.kwargs, "cut off after": self.max_episode_steps}
        given = [f"{name} {value}" for name, value in options.items() if value]
        stack = [f"stack {self.stack}"] if self.stack > 1 else []
        return ", ".join([f"protocol: {self.name}", *given, self._clip(), *stack])

    def check(self, config: Config) -> None:
        require(is_gym_id(self.id), "env.id", "an id of Gymnasium such as LunarLander-v3", self.id)
        require(self.kind != "gym" or self.name == gym_name(self.id), "env.name", gym_name(self.id), self.name)


@dataclass
class CartPoleConfig(GymConfig):
    """Settings of env=CartPole."""

    id: str = "CartPole-v1"

    @classmethod
    def games(cls) -> Collection[str]:
        return ("CartPole",)


ENVS: dict[str, type[EnvConfig]] = {
    "atari": AtariConfig,
    "minatar": MinAtarConfig,
    "gym": GymConfig,
    "cartpole": CartPoleConfig,
}
