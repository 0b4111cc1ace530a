"""Train an agent, load the best of it, and play with it in an ordinary loop of Gymnasium.

python examples/trained_agent.py

Needs: the extra `rl`.
"""

import rrn

# The names of the command line; dotted ones as words. Each evaluation comes by here; return True to stop.
result = rrn.train(
    "agent.learning_rate=1e-3",
    "evaluation.every=1000",
    env="CartPole",
    act="rational",
    steps=4000,
    on_evaluation=lambda now: now.scores["mean"] >= 475,
)
print(f"scores: {result.curve.means}")

agent = rrn.load(result.folder)  # the weights of the best evaluation
env = agent.make_env()
observation, _ = env.reset(seed=0)
score, ended = 0.0, False
while not ended:
    observation, reward, terminated, truncated, _ = env.step(agent.act(observation))
    score, ended = score + float(reward), terminated or truncated

print(agent)
print(f"score of one game: {score}")
print(f"parameters: {sum(p.numel() for p in agent.network.parameters()):,}")  # agent.network is an ordinary module
