"""Count the parameters of each network with activations that change its size, for docs/networks.md.

python -m scripts.docs.parameters
"""

from __future__ import annotations

from rrn.config.compose import compose_config
from rrn.networks.build import make_network

NETWORKS = {  # on the environment that it is usual for: frame and stacked frames
    "nature": ((84, 84), 4),
    "small": ((84, 84), 4),
    "impala": ((84, 84), 4),
    "minatar": ((4, 10, 10), 1),
    "mlp": ((4,), 1),
}
OUTPUTS = 6
ACTIVATIONS = (
    *("relu", "pelu", "prelu", "rational", "recurrent_rational", "crelu", "crelu_half", "crelu_equal", "fourier"),
    *("fourier_equal", "maxout", "hadamard_tanh"),
)


def count(network: str, *words: str) -> int:
    """Return the number of parameters of a network with OUTPUTS outputs."""
    made = make_network(compose_config([f"network={network}", *words]), *NETWORKS[network], OUTPUTS)
    return sum(p.numel() for p in made.parameters())


def main() -> None:
    print(f"| `act=` | {' | '.join(f'`{name}`' for name in NETWORKS)} |")
    print(f"| --- |{' --: |' * len(NETWORKS)}")
    plain = {network: count(network, "act=relu") for network in NETWORKS}
    print(f"| `relu` | {' | '.join(f'{number:,}' for number in plain.values())} |")
    for act in ACTIVATIONS[1:]:
        shares = [count(network, f"act={act}") / plain[network] for network in NETWORKS]
        print(f"| `{act}` | {' | '.join(f'{share:.3f}' for share in shares)} |")
    shares = [count(network, "act=relu", "network.norm=layer") / plain[network] for network in NETWORKS]
    print(f"| `relu`, `network.norm=layer` | {' | '.join(f'{share:.3f}' for share in shares)} |")


if __name__ == "__main__":
    main()
