"""Train DQN and PPO of Stable-Baselines3 as agents of a run."""
