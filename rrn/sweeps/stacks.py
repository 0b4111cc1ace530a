"""Group the runs of a sweep that are to be trained as one program: those that differ in the seed alone."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict

from omegaconf import OmegaConf

from rrn.config import Config
from rrn.config.differences import dotted
from rrn.config.settings import require


def stacks(configs: Sequence[Config]) -> dict[int, dict[int, str]]:
    """Group runs by `stack_seeds`.

    Args:
        configs: of all runs of a sweep.

    Returns:
        For the number of the first run of each stack, the numbers of all of its runs, with their configurations as
        YAML. Stacks of one run are left out.

    Raises:
        UserError: the agent of a run cannot be stacked.
    """
    alike: dict[tuple, list[int]] = {}
    for number, config in enumerate(configs):
        if config.stack_seeds > 1:
            agent = config.agent
            require(agent.stackable, "stack_seeds", f"1 with agent={agent.name}", config.stack_seeds)
            values = dotted(asdict(config))
            of_seed = {"seed", "run_dir", *(f"env.{name}" for name in config.env.of_seed)}
            key = tuple((name, str(value)) for name, value in values.items() if name not in of_seed)
            alike.setdefault(key, []).append(number)
    found = {}
    for numbers in alike.values():
        size = configs[numbers[0]].stack_seeds
        for first in range(0, len(numbers), size):
            stack = numbers[first : first + size]
            if len(stack) > 1:
                found[stack[0]] = {number: OmegaConf.to_yaml(configs[number]) for number in stack}
    return found
