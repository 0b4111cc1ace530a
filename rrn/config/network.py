"""Settings of the networks. They have defaults, since older runs lack them in their config.yaml."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from rrn.common.errors import UserError
from rrn.common.imports import is_import_string
from rrn.config.settings import require, setting

if TYPE_CHECKING:
    from rrn.config.schema import Config

DEFAULT = "default"
WIDEST = 16384  # units of a layer


@dataclass
class NetworkConfig:
    """Settings of every network."""

    name: str = DEFAULT
    target: str | None = setting(
        None, about="package.module:Class of a network of your own; null: the one that network= names"
    )
    kwargs: dict[str, Any] | None = setting(None, about="arguments of the class network.target; null: none")
    norm: str | None = setting(
        None, choices=("layer",), about="layer: layer normalisation before each activation; null: none"
    )

    def check(self, config: Config) -> None:
        """Check values that need more than a range.

        Raises:
            UserError: a value that makes no sense.
        """
        if self.target is None:
            require(self.kwargs is None, "network.kwargs", "null without network.target", self.kwargs)
        else:
            require(self.name == DEFAULT, "network.target", f"null with network={self.name}", self.target)
            require(is_import_string(self.target), "network.target", "package.module:Class, or null", self.target)
        if config.agent.builds_network and folder_suffix(self.name, self.target, self.norm):
            raise UserError(
                f"network: agent={config.agent.name} has the networks of stable-baselines3; leave network= and "
                "network.* out, or take agent=dqn or agent=ppo."
            )


@dataclass
class MLPConfig(NetworkConfig):
    """Settings of network=mlp."""

    widths: list[int] = field(default_factory=lambda: [128, 128], metadata={"about": "units of each hidden layer"})

    def check(self, config: Config) -> None:
        super().check(config)
        fits = self.widths and all(1 <= width <= WIDEST for width in self.widths)
        require(fits, "network.widths", f"whole numbers from 1 to {WIDEST}, one for each hidden layer", self.widths)


@dataclass
class ImpalaConfig(NetworkConfig):
    """Settings of network=impala."""

    width: int = setting(1, at_least=1, at_most=16, about="factor of the channels of the convolutions")


NETWORKS: dict[str, type[NetworkConfig]] = {
    DEFAULT: NetworkConfig,
    "nature": NetworkConfig,
    "minatar": NetworkConfig,
    "mlp": MLPConfig,
    "impala": ImpalaConfig,
    "small": NetworkConfig,
}


def folder_suffix(name: str, target: str | None, norm: str | None, usual_norm: str | None = None) -> str:
    """Return what a network adds to the name of the folder of a run, such as "-impala"; nothing for the default.

    A norm adds something, such as "-layernorm" or "-nonorm", unless it is the usual one of the agent.
    """
    kind = target.rpartition(":")[2].rpartition(".")[2] if target else name
    return (f"-{kind}" if kind != DEFAULT else "") + (f"-{norm or 'no'}norm" if norm != usual_norm else "")
