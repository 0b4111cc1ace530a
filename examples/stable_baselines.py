"""Train PPO of stable-baselines3 with a rational activation, save it and load it again.

python examples/stable_baselines.py [steps]

Needs: the extra `sb3`.
"""

import sys

import torch
from stable_baselines3 import PPO
from stable_baselines3.common.evaluation import evaluate_policy

import rrn.sb3

steps = int(sys.argv[1]) if len(sys.argv) > 1 else 20_000
torch.set_num_threads(1)  # the network is too small to gain from more

# The hidden layers and their activations. Options of rrn.Rational, such as degrees and version, can follow.
policy_kwargs = rrn.sb3.policy_kwargs("recurrent_rational", hidden=(64, 64), init="tanh")
model = PPO("MlpPolicy", "CartPole-v1", policy_kwargs=policy_kwargs, seed=0, device="cpu")
rational = next(module for module in model.policy.modules() if isinstance(module, rrn.Rational))
before = rational.numerator.detach().clone()
model.learn(steps)
print(f"the coefficients moved by {(rational.numerator - before).abs().max().item():.5f}")

mean, deviation = evaluate_policy(model, model.get_env(), n_eval_episodes=5)
print(f"return after {model.num_timesteps:,} steps: {mean:.1f} +- {deviation:.1f}")

# The file has all that is needed: no policy_kwargs here.
model.save("cartpole.zip")
again = PPO.load("cartpole.zip", device="cpu")
observation = model.get_env().reset()
actions = [one.predict(observation, deterministic=True)[0].item() for one in (model, again)]
print(f"actions of the saved and of the loaded agent: {actions[0]}, {actions[1]}")
