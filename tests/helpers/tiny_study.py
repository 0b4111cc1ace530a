"""A plan of four short runs."""

TINY = """
overrides: [experiment=smoke, steps=400]
games: [CartPole]
methods:
  - {agent: dqn, act: relu}
  - {agent: dqn, act: rational, overrides: [act.lr=1e-4]}
seeds: 2
"""
